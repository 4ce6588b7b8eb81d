import numpy as np
import pytest

from fercli.dataset import Dataset
from fercli.evaluation.comparisons import compare_hog, mcnemar
from fercli.evaluation.measures import Evaluation, evaluate, measure
from tests.fakes import FakeLabeller


@pytest.mark.parametrize(("gained", "lost", "p"), [(10, 2, 0.0386), (2, 10, 0.0386), (5, 5, 1.0), (0, 0, 1.0), (0, 6, 0.03125)])
def test_mcnemars_exact_test(gained: int, lost: int, p: float) -> None:
    """Against R: binom.test(2, 12), binom.test(0, 6)."""
    assert mcnemar(gained, lost) == pytest.approx(p, abs=5e-5)


def test_mcnemar_of_many_images_neither_overflows_nor_underflows() -> None:
    assert 0 < mcnemar(1900, 1600) < 1e-5
    assert mcnemar(1750, 1750) == 1.0


def _evaluation(model: str, predicted: list[int]) -> Evaluation:
    labels = np.zeros(len(predicted), np.uint8)
    measures = measure(labels, np.array(predicted), None)
    return Evaluation(model, model, "test", 1, 1, 1.0, measures, np.eye(7, dtype=np.float32)[predicted])


def test_what_hog_gave_on_the_same_images() -> None:
    labels = np.zeros(10, np.uint8)
    plain = _evaluation("deep", [0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    hybrid = _evaluation("deep-hog", [0, 0, 0, 1, 0, 0, 0, 1, 1, 1])
    other = _evaluation("shallow", [0] * 10)
    (found,) = compare_hog([hybrid, other, plain], labels)
    assert (found.without, found.with_hog, found.gained, found.lost) == ("deep", "deep-hog", 3, 1)
    assert found.difference == pytest.approx(0.2)
    half = 1.96 * (4 - 4 / 10) ** 0.5 / 10
    assert found.interval == pytest.approx((0.2 - half, 0.2 + half), abs=1e-4)
    assert found.p_value == mcnemar(3, 1)


@pytest.mark.parametrize(
    ("with_hog", "without", "alike"),
    [
        ({"recipe": {"epochs": 7, "l2": 0.1}}, {"recipe": {"epochs": 7, "l2": 0.1}}, True),
        ({"recipe": {"epochs": 7, "l2": 0.1}}, {"recipe": {"epochs": 10, "l2": 0.1}}, False),
        ({"recipe": {"votes": 0.0, "mixup": 0.0}}, {"recipe": {}}, True),  # an older version wrote the second
        ({"recipe": {"votes": 0.5}}, {"recipe": {}}, False),
        ({"recipe": {}, "start": {"sha256": "d1g"}}, {"recipe": {}}, False),
        ({"recipe": {}, "dropout": [0.2]}, {"recipe": {}, "dropout": [0.1]}, False),
        ({"recipe": {}, "dataset": "one"}, {"recipe": {}, "dataset": "other"}, False),
        ({}, {"recipe": {"votes": 0.5}}, False),
    ],
)
def test_only_what_was_trained_alike_is_compared(
    with_hog: dict[str, object], without: dict[str, object], alike: bool, dataset: Dataset
) -> None:
    results = []
    for name, metadata in (("deep-hog", with_hog), ("deep", without)):
        labeller = FakeLabeller()
        labeller.name, labeller.metadata = name, metadata
        results.append(evaluate(labeller, dataset, "test"))
    assert bool(compare_hog(results, dataset.test.labels)) == alike
