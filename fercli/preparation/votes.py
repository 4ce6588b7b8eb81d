"""The crowd's votes on FER2013: Microsoft's FER+ (Barsoum et al. 2016), ten people for each row, in the order of FER2013's rows."""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.errors import FercliError, UsageError
from fercli.files import refuse_all_but_files
from fercli.labels import LABELS, VOTES
from fercli.preparation.archives import CsvLines
from fercli.preparation.faces import NO_SPLIT, Faces
from fercli.preparation.rows import FERPLUS_COLUMNS, BadRow, is_byte, parse_usage, shown

_USAGE = "Usage"
_LEAST_ALIKE = 0.5  # FER+ agrees with FER2013 on two images of three, but only by chance if the rows are in another order


def votes_of(faces: Faces, path: Path) -> NDArray[np.uint8]:
    """Return the votes (N, len(VOTES)) on the faces from the file `path`, FER+'s `fer2013new.csv`.

    Raises UsageError if it is missing, FercliError if it is another file or its rows do not fit those of the faces.
    """
    if faces.names:
        raise UsageError(f"{path} follows the rows of FER2013's CSV, but folders have another order; prepare the CSV instead.")
    refuse_all_but_files(path, "name FER+'s fer2013new.csv")
    splits, counts = _read(path)
    if len(counts) != faces.total:
        raise FercliError(
            f"{path} has {len(counts):,} rows and the data set has {faces.total:,}; use both files as they were "
            "published, cut both alike, or leave out --ferplus."
        )
    differs = np.flatnonzero((splits[faces.rows] != faces.splits) & (faces.splits != NO_SPLIT))
    if len(differs):
        row = int(faces.rows[differs[0]])
        raise FercliError(
            f"{path}, row {row + 1}: FER+ has {splits[row]}, the data set {faces.splits[differs[0]]}, so its rows are in "
            "another order; use the two files as they were published."
        )
    votes = counts[faces.rows]
    seen = votes[:, : len(LABELS)]
    known = seen.any(axis=1)
    alike = np.mean((seen.argmax(axis=1) == faces.labels)[known]) if known.any() else 0.0
    if alike < _LEAST_ALIKE:
        raise FercliError(
            f"{path}: the crowd agrees with the data set's labels on only {100 * alike:.0f} % of the images, so its rows are in "
            "another order; use the two files as they were published."
        )
    return votes


def _read(path: Path) -> tuple[NDArray[np.str_], NDArray[np.uint8]]:
    splits: list[str] = []
    counts: list[list[int]] = []
    try:
        reader = csv.DictReader(CsvLines(path), strict=True)
        missing = [name for name in (_USAGE, *FERPLUS_COLUMNS) if name not in (reader.fieldnames or ())]
        if missing:
            raise FercliError(
                f"{path} is not FER+'s fer2013new.csv: its first line lacks the columns {', '.join(missing)}; download it again."
            )
        for row in reader:
            splits.append(parse_usage(row[_USAGE] or ""))
            counts.append([_count(row[name]) for name in FERPLUS_COLUMNS])
    except (BadRow, csv.Error) as error:
        raise FercliError(f"{path}, row {len(counts) + 1}: {error}; download the file again.") from error
    return np.array(splits, "U10"), np.array(counts, np.uint8).reshape(-1, len(VOTES))


def _count(text: str | None) -> int:
    if text is None or not is_byte(text):  # what an array of uint8 holds
        raise BadRow(f"{shown(text or '')} is not a number of votes")
    return int(text)
