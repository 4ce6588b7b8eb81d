"""What HOG features change: pairs of models that differ in nothing else, compared on the same images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from fercli.evaluation.measures import Evaluation
from fercli.models.registry import MODELS

_Z = 1.959964  # of the normal distribution, two-sided 95 %


@dataclass(frozen=True)
class Comparison:
    """What HOG changed, on the same images: `difference` is the accuracy with it minus that without it, from -1 to 1.

    Only the model with HOG labels the `gained` images correctly, only the one without it the `lost` images. `interval` is Wald's
    95 % interval for paired shares; `p_value` is that of McNemar's exact test (McNemar 1947).
    """

    without: str
    with_hog: str
    difference: float
    interval: tuple[float, float]
    gained: int
    lost: int
    p_value: float


def compare_hog(results: Sequence[Evaluation], labels: NDArray[np.uint8]) -> list[Comparison]:
    """Compare all pairs of results that differ in HOG alone, not in training data or recipe; `labels` (N,) are the true ones."""
    networks = [(MODELS[result.model], result) for result in results if result.model in MODELS]
    return [
        _compare(first, second, labels)
        for (plain, first), (hybrid, second) in product(networks, networks)
        if plain.network == hybrid.network and hybrid.uses_hog and not plain.uses_hog and first.training == second.training
    ]


def _compare(without: Evaluation, with_hog: Evaluation, labels: NDArray[np.uint8]) -> Comparison:
    right_without, right_with = (result.probabilities.argmax(axis=1) == labels for result in (without, with_hog))
    gained, lost, images = int((right_with & ~right_without).sum()), int((right_without & ~right_with).sum()), len(labels)
    difference = (gained - lost) / images
    half = _Z * math.sqrt(gained + lost - (gained - lost) ** 2 / images) / images
    return Comparison(
        without=without.title,
        with_hog=with_hog.title,
        difference=difference,
        interval=(difference - half, difference + half),
        gained=gained,
        lost=lost,
        p_value=mcnemar(gained, lost),
    )


def mcnemar(gained: int, lost: int) -> float:
    """Return the two-sided p-value of McNemar's exact test that gains and losses are equally likely; 1 where there are neither."""
    from scipy.stats import binomtest

    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
