from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fercli.dataset import SPLITS, Dataset, write_dataset
from fercli.errors import IntegrityError, UsageError
from fercli.models.recipes import with_options
from fercli.models.registry import MODELS
from fercli.training.checks import origin
from fercli.training.plan import Plan
from tests.training.test_plan import write_run


def test_what_a_training_would_refuse_is_refused_before_keras_loads(data: Path, dataset: Dataset, tmp_path: Path) -> None:
    """The trainer makes the same checks, with Keras."""
    run = tmp_path / "run"
    run.mkdir()
    write_run(run, dataset)
    for options, told in (
        ({}, "holds a run already"),
        ({"resume": True, "epochs": 3}, "was trained with epochs 35"),
        ({"overwrite": True, "start": [Path("shallow")]}, "holds a shallow network, not deep"),
        ({"overwrite": True, "start": [tmp_path / "no.onnx"]}, "does not exist"),
        ({"overwrite": True, "teachers": [Path("deep")]}, "was not trained on this data set alone"),
        ({"overwrite": True, "teacher_share": 0.5}, "name one with --teacher"),
    ):
        with pytest.raises(UsageError, match=told):
            Plan("deep", data, run, **options)
    with pytest.raises(UsageError, match="drop --erasing"):
        Plan("deep-hog", data, erasing=0.5)
    with pytest.raises(IntegrityError, match="is from a run of"):
        Plan("shallow", data, run, resume=True)
    train, validation, test = (replace(dataset.split(name), votes=None) for name in SPLITS)
    without = replace(dataset, train=train, validation=validation, test=test)
    write_dataset(without, tmp_path / "plain.npz")
    with pytest.raises(UsageError, match="--votes 0"):
        Plan("compact", tmp_path / "plain.npz")


@pytest.mark.parametrize(
    ("options", "used"),
    [
        ({"votes": 0.4}, True),
        ({"votes": 0.0}, False),
        ({"votes": 0.0, "votes_by_agreement": True}, True),
    ],
)
def test_a_run_remembers_the_votes_that_it_used(dataset: Dataset, options: dict[str, Any], used: bool) -> None:
    """So that another file of votes is noticed when it is resumed."""
    model = MODELS["compact"]
    votes = origin(model, with_options(model.recipe, **options), dataset)["votes"]
    assert votes == (dataset.meta["sha256"]["train_votes"] if used else None)
