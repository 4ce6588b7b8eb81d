"""Where faces come from: FER2013's CSV and others like it, or folders of images; every bad row or file is listed."""

import csv
import os
import re
from collections.abc import Callable
from pathlib import Path

from fercli.errors import FercliError, UsageError
from fercli.files import Kind, kind_of, refuse_all_but_files
from fercli.photos.walk import COPIES, Walk
from fercli.preparation.archives import LINES_LIMIT, CsvLines
from fercli.preparation.classes import Classes
from fercli.preparation.faces import NO_SPLIT, Collector, Faces, Row
from fercli.preparation.folders import read_images
from fercli.preparation.rows import FERPLUS_COLUMNS, BadRow, parse_usage, shown
from fercli.preparation.zips import packed_images

REJECT_SHARE = 0.01  # of bad rows, above which a source is not used
_PERSON_COLUMNS = ("person", "subject", "participant", "identity", "actor")
_EVERY = 64  # rows between two reports of progress


def read_faces(
    source: Path,
    on_row: Callable[[int], None] = lambda _: None,
    classes: Classes | None = None,
    person: str | None = None,
    *,
    splits: bool = True,
) -> Faces:
    """Read a CSV, an archive with one, or a folder of images, which may be zipped; `on_row` receives the number of rows done.

    Whose face it is follows from `person`, a column's name or a regular expression for file names; without it, from columns called
    person, subject and the like, and from folders that are neither splits nor classes. Without `splits`, a CSV's column Usage is
    ignored.

    Raises UsageError if `source` or the column is missing, FercliError if the source is something else or broken as a whole.
    """
    kind = kind_of(source)
    classes = classes or Classes()
    if kind is Kind.FOLDER:
        return _read_folder(source, classes, person, on_row)
    refuse_all_but_files(source, "name FER2013's CSV, an archive that holds it, or a folder of images")
    with packed_images(source) as packed:
        if packed:
            return read_images(source, [(path, path) for path in packed], [], classes, person, on_row)
    return _read_csv(source, classes, person, on_row, splits=splits)


def _read_folder(source: Path, classes: Classes, person: str | None, on_row: Callable[[int], None]) -> Faces:
    walk = Walk([source])
    paths = list(walk)
    left = [(path.relative_to(source), reason) for path, reason in walk.unreadable]
    left += [(path.relative_to(source), f"it holds {COPIES}, so it is a folder of annotated copies") for path in walk.copies]
    for path in walk.second_names:  # of an image: it is one of the set under each name, and leaks if these are in two splits
        if kind_of(path) is Kind.FOLDER:
            left.append((path.relative_to(source), "it leads to a folder that was already read"))
        else:
            paths.append(path)
    images = sorted(((path.relative_to(source), path) for path in paths), key=lambda item: [*map(os.fsencode, item[0].parts)])
    return read_images(source, images, left, classes, person, on_row)


def _read_csv(source: Path, classes: Classes, person: str | None, on_row: Callable[[int], None], *, splits: bool) -> Faces:
    lines = CsvLines(source)
    reader = csv.reader(lines, strict=True)  # without strict, a stray quote swallows the rows behind it
    collector = Collector()
    number = -1
    try:
        columns = _columns(next(reader, []), source)
        whose = _person_column(columns, person, source)
        for cells in reader:
            if not cells:
                continue
            number += 1
            place = f"line {reader.line_num}"
            if number % _EVERY == 0:
                on_row(number)
            if collector.rejects > REJECT_SHARE * LINES_LIMIT:
                break  # the source will be refused, and more rejects would fill the memory
            try:
                if len(cells) != len(columns):
                    raise BadRow(f"it has {len(cells)} columns, not {len(columns)}")
                values = dict(zip(columns, cells, strict=True))
                row = _row(values, number, classes, whose, splits=splits)
                if row is None:
                    collector.left_out[values["emotion"].strip().lower()] += 1
                    continue
                if not lines.complete and columns[-1] == "pixels":  # only here can a file cut within its last number look whole
                    raise BadRow("the file ends here without a line end, so the last pixel may be cut off; add one if it is whole")
            except BadRow as error:
                collector.reject(number, place, str(error))
            else:
                collector.add_row(values["pixels"], row, place)
    except csv.Error as error:
        raise FercliError(
            f"{source}, line {reader.line_num}: this is not CSV ({error}); correct the line or download the file again."
        ) from error
    if number < 0:
        raise FercliError(f"{source} is not a FER2013 CSV: it has no rows; check that it is complete.")
    on_row(number + 1)
    return collector.faces()


def _row(values: dict[str, str], number: int, classes: Classes, whose: str | None, *, splits: bool) -> Row | None:
    """Return what the cells of a row say besides its pixels, None if its class is left out; BadRow if they are not understood."""
    label = classes.of_row(values["emotion"])
    split = parse_usage(values["usage"]) if splits and "usage" in values else NO_SPLIT
    return None if label is None else Row(number, label, split, values[whose].strip() if whose else "")


def _columns(header: list[str], source: Path) -> list[str]:
    columns = [name.strip().lower() for name in header]
    missing = [name for name in ("emotion", "pixels") if columns.count(name) != 1]
    missing += ["Usage"] if columns.count("usage") > 1 else []
    if missing:
        found = ",".join(header)
        raise FercliError(
            f"{source} is not a FER2013 CSV: its first line must name the columns emotion and pixels, and may name Usage, "
            f"each once, but it is {shown(found, 60)}; {_advice(found)}."
        )
    return columns


def _advice(header: str) -> str:
    """Return what to do about a first line that does not name the columns."""
    words = header.lower()
    if {"emotion", "pixels"} <= set(re.split(r"[;\t|]", words)):
        return "separate the columns with commas"
    if words.lstrip()[:1].isdigit():
        return "put the line emotion,pixels,Usage above it"
    if all(column.lower() in words for column in FERPLUS_COLUMNS):
        return "these are the columns of FER+, so name this file with --ferplus, and FER2013's CSV as the source"
    return "correct it, or name another file"


def _person_column(columns: list[str], person: str | None, source: Path) -> str | None:
    wanted = [person.strip().lower()] if person else _PERSON_COLUMNS
    found = [name for name in wanted if columns.count(name) == 1]
    if person and not found:
        raise UsageError(f"{source} has no column {person}; name one of {', '.join(columns)} with --person.")
    return found[0] if found else None
