import json
import math
from dataclasses import replace

import numpy as np
import pytest

from fercli.dataset import Dataset
from fercli.evaluation.measures import (
    Evaluation,
    area_under_curve,
    cohens_kappa,
    evaluate,
    measure,
    wilson_interval,
)
from fercli.evaluation.shifts import accuracies_under_shifts
from tests.fakes import FakeLabeller


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
    assert measures.precision == [pytest.approx(2 / 3), None, None, pytest.approx(2 / 3), None, None, None]
    assert measures.f1 == [pytest.approx(2 / 3), None, None, pytest.approx(4 / 5), 0, None, None]
    assert measures.true == [3, 0, 0, 2, 1, 0, 0]
    assert measures.predicted == [3, 0, 0, 3, 0, 0, 0]
    assert measures.accuracy == pytest.approx(4 / 6)
    assert measures.balanced_accuracy == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert measures.macro_f1 == pytest.approx((2 * 2 / (3 + 3) + 2 * 2 / (2 + 3) + 0) / 3)
    assert measures.leaked == 1
    assert measures.leak_free_accuracy == pytest.approx(3 / 5)


def test_leaks_are_unknown_on_another_data_set(dataset: Dataset) -> None:
    labeller = FakeLabeller()
    assert evaluate(labeller, dataset, "test").measures.leak_free_accuracy is None
    labeller.trained_on = frozenset({dataset.digest()})
    assert evaluate(labeller, dataset, "test").measures.leak_free_accuracy is not None
    labeller.trained_on |= {"of the weights that training began with"}
    assert evaluate(labeller, dataset, "test").measures.leak_free_accuracy is None


def test_all_leaked_has_no_leak_free_accuracy() -> None:
    assert measure(np.zeros(2, np.uint8), np.zeros(2, np.int64), np.ones(2, bool)).leak_free_accuracy is None


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (0, 20, 0.0, 0.1611), (20, 20, 0.8389, 1.0), (15, 148, 0.0624, 0.1605)],
)
def test_wilsons_interval_as_published(successes: int, trials: int, low: float, high: float) -> None:
    """Newcombe 1998, Table I, method 3."""
    assert np.allclose(wilson_interval(successes, trials), (low, high), atol=2e-4)


def test_cohens_kappa_by_hand() -> None:
    assert cohens_kappa([[20, 5], [10, 15]]) == pytest.approx(0.4)
    assert cohens_kappa([[3, 0], [0, 2]]) == 1
    assert cohens_kappa([[3, 0], [0, 0]]) is None


def test_the_area_under_the_curve_counts_pairs() -> None:
    assert area_under_curve(np.array([0.9, 0.5]), np.array([0.1, 0.5])) == (1 + 1 + 1 + 0.5) / 4
    assert area_under_curve(np.array([0.1]), np.array([0.9])) == 0
    assert math.isnan(area_under_curve(np.array([]), np.array([0.9])))


def test_evaluate_measures_the_labeller(dataset: Dataset) -> None:
    labeller = FakeLabeller()
    result = evaluate(labeller, dataset, "test")
    assert result.probabilities.shape == (21, 7)
    assert result.measures.images == 21
    assert result.images_per_second > 0
    summary = result.summary()
    assert summary["accuracy"] == result.measures.accuracy
    assert "probabilities" not in summary
    assert "shifts" not in summary
    assert summary["crowd"] == summary["true"] == [3] * 7
    assert sum(summary["predicted"]) == 21
    assert [item["kept"] for item in summary["kept"]] == [1, 1, 1, 0, 0]
    assert summary["crowd_images"] == 21
    assert summary["crowd_agreement"] == pytest.approx(result.measures.accuracy)  # there, the crowd agrees with the labels
    assert 0 <= summary["calibration_error"] == summary["calibration_error_before"]


def test_evaluate_measures_after_shifts_if_asked(dataset: Dataset) -> None:
    result = evaluate(FakeLabeller(), dataset, "test", shifts=True)
    assert result.shifts == accuracies_under_shifts(FakeLabeller(), dataset.test)
    assert result.mean_over_shifts == pytest.approx(np.mean(list(result.shifts.values())))
    assert (result.summary()["shifts"], result.summary()["mean_over_shifts"]) == (result.shifts, result.mean_over_shifts)
    assert evaluate(FakeLabeller(), dataset, "test").mean_over_shifts is None


def test_agreement_with_a_crowd_that_is_sure(dataset: Dataset) -> None:
    votes = np.zeros((21, 10), np.uint8)
    votes[0, 3] = 10
    votes[1, [3, 4]] = 7, 3  # not sure
    votes[2, [5, 8]] = 8, 2
    votes[3, 9] = 10  # sure of no face
    voted = replace(dataset, test=replace(dataset.test, votes=votes))
    labels = [int(row.argmax()) for row in FakeLabeller().label(dataset.test.pixels)]
    pairs = [(3, labels[0]), (5, labels[2])]
    measures = evaluate(FakeLabeller(), voted, "test").measures
    assert measures.crowd == [0, 0, 0, 2, 0, 1, 0]
    assert measures.crowd_images == 2
    assert measures.crowd_agreement == sum(seen == labelled for seen, labelled in pairs) / 2
    assert measures.crowd_confusion == [[pairs.count((row, column)) for column in range(7)] for row in range(7)]


def test_a_crowd_that_is_never_sure_agrees_with_nothing(dataset: Dataset) -> None:
    votes = np.zeros((21, 10), np.uint8)
    unsure = evaluate(FakeLabeller(), replace(dataset, test=replace(dataset.test, votes=votes)), "test").measures
    assert (unsure.crowd, unsure.crowd_images, unsure.crowd_agreement) == ([0] * 7, 0, None)
    without = evaluate(FakeLabeller(), replace(dataset, test=replace(dataset.test, votes=None)), "test").measures
    assert (without.crowd, without.crowd_images, without.crowd_agreement, without.crowd_confusion) == (None,) * 4


@pytest.mark.parametrize("shifts", [True, False])
def test_a_summary_has_all_but_the_predictions(shifts: bool, dataset: Dataset) -> None:
    result = evaluate(FakeLabeller(), dataset, "test", shifts=shifts)
    again = Evaluation.from_summary(json.loads(json.dumps(result.summary())))
    assert again.summary() == result.summary()
    assert again.measures == result.measures
    assert again.shifts == result.shifts


def test_a_summary_of_version_0_2_lacks_what_its_confusion_matrix_tells(dataset: Dataset) -> None:
    result = evaluate(FakeLabeller(), dataset, "test")
    older = {
        name: value for name, value in result.summary().items() if name not in ("precision", "f1", "true", "predicted", "kept")
    }
    again = Evaluation.from_summary(older).measures
    assert (again.precision, again.f1) == (result.measures.precision, result.measures.f1)
    assert (again.true, again.predicted, again.kept) == (result.measures.true, result.measures.predicted, [])
