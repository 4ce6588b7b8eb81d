from dataclasses import asdict, replace
from pathlib import Path

import pytest

from fercli.errors import UsageError
from fercli.models.checkpoints import Checkpoint, write_checkpoint
from fercli.models.registry import MODELS, weights_path
from fercli.training.plan import TEACHER_SHARE, Plan
from fercli.training.run import CHECKPOINT
from tests.conftest import FakeLabeller


def test_the_recipe_is_the_registrys_with_changes_or_the_runs_own(data: Path, tmp_path: Path) -> None:
    recipe = MODELS["deep"].recipe
    plan = Plan("deep", data, epochs=3, seed=None)
    assert (plan.recipe, plan.folder) == (replace(recipe, epochs=3), Path("runs/deep"))
    write_checkpoint(Checkpoint({}, {"recipe": asdict(replace(recipe, epochs=9))}), tmp_path / CHECKPOINT)
    assert Plan("deep", data, tmp_path, resume=True).recipe.epochs == 9
    with pytest.raises(TypeError, match="epoch"):
        Plan("deep", data, epoch=3)


def test_hog_is_read_where_the_model_takes_it(data: Path) -> None:
    assert Plan("deep", data).dataset.train.hog is None
    assert Plan("deep-hog", data, start=[Path("deep-hog")]).dataset.train.hog is not None


def test_start_names_runs_or_shipped_models(data: Path, tmp_path: Path) -> None:
    assert Plan("deep", data, start=[Path("deep")]).start == [weights_path("deep")]
    assert Plan("deep", data, start=[tmp_path]).start[0].parent == tmp_path


def test_teachers_have_half_of_the_targets_unless_told(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fercli.training.plan.teacher_from", FakeLabeller)
    assert Plan("deep", data, teachers=[tmp_path]).recipe.teacher_share == TEACHER_SHARE
    assert Plan("deep", data, teachers=[tmp_path], teacher_share=0.2).recipe.teacher_share == 0.2
    assert Plan("deep", data).recipe.teacher_share == 0
    with pytest.raises(UsageError, match="drop --teacher"):
        Plan("deep", data, tmp_path, teachers=[tmp_path], resume=True)


def test_what_does_not_go_together_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder; name another with --out"):
        Plan("deep", data, data)
    with pytest.raises(UsageError, match="drop --start"):
        Plan("deep", data, tmp_path, resume=True, start=[tmp_path])
    with pytest.raises(UsageError, match="nothing to resume"):
        Plan("deep", data, tmp_path, resume=True)
    with pytest.raises(UsageError, match="is an ensemble"):
        Plan("ensemble", data)
