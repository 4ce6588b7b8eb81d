"""Labels for photos whose mix of expressions differs from that of the training images (Saerens et al. 2002)."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.errors import IntegrityError, UsageError
from fercli.labels import LABELS
from fercli.models.inference import CLASS_MIX, Labels


def class_mix(labels: Labels) -> NDArray[np.float32]:
    """Return the mean target (7,) that a network was trained on, as stored with its weights.

    Raises UsageError if it is not stored, or a label has no share in it; IntegrityError if it is not a mix of seven shares.
    """
    stored: Any = labels.metadata.get(CLASS_MIX)
    if stored is None:
        raise UsageError(
            f"{labels.title} does not tell how often it saw each expression, so its labels cannot be made even; "
            "leave --prior out, or train it again."
        )
    numbers = isinstance(stored, list) and len(stored) == len(LABELS) and all(isinstance(share, float) for share in stored)
    if not numbers or not all(share >= 0 for share in stored) or not math.isclose(sum(stored), 1, abs_tol=1e-3):
        raise IntegrityError(f"{labels.title} has the class mix {stored!r}, not seven shares of 1; train it again.")
    unseen = [name for name, share in zip(LABELS, stored, strict=True) if share == 0]
    if unseen:
        raise UsageError(
            f"{labels.title} was trained without {', '.join(unseen)}, so its labels cannot be made even; leave --prior out."
        )
    return np.array(stored, np.float32)


class EvenPrior:
    """Labels faces as another labeller does, but as if that had seen every expression equally often.

    Its probabilities are the other's calibrated ones divided by the class mix and scaled to sum to 1. Errors as from `class_mix`.
    """

    def __init__(self, labels: Labels) -> None:
        self._labels, self._mix = labels, class_mix(labels)
        self.name, self.title, self.sha256 = labels.name, f"{labels.title}+even", labels.sha256
        self.metadata: dict[str, Any] = labels.metadata
        self.trained_on, self.history = labels.trained_on, labels.history
        self.temperature = 1.0  # the other is calibrated already
        self.parameters, self.multiply_adds, self.input_size = labels.parameters, labels.multiply_adds, labels.input_size

    def augmented(self) -> "EvenPrior":
        """Return the same with test-time augmentation."""
        return EvenPrior(self._labels.augmented())

    def label(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probabilities (N,7) of faces (N,48,48), rows summing to 1."""
        even = self._labels.label(pixels) / self._mix
        result: NDArray[np.float32] = even / even.sum(axis=1, keepdims=True)
        return result


def as_asked(labels: Labels, *, tta: bool, even: bool) -> Labels:
    """Return the same with test-time augmentation, an even prior, both, or neither; errors as from `class_mix`."""
    seen = labels.augmented() if tta else labels
    return EvenPrior(seen) if even else seen
