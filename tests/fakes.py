"""Networks that are none, and jobs with them, in a module that the workers of a cluster import quickly."""

import copy
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.classification.job import Job
from fercli.labels import LABELS


class FakeLabeller:
    """Labels a face by its brightness, without TensorFlow: dark is angry, bright is neutral."""

    title = "fake"
    name = "deep"
    input_size = 48
    parameters = 1
    multiply_adds = 1
    temperature = 1.0
    sha256 = "0"
    metadata: dict[str, object] = {}  # noqa: RUF012 (never changed)
    trained_on: frozenset[str] = frozenset()

    def __init__(self, weights: object = None, *_: object) -> None:
        self.history = getattr(weights, "history", None)
        self.batches: list[int] = []

    def augmented(self) -> "FakeLabeller":
        """Return the same by another title."""
        twin = copy.copy(self)
        twin.title = "fake+tta"
        return twin

    def label(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return a probability of 0.7 for the class that the mean brightness falls into."""
        self.batches.append(len(pixels))
        classes = np.minimum(pixels.mean(axis=(1, 2)) * len(LABELS) / 256, len(LABELS) - 1).astype(int)
        probabilities = np.full((len(pixels), len(LABELS)), 0.05, np.float32)
        probabilities[np.arange(len(pixels)), classes] = 0.7
        return probabilities


@dataclass(frozen=True)
class FakeJob(Job):
    """Labels by brightness, with what `make` gives for a labeller."""

    detector: str = "none"
    make: Callable[[], FakeLabeller] = FakeLabeller

    def labeller(self) -> Any:
        return self.make()


class Deadly(FakeLabeller):
    """Ends its process, as the kernel does when memory is short, at a white face, while fewer than `times` have ended so."""

    def __init__(self, marks: Path, times: int) -> None:
        super().__init__()
        self.marks, self.times = marks, times

    def label(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        if pixels.min(axis=(1, 2)).max(initial=0) == 255 and len(list(self.marks.iterdir())) < self.times:
            (self.marks / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().label(pixels)


class Slow(FakeLabeller):
    """Leaves time to take a machine away, and leaves a mark so that the test knows when."""

    def __init__(self, marks: Path) -> None:
        super().__init__()
        self.marks = marks

    def label(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        (self.marks / f"{os.getpid()}").touch()
        time.sleep(1)
        return super().label(pixels)
