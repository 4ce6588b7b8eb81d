"""Training images and their targets, batch by batch."""

import math
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from fercli.dataset import Split
from fercli.errors import UsageError
from fercli.labels import LABELS


def targets(split: Split, votes: float = 0.0) -> NDArray[np.float32]:
    """Return the probability (N,7) that each image should have for each label: its own label, mixed with a share of the crowd's.

    Votes for anything but the labels do not count; an image without any other keeps its own label. UsageError without votes.
    """
    own = np.eye(len(LABELS), dtype=np.float32)[split.labels]
    if not votes:
        return own
    if split.votes is None:
        raise UsageError(
            "The targets are to have a share of the crowd's votes (FER+), and the data set has none; prepare it again with "
            "--ferplus fer2013new.csv, or leave them out with --votes 0."
        )
    counts = split.votes[:, : len(LABELS)].astype(np.float32)
    total = counts.sum(axis=1, keepdims=True)
    crowd = np.where(total > 0, counts / np.maximum(total, 1), own)
    mixed: NDArray[np.float32] = (np.float32(1 - votes) * own + np.float32(votes) * crowd).astype(np.float32)
    return mixed


def class_mix(targets: NDArray[np.float32], smoothing: float) -> list[float]:
    """Return the mean of what a network learns to answer: of targets (N,7) of which a share `smoothing` is spread evenly."""
    mean = targets.mean(axis=0, dtype=np.float64)
    mix: list[float] = ((1 - smoothing) * mean + smoothing / len(mean)).round(6).tolist()
    return mix


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The images of a split and their targets (N,7) in a given order, batch by batch, as the network takes them.

    With `mixup`, alpha, a batch is mixed with itself in another order, as `seed` and the batch's number say.
    """

    def __init__(
        self,
        split: Split,
        targets: NDArray[np.float32],
        order: NDArray[np.int64],
        batch_size: int,
        *,
        mixup: float = 0.0,
        seed: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self._split, self._targets, self._order, self._batch_size = split, targets, order, batch_size
        self._mixup, self._seed = mixup, seed

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._batch_size)

    def __getitem__(self, number: int) -> tuple[dict[str, Any], Any]:
        chosen = self._order[number * self._batch_size : (number + 1) * self._batch_size]
        batch, wanted = self._split.take(chosen), self._targets[chosen]
        inputs = {"pixels": batch.pixels} | ({} if batch.hog is None else {"hog": batch.hog})
        if not self._mixup:
            return inputs, wanted
        generator = np.random.default_rng([*self._seed, number])
        share = np.float32(generator.beta(self._mixup, self._mixup))
        other = generator.permutation(len(chosen))
        inputs = {name: _mixed(values, values[other], share) for name, values in inputs.items()}
        return inputs, _mixed(wanted, wanted[other], share)


def _mixed(first: NDArray[Any], second: NDArray[Any], share: np.float32) -> NDArray[Any]:
    mixed = share * first + (1 - share) * second
    return np.rint(mixed).astype(np.uint8) if first.dtype == np.uint8 else mixed.astype(first.dtype)
