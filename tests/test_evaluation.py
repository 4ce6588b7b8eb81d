import json

import numpy as np
import pytest

from fercli.dataset import Dataset
from fercli.evaluation import evaluate, measure, wilson_interval
from fercli.inference import Labeller, shipped_weights
from fercli.registry import MODELS, card_path
from tests.conftest import FakeLabeller


def test_measures_by_hand() -> None:
    labels = np.array([0, 0, 0, 3, 3, 4], np.uint8)
    predicted = np.array([0, 0, 3, 3, 3, 0])
    leaked = np.array([True, False, False, False, False, False])
    measures = measure(labels, predicted, leaked)
    assert measures.images == 6
    assert measures.confusion[0][:4] == [2, 0, 0, 1]
    assert measures.confusion[4][0] == 1
    assert sum(map(sum, measures.confusion)) == 6
    assert measures.per_class == [pytest.approx(2 / 3), None, None, 1.0, 0.0, None, None]
    assert measures.accuracy == pytest.approx(4 / 6)
    assert measures.balanced_accuracy == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert measures.macro_f1 == pytest.approx((2 * 2 / (3 + 3) + 2 * 2 / (2 + 3) + 0) / 3)
    assert measures.leaked == 1
    assert measures.leak_free_accuracy == pytest.approx(3 / 5)


def test_leaks_are_unknown_on_another_data_set(dataset: Dataset) -> None:
    labeller = FakeLabeller()
    assert evaluate(labeller, dataset, "test").measures.leak_free_accuracy is None  # type: ignore[arg-type]
    labeller.metadata = {"dataset": dataset.digest()}
    assert evaluate(labeller, dataset, "test").measures.leak_free_accuracy is not None  # type: ignore[arg-type]


def test_all_leaked_has_no_leak_free_accuracy() -> None:
    assert measure(np.zeros(2, np.uint8), np.zeros(2, np.int64), np.ones(2, bool)).leak_free_accuracy is None


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (0, 20, 0.0, 0.1611), (20, 20, 0.8389, 1.0), (15, 148, 0.0624, 0.1605)],
)
def test_wilsons_interval_as_published(successes: int, trials: int, low: float, high: float) -> None:
    """Newcombe 1998, Table I, method 3."""
    assert np.allclose(wilson_interval(successes, trials), (low, high), atol=2e-4)


def test_evaluate_measures_the_labeller(dataset: Dataset) -> None:
    labeller = FakeLabeller()
    result = evaluate(labeller, dataset, "test")  # type: ignore[arg-type]
    assert result.probabilities.shape == (21, 7)
    assert result.measures.images == 21
    assert result.images_per_second > 0
    summary = result.summary()
    assert summary["accuracy"] == result.measures.accuracy
    assert "probabilities" not in summary


@pytest.mark.parametrize("name", [model.name for model in MODELS.values() if model.sha256])
def test_shipped_weights_reproduce_their_card(name: str, real_dataset: Dataset) -> None:
    result = evaluate(Labeller(shipped_weights(name)), real_dataset, "test")
    card = json.loads(card_path(name, "metrics.json").read_text())
    (stated,) = [split for split in card["splits"] if split["split"] == "test"]
    for measure_name in ("accuracy", "leak_free_accuracy", "balanced_accuracy", "macro_f1"):
        assert getattr(result.measures, measure_name) == pytest.approx(stated[measure_name], abs=1e-3)
