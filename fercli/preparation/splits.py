"""Training, validation and test images, drawn where the source does not separate them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fercli.errors import UsageError


def parse_shares(text: str) -> dict[str, float]:
    """Return the shares of train, validation and test, 0 to 1, from a text such as `80/10/10`.

    Raises UsageError for other texts, and for training images without validation or test images.
    """
    parts = text.split("/")
    good = len(parts) == 3 and all(part.strip().isascii() and part.strip().isdigit() for part in parts)
    shares = [int(part) for part in parts] if good else []
    if sum(shares) != 100 or (shares[0] and not all(shares)):
        raise UsageError(
            f"--split {text} is not like 80/10/10: percentages for train, validation and test that sum to 100; 0/0/100 makes a set "
            "to evaluate on only."
        )
    return {name: share / 100 for name, share in zip(("train", "validation", "test"), shares, strict=True)}


def draw(
    labels: NDArray[np.uint8], persons: NDArray[np.str_], shares: Mapping[str, float], generator: np.random.Generator
) -> tuple[NDArray[np.str_], str]:
    """Return the split (N,) of each image, and what they were drawn by, `class` or `person`.

    By class, each split has its share of each of the `labels` (N,). If `persons` (N,) differ, each person's images go to one
    split, and the shares are those of all images, as nearly as that allows. Each split then has at least one person, as long as
    there are enough. An image whose person is unknown, "", goes alone.
    """
    shares = {name: share for name, share in shares.items() if share}
    if len(set(persons.tolist())) > 1:
        alone = [f"\0{number}" for number in range(len(persons))]
        return _by_person(np.where(persons == "", alone, persons), shares, generator), "person"
    order = np.concatenate([generator.permutation(np.flatnonzero(labels == label)) for label in range(labels.max(initial=0) + 1)])
    result = np.full(len(labels), next(iter(shares)), "U10")
    left = 1.0
    for name, share in reversed(list(shares.items())[1:]):
        chosen = _evenly(len(order), share / left)
        result[order[chosen]] = name
        order = order[~chosen]
        left -= share
    return result, "class"


def _evenly(count: int, share: float) -> NDArray[np.bool_]:
    """Return a mask (count,) that selects the share, evenly spread."""
    steps = np.floor(np.round(np.arange(count + 1) * share, 9) + 0.5)
    chosen: NDArray[np.bool_] = np.diff(steps) > 0
    return chosen


def _by_person(persons: NDArray[np.str_], shares: Mapping[str, float], generator: np.random.Generator) -> NDArray[np.str_]:
    names, of_image, counts = np.unique(persons, return_inverse=True, return_counts=True)
    missing = {name: share * len(persons) for name, share in shares.items()}
    empty = list(shares)
    split_of = np.empty(len(names), "U10")
    for person in generator.permutation(len(names)):
        split = empty.pop(0) if empty else max(missing, key=lambda name: missing[name])
        split_of[person] = split
        missing[split] -= counts[person]
    return split_of[of_image]
