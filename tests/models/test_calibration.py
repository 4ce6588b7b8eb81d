import numpy as np
import pytest

from fercli.models.calibration import (
    CONFIDENCES,
    FEWEST,
    Kept,
    cross_entropy,
    expected_calibration_error,
    fit_temperature,
    kept_from,
    reliability,
    tempered,
)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: np.ndarray = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_made_the_logits_is_found(temperature: float) -> None:
    generator = np.random.default_rng(0)
    true = generator.normal(size=(20000, 7)) * 2
    labels = (softmax(true).cumsum(axis=1) > generator.random((20000, 1))).argmax(axis=1)
    assert fit_temperature(true * temperature, labels) == pytest.approx(temperature, rel=0.05)
    error = expected_calibration_error(tempered(softmax(true * temperature), temperature), labels)
    assert error < 0.01
    if temperature != 1:
        assert expected_calibration_error(softmax(true * temperature), labels) > 3 * error


def test_tempered_is_the_softmax_of_divided_logits_and_can_be_undone() -> None:
    logits = np.random.default_rng(1).normal(size=(50, 7)) * 4
    probabilities = softmax(logits)
    cooler = tempered(probabilities, 1.7)
    assert np.allclose(cooler, softmax(logits / 1.7), atol=1e-6)
    assert np.allclose(tempered(cooler, 1 / 1.7), probabilities, atol=1e-5)
    assert (cooler.argmax(axis=1) == probabilities.argmax(axis=1)).all()
    assert cooler.dtype == np.float32


def test_a_probability_of_zero_stays_finite() -> None:
    sure = np.eye(7, dtype=np.float32)
    assert np.isfinite(tempered(sure, 0.5)).all()
    assert np.allclose(tempered(sure, 2).sum(axis=1), 1)


def test_cross_entropy_by_hand() -> None:
    assert cross_entropy(np.array([[0.0, 0.0]]), np.array([1])) == pytest.approx(np.log(2))
    assert cross_entropy(np.array([[1000.0, 0.0]]), np.array([0])) == pytest.approx(0)
    assert cross_entropy(np.array([[2.0, 0.0]]), np.array([0]), temperature=2) == pytest.approx(np.log(1 + np.exp(-1)))


def test_calibration_error_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    labels = np.array([0, 1, 0, 0])
    assert reliability(probabilities, labels) == [(0.6, 1.0, 0.5), (0.9, 0.5, 0.5)]
    assert expected_calibration_error(probabilities, labels) == pytest.approx(0.5 * 0.4 + 0.5 * 0.4)


def test_full_confidence_is_in_the_last_bin() -> None:
    assert expected_calibration_error(np.eye(7), np.arange(7)) == 0


def test_what_a_confidence_is_worth() -> None:
    probabilities = np.array([[0.95, 0.05], [0.25, 0.75], [0.4, 0.6], [0.85, 0.15]])
    kept = kept_from(probabilities, np.array([0, 1, 0, 1]))
    assert [item.confidence for item in kept] == list(CONFIDENCES)
    assert [item.kept for item in kept] == [1, 1, 0.75, 0.5, 0.25]
    assert [item.right for item in kept] == [0.5, 0.5, pytest.approx(2 / 3), 0.5, 1]
    assert kept_from(probabilities[2:3], np.array([0]))[-1] == Kept(0.9, 0, None)


def test_few_images_are_no_ground_for_a_temperature() -> None:
    logits = np.tile(np.array([[2.0, 0.0]]), (FEWEST, 1))
    labels = np.zeros(FEWEST, np.int64)
    assert fit_temperature(logits, labels) < 0.1
    assert fit_temperature(logits[1:], labels[1:]) == 1
