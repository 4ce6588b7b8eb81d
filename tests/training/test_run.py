from dataclasses import asdict
from pathlib import Path

import pytest

from fercli.errors import IntegrityError, UsageError
from fercli.models.checkpoints import CHECKPOINT, Checkpoint, write_checkpoint
from fercli.models.history import Epoch
from fercli.models.registry import MODELS
from fercli.training.run import stored_history, stored_recipe


def test_a_runs_recipe_is_read_from_its_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to resume; drop --resume"):
        stored_recipe(tmp_path)
    recipe = MODELS["compact"].recipe
    write_checkpoint(Checkpoint({}, {"recipe": asdict(recipe)}), tmp_path / CHECKPOINT)
    assert stored_recipe(tmp_path) == recipe
    known = asdict(recipe)
    augmentation = {"augmentation": known["augmentation"] | {"shift": None}}
    for odd in (
        {"speed": 9},
        known | {"epochs": "9"},
        known | {"learning_rate": [0.1]},
        known | {"seed": None},
        known | augmentation,
    ):
        write_checkpoint(Checkpoint({}, {"recipe": odd}), tmp_path / CHECKPOINT)
        with pytest.raises(IntegrityError, match="no recipe that this version knows"):
            stored_recipe(tmp_path)


@pytest.mark.parametrize("odd", [5, [5], [{"epoch": 1}], [asdict(Epoch(1, 1, 1, 1, 1, 1, 1)) | {"val_accuracy": "high"}]])
def test_a_history_that_holds_odd_values_is_refused(tmp_path: Path, odd: object) -> None:
    recipe = MODELS["compact"].recipe
    told = {"model": "compact", "dataset": "abc", "votes": None}
    with pytest.raises(IntegrityError, match="no history that can be read"):
        stored_history(told | {"recipe": asdict(recipe), "history": odd}, told, recipe, tmp_path)
