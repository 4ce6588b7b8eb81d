"""Where faces come from: the FER2013 CSV and those like it, or folders of images; every bad row or file is listed."""

import csv
import os
from collections.abc import Callable
from pathlib import Path

from fercli.errors import FercliError, UsageError
from fercli.files import Kind, kind_of
from fercli.photos.walk import COPIES, Walk
from fercli.preparation.archives import LINES_LIMIT, CsvLines
from fercli.preparation.classes import Classes
from fercli.preparation.faces import NO_SPLIT, Collector, Faces, Row
from fercli.preparation.folders import read_images
from fercli.preparation.rows import BadRow, parse_usage
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

    `person` names the column that tells whose face it is, or is a pattern of file names that does; without it, columns called
    person, subject and the like do, and folders beside those of splits and classes. Without `splits` a CSV's column Usage is not
    looked at.

    Raises UsageError if `source` or the column is missing, FercliError if it is none of these or is broken as a whole.
    """
    kind = kind_of(source)
    classes = classes or Classes()
    if kind is Kind.FOLDER:
        return _read_folder(source, classes, person, on_row)
    if kind is not Kind.FILE:
        raise UsageError(f"{source} does not exist; give FER2013's CSV, an archive that holds it, or a folder of images.")
    with packed_images(source) as packed:
        if packed:
            return read_images(source, [(path, path) for path in packed], [], classes, person, on_row)
    return _read_csv(source, classes, person, on_row, splits=splits)


def _read_folder(source: Path, classes: Classes, person: str | None, on_row: Callable[[int], None]) -> Faces:
    walk = Walk([source])
    paths = list(walk)
    left = [(path.relative_to(source), reason) for path, reason in walk.unreadable]
    left += [(path.relative_to(source), f"it holds {COPIES}, as folders of annotated copies do") for path in walk.copies]
    for path in walk.second_names:  # of an image: it is one of the set under each name, and leaks if these are in two splits
        if kind_of(path) is Kind.FOLDER:
            left.append((path.relative_to(source), "it leads to a folder that was read before"))
        else:
            paths.append(path)
    images = sorted(((path.relative_to(source), path) for path in paths), key=lambda item: [*map(os.fsencode, item[0].parts)])
    return read_images(source, images, left, classes, person, on_row)


def _read_csv(source: Path, classes: Classes, person: str | None, on_row: Callable[[int], None], *, splits: bool) -> Faces:
    lines = CsvLines(source)
    reader = csv.reader(lines, strict=True)  # without strict, a stray quote swallows the rows behind it
    collector = Collector()
    number = -1
    place = ""
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
                break  # it will be refused, and they would fill the memory
            if len(cells) != len(columns):
                collector.reject(number, place, f"it has {len(cells)} columns, not {len(columns)}")
                continue
            values = dict(zip(columns, cells, strict=True))
            try:
                label = classes.of_row(values["emotion"])
                split = parse_usage(values["usage"]) if splits and "usage" in values else NO_SPLIT
            except BadRow as error:
                collector.reject(number, place, str(error))
                continue
            if label is None:
                collector.left_out[values["emotion"].strip().lower()] += 1
                continue
            if not lines.complete and columns[-1] == "pixels":
                # Only here can a file cut within its last number still look whole.
                collector.reject(
                    number, place, "the file ends here without a line end, so the last pixel may be cut; add one if it is whole"
                )
                continue
            collector.add_row(values["pixels"], Row(number, label, split, values[whose].strip() if whose else ""), place)
    except csv.Error as error:
        raise FercliError(
            f"{source}, line {reader.line_num}: this is not CSV ({error}); mend the line or get the file again."
        ) from error
    if number < 0:
        raise FercliError(f"{source} is not a FER2013 CSV: it has no rows; see that it is whole.")
    on_row(number + 1)
    return collector.faces()


def _columns(header: list[str], source: Path) -> list[str]:
    columns = [name.strip().lower() for name in header]
    missing = [name for name in ("emotion", "pixels") if columns.count(name) != 1]
    missing += ["Usage"] if columns.count("usage") > 1 else []
    if missing:
        found = ",".join(header)[:60]
        raise FercliError(
            f"{source} is not a FER2013 CSV: its first line must name the columns emotion and pixels, and may name Usage, "
            f"and {', '.join(missing)} is not there once; it reads {found!r}."
        )
    return columns


def _person_column(columns: list[str], person: str | None, source: Path) -> str | None:
    wanted = [person.strip().lower()] if person else _PERSON_COLUMNS
    found = [name for name in wanted if columns.count(name) == 1]
    if person and not found:
        raise UsageError(f"{source} has no column {person}; name one of {', '.join(columns)} with --person.")
    return found[0] if found else None
