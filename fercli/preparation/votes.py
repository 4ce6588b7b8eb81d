"""The crowd's votes on FER2013: Microsoft's FER+ (Barsoum et al. 2016), ten people a row, in the order of FER2013's own rows."""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.errors import FercliError, UsageError
from fercli.files import Kind, kind_of
from fercli.labels import LABELS, VOTES
from fercli.preparation.archives import CsvLines
from fercli.preparation.faces import NO_SPLIT, Faces
from fercli.preparation.rows import BadRow, is_byte, parse_usage, shown

# FER+ calls them so, in the order of `labels.VOTES`.
_COLUMNS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt", "unknown", "NF")
_USAGE = "Usage"
_LEAST_ALIKE = 0.5  # FER+ agrees with FER2013 on two images of three; rows in another order, by chance alone


def votes_of(faces: Faces, path: Path) -> NDArray[np.uint8]:
    """Return the votes (N, len(VOTES)) of the faces from the file `path`, FER+'s `fer2013new.csv`.

    Raises UsageError if it is missing, FercliError if it is none or its rows do not fit those that the faces come from.
    """
    if faces.names:
        raise UsageError(f"{path} follows the rows of FER2013's CSV, and a folder of images has another order; prepare the CSV.")
    if kind_of(path) is not Kind.FILE:
        raise UsageError(f"{path} does not exist; give FER+'s fer2013new.csv.")
    splits, counts = _read(path)
    if len(counts) != faces.total:
        raise FercliError(
            f"{path} has {len(counts):,} rows and the data set has {faces.total:,}; it must be FER+'s file for the same rows."
        )
    differs = np.flatnonzero((splits[faces.rows] != faces.splits) & (faces.splits != NO_SPLIT))
    if len(differs):
        row = int(faces.rows[differs[0]])
        raise FercliError(
            f"{path}, row {row + 1}: FER+ has {splits[row]}, the data set {faces.splits[differs[0]]}, so that its rows are in "
            "another order; give the two files as they were published."
        )
    votes = counts[faces.rows]
    seen = votes[:, : len(LABELS)]
    known = seen.any(axis=1)
    alike = np.mean((seen.argmax(axis=1) == faces.labels)[known]) if known.any() else 0.0
    if alike < _LEAST_ALIKE:
        raise FercliError(
            f"{path}: the crowd sees the data set's own label in only {100 * alike:.0f} % of the images, so that its rows are in "
            "another order; give the two files as they were published."
        )
    return votes


def _read(path: Path) -> tuple[NDArray[np.str_], NDArray[np.uint8]]:
    splits: list[str] = []
    counts: list[list[int]] = []
    try:
        reader = csv.DictReader(CsvLines(path), strict=True)
        missing = [name for name in (_USAGE, *_COLUMNS) if name not in (reader.fieldnames or ())]
        if missing:
            raise FercliError(
                f"{path} is not FER+'s fer2013new.csv: its first line names no column {', '.join(missing)}; get the file again."
            )
        for row in reader:
            splits.append(parse_usage(row[_USAGE] or ""))
            counts.append([_count(row[name]) for name in _COLUMNS])
    except (BadRow, csv.Error) as error:
        raise FercliError(f"{path}, row {len(counts) + 1}: {error}; get the file again.") from error
    return np.array(splits, "U10"), np.array(counts, np.uint8).reshape(-1, len(VOTES))


def _count(text: str | None) -> int:
    if text is None or not is_byte(text):  # what an array of uint8 holds
        raise BadRow(f"{shown(text or '')} is no number of votes")
    return int(text)
