"""Knowledge distillation: what trained networks predict for the training images, for another to learn (Hinton et al. 2015)."""

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
    """Return the teacher that `path` names: a run, a weights file or, if nothing is there, a shipped model or ensemble.

    Errors as from `start_weights` and `Labeller`.
    """
    if kind_of(path) is Kind.MISSING and str(path) in ENSEMBLES:
        return EnsembleLabeller(ENSEMBLES[str(path)])
    return Labeller(start_weights(path))


def check_teachers(teachers: Sequence[Labels], share: float, dataset: Dataset) -> None:
    """Raise UsageError for teachers without a share, a share without teachers, and a teacher trained on other images.

    A teacher not trained on exactly this data set may have seen the validation and test images.
    """
    if teachers and not share:
        raise UsageError("The teachers have no share in the targets; set --teacher-share above 0, or drop --teacher.")
    if share and not teachers:
        raise UsageError(f"There is no teacher for a --teacher-share of {share:g}; name one with --teacher.")
    for teacher in teachers:
        if teacher.trained_on != {dataset.meta["digest"]}:
            raise UsageError(
                f"{teacher.title} was not trained on this data set alone, so it may have seen its validation and test images; "
                "name another --teacher, or train that one on this data set first."
            )


def answers(teachers: Sequence[Labels], images: Split) -> NDArray[np.float32]:
    """Return the teachers' calibrated probabilities (N,7): the mean over them, each on the images and their mirror images."""
    seen = [
        teacher.label(view) for teacher in teachers for view in (images.pixels, np.ascontiguousarray(images.pixels[:, :, ::-1]))
    ]
    mean: NDArray[np.float32] = np.mean(seen, axis=0, dtype=np.float32)
    return mean


def credits_of(teachers: Sequence[Labels]) -> list[dict[str, Any]]:
    """Return what the metadata of weights say about their teachers."""
    return [{"name": teacher.title, "sha256": teacher.sha256} for teacher in teachers]
