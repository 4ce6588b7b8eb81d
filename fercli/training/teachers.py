"""What trained networks say of the training images, for another to learn (Hinton et al. 2015)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.dataset import Dataset, Split
from fercli.errors import UsageError
from fercli.files import Kind, kind_of
from fercli.models.ensembles import EnsembleLabeller
from fercli.models.inference import Labeller, Labels, start_weights
from fercli.models.registry import ENSEMBLES


def teacher_from(path: Path) -> Labels:
    """Return the teacher that a user names: a run, a file or, where nothing has that name, a shipped model or ensemble."""
    if kind_of(path) is Kind.MISSING and str(path) in ENSEMBLES:
        return EnsembleLabeller(ENSEMBLES[str(path)])
    return Labeller(start_weights(path))


def check_teachers(teachers: Sequence[Labels], share: float, dataset: Dataset) -> None:
    """Raise UsageError for teachers without a share of the targets, a share without teachers, and one that knows other images.

    A teacher not trained on exactly this data set may have seen the images that are kept from training.
    """
    if teachers and not share:
        raise UsageError("The teachers have no share of the targets; give a --teacher-share above 0, or leave --teacher away.")
    if share and not teachers:
        raise UsageError(f"No teacher is there to give a share of {share:g} of the targets; name one with --teacher.")
    for teacher in teachers:
        if teacher.trained_on != {dataset.meta["digest"]}:
            raise UsageError(
                f"{teacher.title} was not trained on this data set alone, so it may have seen the images that validate and test; "
                "name another --teacher, or train that one on this data set first."
            )


def answers(teachers: Sequence[Labels], images: Split) -> NDArray[np.float32]:
    """Return the calibrated probabilities (N,7) that the teachers give, the mean over them, the images and their mirror images."""
    seen = [
        teacher.label(view) for teacher in teachers for view in (images.pixels, np.ascontiguousarray(images.pixels[:, :, ::-1]))
    ]
    mean: NDArray[np.float32] = np.mean(seen, axis=0, dtype=np.float32)
    return mean


def credits_of(teachers: Sequence[Labels]) -> list[dict[str, Any]]:
    """Return what weights tell of their teachers."""
    return [{"name": teacher.title, "sha256": teacher.sha256} for teacher in teachers]
