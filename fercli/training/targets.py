"""What a network is to answer for each training image, and how much each counts: without Keras, so that `checks` may ask."""

import numpy as np
from numpy.typing import NDArray

from fercli.dataset import Split
from fercli.errors import UsageError
from fercli.labels import LABELS
from fercli.models.recipes import Recipe


def targets(split: Split, votes: float = 0.0, *, balanced: bool = False, by_agreement: bool = False) -> NDArray[np.float32]:
    """Return the target probabilities (N,7) of each image: its own label, of which a share `votes` goes to the crowd's votes.

    Votes for anything but the seven labels do not count; an image without any other votes keeps its own label. If `balanced`, the
    votes are weighted so that each class is as frequent among them as among the labels. If `by_agreement`, the share is larger
    where most people agree on an expression that the labels usually call the same (`_trust`). UsageError if the split has no votes.
    """
    own = np.eye(len(LABELS), dtype=np.float32)[split.labels]
    if not (votes or by_agreement):
        return own
    if split.votes is None:
        raise UsageError(
            "The recipe uses the crowd's votes (FER+), and the data set has none; prepare it again with "
            f"--ferplus fer2013new.csv, or train without them: --votes 0{' and no --votes-by-agreement' if by_agreement else ''}."
        )
    counts = split.votes[:, : len(LABELS)].astype(np.float32)
    crowd = _shares(counts, own)
    share = np.maximum(_trust(counts, own), np.float32(votes)) if by_agreement else votes
    if balanced:
        crowd = _shares(crowd * (own.mean(axis=0) / np.maximum(crowd.mean(axis=0), np.finfo(np.float32).tiny)), own)
    return mixed(own, crowd, share)


def targets_of(split: Split, recipe: Recipe) -> NDArray[np.float32]:
    """Return the `targets` that a recipe gives, before teachers and label smoothing."""
    return targets(split, recipe.votes, balanced=recipe.balanced_votes, by_agreement=recipe.votes_by_agreement)


def _trust(counts: NDArray[np.float32], own: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far to trust the votes (N,7) on each image against its own label, 0 to 1, as (N,1).

    Where at least half of the votes are for one expression, that is by how much the labels of such images that agree outnumber
    those that do not, as a share of all of them; elsewhere it is 0. So a label that differs from a clear smile, which labels and
    crowd see alike in nine of ten faces, counts as a slip, but one that differs from a neutral face, on which they often differ,
    as a view of its own.
    """
    total, seen = counts.sum(axis=1), counts.argmax(axis=1)
    clear = (total > 0) & (2 * counts.max(axis=1) >= total)
    agreement = np.where(own[np.arange(len(own)), seen] > 0, 1.0, -1.0)
    images = np.bincount(seen[clear], minlength=len(LABELS))
    excess = np.bincount(seen[clear], agreement[clear], len(LABELS)) / np.maximum(images, 1)
    return np.where(clear, np.maximum(excess[seen], 0), 0).astype(np.float32)[:, None]


def _shares(counts: NDArray[np.float32], otherwise: NDArray[np.float32]) -> NDArray[np.float32]:
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, counts / np.where(total > 0, total, 1), otherwise)


def mixed(first: NDArray[np.float32], second: NDArray[np.float32], share: float | NDArray[np.float32]) -> NDArray[np.float32]:
    """Return probabilities (N,7) of which `share`, 0 to 1, of all or of each (N,1), is `second`'s and the rest `first`'s."""
    result: NDArray[np.float32] = (np.float32(1 - share) * first + np.float32(share) * second).astype(np.float32)
    return result


def balanced_weights(labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the weight (N,) of each image with which all classes that occur count alike; the mean weight is 1."""
    counts = np.bincount(labels)
    weights: NDArray[np.float32] = (len(labels) / (np.count_nonzero(counts) * counts[labels])).astype(np.float32)
    return weights


def class_mix(targets: NDArray[np.float32], smoothing: float, weights: NDArray[np.float32] | None = None) -> list[float]:
    """Return the mean (7) of the targets (N,7) that a network is trained on, after label smoothing by the share `smoothing`.

    `weights` (N,) are those of the images in the loss; without them, all count alike.
    """
    mean = np.average(targets.astype(np.float64), axis=0, weights=weights)
    mix: list[float] = ((1 - smoothing) * mean + smoothing / len(mean)).round(6).tolist()
    return mix
