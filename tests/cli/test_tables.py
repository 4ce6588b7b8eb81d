from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fercli.cli.tables import _hog, show_confusion, show_tables
from fercli.dataset import Dataset
from fercli.evaluation.comparisons import Comparison, compare_hog
from fercli.evaluation.measures import evaluate
from fercli.labels import LABELS
from fercli.models.registry import MODELS
from tests.fakes import FakeLabeller


@pytest.fixture
def shown(dataset: Dataset, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, list[str]]]:
    """What the tables have, by the first words of the line, without the models' names."""

    def show(*names: str) -> dict[str, list[str]]:
        results = []
        for name in names:
            labeller = FakeLabeller()
            labeller.name = labeller.title = name
            results.append(evaluate(labeller, dataset, "test"))
        show_tables(results, compare_hog(results, dataset.test.labels), MODELS["deep"].published, "test")
        lines = [line.split("  ") for line in capsys.readouterr().out.splitlines() if line.strip()]
        cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
        return {first: others for first, *others in cells}  # of equals the last stays

    return show


def test_each_model_has_a_column_and_each_source(shown: Callable[..., dict[str, list[str]]], dataset: Dataset) -> None:
    table = shown("compact", "shallow")
    accuracy = f"{100 * evaluate(FakeLabeller(), dataset, 'test').measures.accuracy:.1f}"
    assert table["accuracy, %"] == [accuracy] * 2
    assert table["all"] == [accuracy, accuracy, "64.0", "62.8"]
    assert len(table["happy"]) == 4
    assert table["0.7"] == [f"100.0 / {accuracy}"] * 2
    assert table["0.8"] == ["0.0 / –"] * 2


def test_counts_stand_beside_the_true_ones_and_the_crowds(capsys: pytest.CaptureFixture[str], dataset: Dataset) -> None:
    result = evaluate(FakeLabeller(), dataset, "test")
    show_tables([result], [], [], "test")
    lines = capsys.readouterr().out.split("Each class, fake, test")[1].split("Confusion")[0].splitlines()
    rows = {words[0]: words[1:] for line in lines if (words := line.split()) and words[0] in LABELS}
    labels = FakeLabeller().label(dataset.test.pixels).argmax(axis=1)
    assert [rows[name][3:] for name in LABELS] == [["3", str(count), "3"] for count in np.bincount(labels, minlength=7)]


def test_the_labels_of_faces_that_the_crowd_is_sure_of_are_shown(capsys: pytest.CaptureFixture[str], dataset: Dataset) -> None:
    result = evaluate(FakeLabeller(), dataset, "test")
    show_tables([result], [], [], "test")
    assert "At least 8 of 10 people agree (FER+), fake, test" in capsys.readouterr().out
    without = replace(result, measures=replace(result.measures, crowd=None, crowd_images=None, crowd_confusion=None))
    show_tables([without], [], [], "test")
    assert "people agree" not in capsys.readouterr().out


def test_what_hog_gave_is_shown(shown: Callable[..., dict[str, list[str]]]) -> None:
    table = shown("deep", "deep-hog", "shallow", "shallow-hog")
    assert table["accuracy gained by HOG, points"] == ["0.0", "0.0"]
    assert table["conclusion"] == ["may be chance", "may be chance"]


@pytest.mark.parametrize(
    ("difference", "p_value", "points", "conclusion"),
    [(-0.0003, 1.0, "0.0", "may be chance"), (0.02, 0.01, "+2.0", "HOG helps"), (-0.02, 0.01, "-2.0", "HOG harms")],
)
def test_a_conclusion_follows_from_the_test(difference: float, p_value: float, points: str, conclusion: str) -> None:
    cells = _hog(Comparison("deep", "deep-hog", difference, (-0.0002, 0.1), 1, 2, p_value))
    assert (cells[0], cells[1], cells[-1]) == (points, "0.0 to +10.0", conclusion)


def test_a_class_without_images_has_no_shares(capsys: pytest.CaptureFixture[str]) -> None:
    show_confusion([[2, 2, *[0] * 5], *[[0] * 7] * 6], "Confusion", "true")
    _, first, shares, second, *_ = [line.split() for line in capsys.readouterr().out.splitlines() if line.split()[1:]][1:]
    assert (first[:3], shares[:2]) == (["angry", "2", "2"], ["50%", "50%"])
    assert second == ["disgust", *["–"] * 7]
