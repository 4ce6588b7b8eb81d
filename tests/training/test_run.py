from dataclasses import asdict
from pathlib import Path

import pytest

from fercli.errors import IntegrityError, UsageError
from fercli.models.checkpoints import Checkpoint, write_checkpoint
from fercli.models.registry import MODELS
from fercli.training.run import CHECKPOINT, stored_recipe


def test_a_runs_recipe_is_read_from_its_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to resume; drop --resume"):
        stored_recipe(tmp_path)
    recipe = MODELS["compact"].recipe
    write_checkpoint(Checkpoint({}, {"recipe": asdict(recipe)}), tmp_path / CHECKPOINT)
    assert stored_recipe(tmp_path) == recipe
    write_checkpoint(Checkpoint({}, {"recipe": {"speed": 9}}), tmp_path / CHECKPOINT)
    with pytest.raises(IntegrityError, match="no recipe that this version knows"):
        stored_recipe(tmp_path)
