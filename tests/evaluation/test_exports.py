import csv
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fercli.dataset import Dataset
from fercli.errors import IntegrityError
from fercli.evaluation.exports import card_text, files_of_card
from fercli.evaluation.measures import evaluate
from fercli.evaluation.shifts import SHIFTS
from fercli.labels import LABELS
from fercli.models.registry import MODELS, card_path, weights_folder
from tests.conftest import Ran
from tests.evaluation.test_provenance import METADATA
from tests.fakes import FakeLabeller

Run = Callable[..., Ran]


@pytest.mark.usefixtures("fake_shipped")
def test_files_hold_every_number(fercli: Run, data: Path, tmp_path: Path) -> None:
    files = tmp_path / "e.json", tmp_path / "p.csv", tmp_path / "plots"
    ran = fercli(
        "evaluate", "--data", data, "--split", "validation", "--json", files[0], "--predictions", files[1], "--plots", files[2]
    )
    assert ran.code == 0
    report = json.loads(files[0].read_text())
    (model,) = report["models"]
    assert (model["title"], model["split"], model["images"]) == ("fake", "validation", 14)
    assert f"{100 * model['accuracy']:.1f}" in ran.stdout
    assert [item["source"] for item in report["published"]] == ["paper", "re-implementation"]
    with files[1].open() as handle:
        lines = list(csv.DictReader(handle))
    assert len(lines) == 14
    assert lines[0]["row"] == "42"
    right = [line["true"] == line["predicted"] for line in lines]
    assert sum(right) / 14 == pytest.approx(model["accuracy"])
    assert all(abs(sum(float(line[name]) for name in LABELS) - 1) < 1e-3 for line in lines)
    assert {path.name for path in files[2].iterdir()} == {
        "confusion-fake.png", "reliability-fake.png", "per-class.png", "curves.png",
    }  # fmt: skip
    for option, path in zip(("--json", "--predictions", "--plots"), files, strict=True):
        again = fercli("evaluate", "--data", data, option, path)
        assert again.code == 2
        assert "--overwrite" in again.talk
        assert fercli("evaluate", "--data", data, option, path, "--overwrite").code == 0


def test_a_card_measures_nothing_that_was_measured_before(dataset: Dataset, tmp_path: Path) -> None:
    labeller = FakeLabeller()
    recipe = asdict(MODELS["deep"].recipe)
    labeller.metadata = {"model": "deep", "epoch": 1, "recipe": recipe, "versions": {}, "dataset": dataset.meta["digest"]}
    known = evaluate(labeller, dataset, "test", shifts=True)
    labeller.batches.clear()
    for name, data in files_of_card(labeller, dataset, tmp_path, tta=True, shifts=True, measured=[known]).items():
        (tmp_path / name).write_bytes(data)
    assert labeller.batches.count(21) == 2  # the test images with test-time augmentation, first to warm up
    assert labeller.batches.count(14) == 2 * 2 + 16  # the validation images without it, with it, and after each change
    metrics = json.loads((tmp_path / "deep-metrics.json").read_text())
    assert [split["shifts"].keys() for split in metrics["splits"]] == [SHIFTS.keys()] * 2
    card = (tmp_path / "deep-card.md").read_text()
    assert "| noise of 10 |" in card
    assert "| with test-time augmentation |" in card
    assert card == card_text(tmp_path, "deep")


@pytest.mark.parametrize("name", [model.name for model in MODELS.values() if model.sha256])
def test_the_shipped_cards_are_what_their_measurements_say(name: str) -> None:
    """`python tests/bench/cards.py weights` makes them so."""
    assert card_path(name, "card.md").read_text() == card_text(weights_folder(), name)


@pytest.mark.parametrize("odd", [{"dataset": None}, {"epoch": None}, {"versions": None}, {"dropout": ["x"]}])
def test_weights_that_tell_odd_things_of_their_training_have_no_card(dataset: Dataset, tmp_path: Path, odd: dict[str, Any]) -> None:
    """None stands for what is missing. They are refused before anything is measured."""
    metadata = METADATA | odd
    labeller: Any = SimpleNamespace(name="deep", title="mine", metadata={key: value for key, value in metadata.items() if value})
    with pytest.raises(IntegrityError, match="mine has metadata on its training that fercli never writes"):
        files_of_card(labeller, dataset, tmp_path, tta=False, shifts=False)
