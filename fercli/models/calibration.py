"""Confidence that means what it says: one temperature a network, fitted on validation (Guo et al. 2017)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = 0.05, 20.0  # temperatures
FEWEST = 100  # images that a temperature is fitted on
BINS = 15  # of equal width, as in Guo et al.
CONFIDENCES = (0.5, 0.6, 0.7, 0.8, 0.9)  # below which one may want to discard labels


@dataclass(frozen=True)
class Kept:
    """What keeping only labels of at least this `confidence` gives: the share `kept`, and the share of those that are `right`.

    Both are from 0 to 1; `right` is None if none are kept.
    """

    confidence: float
    kept: float
    right: float | None


def cross_entropy(logits: NDArray[Any], labels: NDArray[Any], temperature: float = 1.0) -> float:
    """Return the mean cross-entropy, in nats, of logits (N,K) divided by `temperature` with the true labels (N,)."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    chosen = scaled[np.arange(len(labels)), labels]
    return float((np.log(np.exp(scaled).sum(axis=1)) - chosen).mean())


def fit_temperature(logits: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the temperature, `LOWEST` to `HIGHEST`, at which logits (N,K) have the least cross-entropy with the labels (N,).

    It is above 1 for a network that is too sure of itself, and 1 where there are fewer than `FEWEST` images: what so few ask for
    may be far from what is right for others.
    """
    if len(labels) < FEWEST:
        return 1.0
    from scipy.optimize import minimize_scalar  # takes half a second to import; only training fits

    found = minimize_scalar(lambda power: cross_entropy(logits, labels, float(np.exp(power))), bounds=np.log([LOWEST, HIGHEST]))
    return round(float(np.exp(found.x)), 4)


def tempered(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return the probabilities (N,K) that the same logits give when divided by `temperature`."""
    if temperature == 1:
        return probabilities
    # Softmax of log-probabilities is the softmax of logits; float32's least positive number stands for a probability of zero.
    scaled = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny)) / np.float32(temperature)
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    result: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return result


def expected_calibration_error(probabilities: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the mean distance, 0 to 1, between confidence and accuracy over `BINS` bins of confidence, weighted by their images.

    `probabilities` are (N,K), the true `labels` (N,).
    """
    return sum(abs(accuracy - confidence) * share for confidence, accuracy, share in reliability(probabilities, labels))


def reliability(probabilities: NDArray[Any], labels: NDArray[Any]) -> list[tuple[float, float, float]]:
    """Return for each bin of confidence that has images its mean confidence, accuracy, and share of all images, each 0 to 1."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    chosen = [bins == number for number in range(BINS)]
    return [
        (float(confidence[inside].mean()), float(right[inside].mean()), float(inside.mean())) for inside in chosen if inside.any()
    ]


def kept_from(probabilities: NDArray[Any], labels: NDArray[Any]) -> list[Kept]:
    """Return what each of `CONFIDENCES` does as `--min-confidence`, for probabilities (N,K) and true labels (N,)."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    chosen = [(least, confidence >= least) for least in CONFIDENCES]
    return [Kept(least, float(kept.mean()), float(right[kept].mean()) if kept.any() else None) for least, kept in chosen]
