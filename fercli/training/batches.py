"""Training images and their targets, batch by batch."""

import math
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from fercli.dataset import Split


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The images of a split and their targets (N,7) in a given `order` of positions, batch by batch, as the network takes them.

    `weights` (N,) are those of the images in the loss; without them, all count alike.
    """

    def __init__(
        self,
        split: Split,
        targets: NDArray[np.float32],
        order: NDArray[np.int64],
        batch_size: int,
        weights: NDArray[np.float32] | None = None,
    ) -> None:
        super().__init__()
        self._split, self._targets, self._order, self._batch_size = split, targets, order, batch_size
        self._weights = weights

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._batch_size)

    def __getitem__(self, number: int) -> tuple[Any, ...]:
        chosen = self._order[number * self._batch_size : (number + 1) * self._batch_size]
        batch = self._split.take(chosen)
        inputs = {"pixels": batch.pixels} | ({} if batch.hog is None else {"hog": batch.hog})
        weights = () if self._weights is None else (self._weights[chosen],)
        return inputs, self._targets[chosen], *weights
