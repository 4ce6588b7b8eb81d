"""Where faces come from: the FER2013 CSV, or folders of images; every bad row or file is listed."""

import csv
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.errors import FercliError, ImageRejected, UsageError
from fercli.files import Kind, kind_of, readable
from fercli.labels import LABELS, label_from_name
from fercli.models.registry import SIDE
from fercli.photos.images import crop, read_gray, square_around
from fercli.photos.walk import Walk
from fercli.preparation.archives import CsvLines
from fercli.preparation.rows import BadRow, parse_label, parse_pixel_rows, parse_pixels, parse_usage

_CHUNK_ROWS = 64  # 0.5 MB of text: the vectorised parser stays in the cache

_FOLDERS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "public": "validation",
    "publictest": "validation",
    "test": "test",
    "testing": "test",
    "private": "test",
    "privatetest": "test",
}


@dataclass(frozen=True)
class RejectedRow:
    """A row, or an image file, that cannot be used: where it stands, a code, and why.

    The code is `bad_row` for a row, and one of `errors.REJECT_CODES` for an image.
    """

    place: str
    code: str
    reason: str


@dataclass
class Faces:
    """The good rows of a source, in its order, and the rejected ones.

    `pixels` (N,48,48) uint8, `labels` (N,) uint8, `splits` (N,) names, `rows` (N,) position among all rows of the source, good
    or bad. `names` are the files behind the rows, for an image folder.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    splits: NDArray[np.str_]
    rows: NDArray[np.int64]
    rejected: list[RejectedRow] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    votes: NDArray[np.uint8] | None = None

    def take(self, keep: NDArray[np.bool_]) -> "Faces":
        """Return the faces of a mask (N,)."""
        arrays = {name: getattr(self, name) for name in ("pixels", "labels", "splits", "rows", "votes")}
        return replace(self, **{name: array[keep] for name, array in arrays.items() if array is not None})


class _Collector:
    """Gathers rows one by one and parses their pixels by the chunk."""

    def __init__(self) -> None:
        self._chunks: list[NDArray[np.uint8]] = []
        self._labels: list[int] = []
        self._splits: list[str] = []
        self._rows: list[int] = []
        self._pending: list[tuple[str, int, str, int, str]] = []
        self._rejected: list[tuple[int, RejectedRow]] = []

    def add_row(self, pixels: str, label: int, split: str, row: int, place: str) -> None:
        self._pending.append((pixels, label, split, row, place))
        if len(self._pending) == _CHUNK_ROWS:
            self.flush()

    def add_image(self, pixels: NDArray[np.uint8], label: int, split: str, row: int) -> None:
        self._chunks.append(pixels.reshape(1, -1))
        self._keep(label, split, row)

    def reject(self, row: int, place: str, reason: str, code: str = "bad_row") -> None:
        self._rejected.append((row, RejectedRow(place, code, reason)))

    def flush(self) -> None:
        pending, self._pending = self._pending, []
        if not pending:
            return
        parsed = parse_pixel_rows([item[0] for item in pending])
        if parsed is not None:
            self._chunks.append(parsed)
        for text, label, split, row, place in pending:
            if parsed is None:
                try:
                    self._chunks.append(parse_pixels(text).reshape(1, -1))
                except BadRow as error:
                    self.reject(row, place, str(error))
                    continue
            self._keep(label, split, row)

    def _keep(self, label: int, split: str, row: int) -> None:
        self._labels.append(label)
        self._splits.append(split)
        self._rows.append(row)

    def faces(self) -> Faces:
        self.flush()
        pixels = np.concatenate(self._chunks) if self._chunks else np.empty((0, SIDE * SIDE), np.uint8)
        return Faces(
            pixels=pixels.reshape(-1, SIDE, SIDE),
            labels=np.array(self._labels, np.uint8),
            splits=np.array(self._splits, "U10"),
            rows=np.array(self._rows, np.int64),
            rejected=[reject for _, reject in sorted(self._rejected, key=lambda item: item[0])],
        )


def read_faces(source: Path, on_row: Callable[[int], None] = lambda _: None) -> Faces:
    """Read a CSV, an archive with one, or an image folder; `on_row` receives the number of rows done so far.

    Raises UsageError if `source` is missing, FercliError if it is none of these or is broken as a whole.
    """
    kind = kind_of(source)
    if kind is Kind.FOLDER:
        return _read_folders(source, on_row)
    if kind is not Kind.FILE:
        raise UsageError(f"{source} does not exist; give FER2013's CSV, an archive that holds it, or a folder of images.")
    return _read_csv(source, on_row)


def _read_csv(source: Path, on_row: Callable[[int], None]) -> Faces:
    lines = CsvLines(source)
    reader = csv.reader(lines, strict=True)  # without strict, a stray quote swallows the rows behind it
    collector = _Collector()
    row = -1
    place = ""
    try:
        columns = _columns(next(reader, []), source)
        for cells in reader:
            if not cells:
                continue
            row += 1
            place = f"line {reader.line_num}"
            if row % _CHUNK_ROWS == 0:
                on_row(row)
            if len(cells) != len(columns):
                collector.reject(row, place, f"it has {len(cells)} columns, not {len(columns)}")
                continue
            values = dict(zip(columns, cells, strict=True))
            try:
                label, split = parse_label(values["emotion"]), parse_usage(values["usage"])
            except BadRow as error:
                collector.reject(row, place, str(error))
                continue
            if not lines.complete and columns[-1] == "pixels":
                # Only here can a file cut within its last number still look whole.
                collector.reject(
                    row, place, "the file ends here without a line end, so the last pixel may be cut; add one if it is whole"
                )
                continue
            collector.add_row(values["pixels"], label, split, row, place)
    except csv.Error as error:
        raise FercliError(
            f"{source}, line {reader.line_num}: this is not CSV ({error}); mend the line or get the file again."
        ) from error
    on_row(row + 1)
    return collector.faces()


def _columns(header: list[str], source: Path) -> list[str]:
    columns = [name.strip().lower() for name in header]
    missing = [name for name in ("emotion", "pixels", "Usage") if columns.count(name.lower()) != 1]
    if missing:
        found = ",".join(header)[:60]
        raise FercliError(
            f"{source} is not a FER2013 CSV: its first line must name the columns emotion, pixels and Usage, "
            f"and {', '.join(missing)} is not there once; it reads {found!r}."
        )
    return columns


def _read_folders(source: Path, on_row: Callable[[int], None]) -> Faces:
    collector = _Collector()
    names: list[str] = []
    for split_folder in _subfolders(source):
        split = _FOLDERS.get(split_folder.name.lower())
        if split is None:
            raise FercliError(f"{split_folder} is no split; name it train, validation or test, or move it away.")
        for class_folder in _subfolders(split_folder):
            label = label_from_name(class_folder.name)
            if label is None:
                raise FercliError(f"{class_folder} is no expression; name it {', '.join(LABELS)}, or move it away.")
            walk = Walk([class_folder])
            for path in walk:
                names.append(readable(path.relative_to(source)))
                row = len(names) - 1
                on_row(row)
                try:
                    pixels = read_gray(path)
                    collector.add_image(crop(pixels, square_around(pixels), SIDE), label, split, row)
                except ImageRejected as error:
                    collector.reject(row, names[row], error.reason, error.code)
            for folder, reason in walk.unreadable:
                collector.reject(len(names), readable(folder.relative_to(source)), reason, "unreadable")
    faces = collector.faces()
    faces.names = names
    return faces


def _subfolders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if kind_of(path) is Kind.FOLDER and not path.name.startswith("."))
