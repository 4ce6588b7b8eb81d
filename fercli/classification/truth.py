"""Results compared with the labels that people gave the same photos by hand."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.classification.results import COLUMNS_NEEDED, RESULTS_ADVICE, Row, once, read_results
from fercli.errors import FercliError, nearest
from fercli.files import readable
from fercli.labels import LABELS, label_from_name

COLUMNS_COMPARED = (*COLUMNS_NEEDED, "label", "width", "height")  # of results
_ADVICE = "give a table with the columns path and label"
NOT_COMPARED = {
    "missing": "not in the results",
    "rejected": "rejected",
    "no_face": "without a face",
    "unlabelled": "whose label is left empty",
    "video": "videos, whose frames have labels of their own",
}


@dataclass(frozen=True)
class Compared:
    """Indices of labels by hand (N,) and in the results (N,), photo by photo.

    `several` of these photos show several faces, of which the largest counts. `left` has the names of the photos that are not
    compared, by the keys of `NOT_COMPARED`.
    """

    by_hand: NDArray[np.uint8]
    found: NDArray[np.int64]
    several: int
    left: dict[str, list[str]]


@dataclass
class _Photo:
    status: str
    video: bool
    faces: int = 0
    area: float = -1.0
    label: int | None = None  # of the largest face

    def add(self, row: Mapping[str, Any]) -> None:
        if row["face"] in {None, ""}:
            return
        self.faces += 1
        area = float(row["width"]) * float(row["height"])
        if area > self.area:
            self.area, self.label = area, label_from_name(str(row["label"] or ""))

    @property
    def left(self) -> str | None:
        """Why it is not compared, as a key of `NOT_COMPARED`; None if it is."""
        if self.video or self.status in {"rejected", "no_face"}:
            return "video" if self.video else self.status
        return "unlabelled" if self.label is None else None


def read_truth(path: Path) -> dict[str, int]:
    """Return the labels, as indices of `LABELS`, that a table in one of the formats of results gives to photos, by their paths.

    Rows without a label are left out. Raises FercliError for a word that is not a label and for a photo that is named twice.
    """
    truth: dict[str, int] = {}
    for number, row in enumerate(read_results(path, ["path", "label"], _ADVICE), start=1):
        if not row["path"] or not row["label"]:
            continue
        word, name = str(row["label"]), readable(row["path"])
        label = label_from_name(word)
        if label is None:
            raise FercliError(
                f"{path}, row {number}: {word!r} is not one of the labels; write one of {', '.join(LABELS)}, or leave the cell "
                f"empty.{nearest(word, LABELS)}"
            )
        if name in truth:
            raise FercliError(f"{path}, row {number}: {name} is named twice; keep one of its rows.")
        truth[name] = label
    if not truth:
        raise FercliError(f"{path} labels no photos; {_ADVICE}.")
    return truth


def compare(truth: Mapping[str, int], rows: Iterable[Row]) -> Compared:
    """Compare labels by hand with the rows of results; memory holds those of the photos that the `truth` names.

    A photo is named as in the results, by its absolute path, or by the end of its path, such as its file name alone, if no other
    photo's path ends so. Raises FercliError for a name that fits several, and if nothing can be compared.
    """
    by_name: dict[str, list[str]] = {}
    for wanted in truth:
        by_name.setdefault(PurePath(wanted).name, []).append(wanted)
    photos: dict[str, dict[str, _Photo]] = {wanted: {} for wanted in truth}
    path = ""
    for number, row in enumerate(once(rows), start=1):
        path = readable(row["path"] or "")
        for wanted in by_name.get(PurePath(path).name, ()):
            if _same(wanted, path) or _ends_in(path, wanted):
                photo = photos[wanted].setdefault(path, _Photo(str(row["status"]), row.get("time") not in {None, ""}))
                try:
                    photo.add(row)
                except (TypeError, ValueError, OverflowError) as error:
                    raise FercliError(f"Row {number} is not a row of results ({error}); {RESULTS_ADVICE}.") from error
    compared = _compared(truth, {wanted: _the_one(wanted, found) for wanted, found in photos.items()})
    if not len(compared.found) and len(compared.left["missing"]) < len(truth):
        reasons = "; ".join(f"{NOT_COMPARED[reason]}: {len(names):,}" for reason, names in compared.left.items() if names)
        raise FercliError(f"None of the photos labelled by hand can be compared with the results: {reasons}.")
    if not len(compared.found):
        raise FercliError(
            f"None of the photos labelled by hand, such as {next(iter(truth))}, is in the results; write paths as they "
            f"stand there, such as {path}."
        )
    return compared


def _same(first: str, second: str) -> bool:
    return os.path.abspath(first) == os.path.abspath(second)  # noqa: PTH100 (links are not followed)


def _ends_in(path: str, end: str) -> bool:
    parts = PurePath(end).parts
    return PurePath(path).parts[-len(parts) :] == parts


def _the_one(wanted: str, photos: Mapping[str, _Photo]) -> tuple[str, _Photo] | None:
    exact = [path for path in photos if _same(wanted, path)] or list(photos)
    if len(exact) > 1:
        raise FercliError(f"{wanted} may be {exact[0]} or {exact[1]}; name the photo by its whole path.")
    return (exact[0], photos[exact[0]]) if exact else None


def _compared(truth: Mapping[str, int], photos: Mapping[str, tuple[str, _Photo] | None]) -> Compared:
    left: dict[str, list[str]] = {reason: [] for reason in NOT_COMPARED}
    names: dict[str, str] = {}
    by_hand, found, several = [], [], 0
    for wanted, (path, photo) in ((wanted, pair or ("", None)) for wanted, pair in photos.items()):
        if path and names.setdefault(path, wanted) != wanted:
            raise FercliError(f"{names[path]} and {wanted} are both {path}; keep one of their labels.")
        if reason := photo.left if photo else "missing":
            left[reason].append(wanted)
        elif photo:
            several += photo.faces > 1
            by_hand.append(truth[wanted])
            found.append(photo.label)
    return Compared(np.array(by_hand, np.uint8), np.array(found, np.int64), several, left)
