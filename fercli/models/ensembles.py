"""Several networks that label as one."""

import copy
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.models.calibration import tempered
from fercli.models.inference import CLASS_MIX, Labeller, Labels, own_weights, shipped_weights
from fercli.models.registry import DEFAULT_MODEL, Ensemble, find_entry


class EnsembleLabeller:
    """Labels by the weighted mean of its members' calibrated probabilities, itself calibrated by the temperature in the registry.

    The members use their shipped weights, and compute their own HOG. Raises UsageError if there are no shipped weights of a member;
    for the rest see `Labeller`.
    """

    def __init__(self, entry: Ensemble) -> None:
        self.members = [Labeller(shipped_weights(name)) for name in entry.members]
        self.shares = list(entry.members.values())
        self.name = self.title = entry.name
        self.temperature = entry.temperature
        parts = [*(member.sha256 for member in self.members), str(self.shares), str(self.temperature)]
        self.sha256 = hashlib.sha256(" ".join(parts).encode()).hexdigest()
        mixes = [member.metadata[CLASS_MIX] for member in self.members if CLASS_MIX in member.metadata]
        self.metadata: dict[str, Any] = {CLASS_MIX: self._mean(mixes).tolist()} if len(mixes) == len(self.members) else {}
        self.trained_on = frozenset[str]().union(*(member.trained_on for member in self.members))
        self.parameters = sum(member.parameters for member in self.members)
        self.input_size = entry.input_size
        self.history: Path | None = None

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of all members together for one face."""
        return sum(member.multiply_adds for member in self.members)

    def augmented(self) -> "EnsembleLabeller":
        """Return the same with test-time augmentation of each member."""
        twin = copy.copy(self)
        twin.members = [member.augmented() for member in self.members]
        twin.title = f"{self.title}+tta"
        return twin

    def label(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the mean probabilities (N,7) of faces (N,48,48), calibrated."""
        return tempered(self._mean([member.label(pixels) for member in self.members]).astype(np.float32), self.temperature)

    def _mean(self, told: Sequence[Any]) -> NDArray[Any]:
        """Return the mean of what the members tell, by their shares."""
        return np.average(told, axis=0, weights=self.shares)


def labeller_for(name: str | None, weights: Path | None = None) -> Labels:
    """Return a labeller with the user's `weights` or, without those, with the shipped ones of the entry `name` or the default.

    Raises UsageError for an unknown name, and for weights that are missing or of another model than `name`; IntegrityError for
    weights that are damaged.
    """
    if weights:
        return Labeller(own_weights(weights), name)
    entry = find_entry(name or DEFAULT_MODEL)
    return EnsembleLabeller(entry) if isinstance(entry, Ensemble) else Labeller(shipped_weights(entry.name))
