import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from fercli.dataset import Dataset
from fercli.errors import UsageError
from fercli.models.checkpoints import CHECKPOINT, Checkpoint, write_checkpoint
from fercli.models.registry import MODELS, weights_path
from fercli.training.plan import TEACHER_SHARE, Plan
from tests.fakes import FakeLabeller


def write_run(folder: Path, dataset: Dataset, **recipe: Any) -> None:
    """Write a checkpoint of `deep`, as far as a plan looks at it."""
    metadata: dict[str, Any] = {"model": "deep", "dataset": dataset.digest(), "votes": None, "history": []}
    metadata["recipe"] = asdict(replace(MODELS["deep"].recipe, **recipe))
    write_checkpoint(Checkpoint({}, metadata), folder / CHECKPOINT)


class Teacher(FakeLabeller):
    """Trained on whatever data set is named."""

    def __init__(self, path: Path, dataset: Dataset) -> None:
        super().__init__(path)
        self.trained_on = frozenset({dataset.digest()})


def test_the_recipe_is_the_registrys_with_changes_or_the_runs_own(data: Path, dataset: Dataset, tmp_path: Path) -> None:
    recipe = MODELS["deep"].recipe
    plan = Plan("deep", data, epochs=3, seed=None)
    assert (plan.recipe, plan.folder) == (replace(recipe, epochs=3), Path("runs/deep"))
    write_run(tmp_path, dataset, epochs=9)
    assert Plan("deep", data, tmp_path, resume=True).recipe.epochs == 9
    with pytest.raises(TypeError, match="epoch"):
        Plan("deep", data, epoch=3)


def test_hog_is_read_where_the_model_takes_it(data: Path) -> None:
    assert Plan("deep", data).dataset.train.hog is None
    assert Plan("deep-hog", data, start=[Path("deep-hog")]).dataset.train.hog is not None


def test_start_names_runs_or_shipped_models(data: Path, tmp_path: Path) -> None:
    assert Plan("deep", data, start=[Path("deep")]).start == [weights_path("deep")]
    shutil.copy(weights_path("deep"), tmp_path / "model.onnx")
    assert Plan("deep", data, start=[tmp_path]).start[0].parent == tmp_path


def test_teachers_have_half_of_the_targets_unless_told(
    data: Path, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fercli.training.plan.teacher_from", lambda path: Teacher(path, dataset))
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


def test_a_plan_loads_no_keras(data: Path, tmp_path: Path) -> None:
    """Whether it is refused or not: another test may have loaded Keras into this process, a child has not."""
    program = (
        "import sys; from pathlib import Path; from fercli.training.plan import Plan; data = Path(sys.argv[1]);"
        "Plan('compact', data, data.parent / 'run', start=[Path('compact')]);"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, data], check=True, timeout=100)
