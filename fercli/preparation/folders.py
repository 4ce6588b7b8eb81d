"""Faces from folders of images, whose names tell the split, the expression and the person."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path, PurePath
from typing import NamedTuple

from fercli.errors import FercliError, ImageRejected, UsageError, nearest
from fercli.files import readable, shown_name
from fercli.labels import LABELS
from fercli.models.registry import SIDE
from fercli.photos.faces import CROP_SIDE
from fercli.photos.images import crop, read_gray, square_around
from fercli.preparation.classes import Classes
from fercli.preparation.faces import NO_SPLIT, Collector, Faces, Row
from fercli.preparation.rows import USAGES, BadRow

_SPLITS = {usage.lower(): split for usage, split in USAGES.items()} | {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "public": "validation",
    "test": "test",
    "testing": "test",
    "private": "test",
}


class _Meaning(NamedTuple):
    """What the folders around an image say about it; `expression` is the folder named after one, if there is any."""

    split: str
    expression: str | None
    label: int | None
    others: tuple[str, ...]


def read_images(
    source: Path,
    images: Sequence[tuple[PurePath, Path]],
    left: Sequence[tuple[PurePath, str]],
    classes: Classes,
    person: str | None,
    on_row: Callable[[int], None],
) -> Faces:
    """Read the `images` in `source`: pairs of a place in folders for expressions, splits and persons, in any order, and a path.

    `left` has the places that are not read, with reasons. Without splits, every image has `NO_SPLIT`. `person` is a regular
    expression that finds in file names whose face it is, by its groups if it has any; without it, folders that mean nothing else
    stand for persons. Raises FercliError for a folder that stands for no expression, or for no split where others do; UsageError
    for a bad expression.
    """
    names = [readable(Path(place)) for place, _ in images]
    meanings = _meanings(source, [place.parent.parts for place, _ in images], classes)
    persons = _persons(names, meanings, person)
    collector, large = Collector(), list[str]()
    for number, ((_, path), name, meaning) in enumerate(zip(images, names, meanings, strict=True)):
        on_row(number)
        if meaning.expression is None:
            collector.reject(number, shown_name(Path(name)), "it is not in a folder named after an expression, such as happy")
        elif meaning.label is None:
            collector.left_out[meaning.expression.strip().lower()] += 1
        else:
            try:
                pixels = read_gray(path)
                large += [name] * (max(pixels.shape) > CROP_SIDE)
                face = crop(pixels, square_around(pixels), SIDE)
                collector.add_image(face, Row(number, meaning.label, meaning.split, persons[number]))
            except ImageRejected as error:
                collector.reject(number, shown_name(Path(name)), error.reason, error.code)
    for place, reason in left:
        collector.reject(len(names), shown_name(Path(place)), reason, "unreadable")
    on_row(len(names))
    faces = collector.faces()
    faces.names, faces.large = names, large
    return faces


def _meanings(source: Path, folders: Sequence[tuple[str, ...]], classes: Classes) -> list[_Meaning]:
    @cache
    def meaning_of(inside: tuple[str, ...]) -> _Meaning:
        split, expression, label = NO_SPLIT, None, None
        others = []
        for folder in inside:
            if split == NO_SPLIT and folder.lower() in _SPLITS:
                split = _SPLITS[folder.lower()]
                continue
            if expression is None:
                try:
                    label = classes.of_folder(folder)
                    expression = folder
                    continue
                except BadRow:
                    pass
            others.append(folder)
        return _Meaning(split, expression, label, tuple(others))

    meanings = [meaning_of(inside) for inside in folders]
    splits = any(meaning.split != NO_SPLIT for meaning in meanings)
    for inside, meaning in zip(folders, meanings, strict=True):
        place = shown_name(source.joinpath(*inside))
        if meaning.expression is None and meaning.others:
            name = shown_name(Path(meaning.others[-1]))
            raise FercliError(
                f"{place} is not an expression.{nearest(name, LABELS)} Leave it out with --leave-out {name}, say what folders are "
                f"with --classes (rafdb, or 1=surprise,2=fear), rename it to one of {', '.join(LABELS)}, or move it elsewhere."
            )
        if splits and meaning.split == NO_SPLIT and meaning.expression is not None:
            raise FercliError(f"{place} is in no split, but others are; move it to train, validation or test.")
    return meanings


def _persons(names: Sequence[str], meanings: Sequence[_Meaning], pattern: str | None) -> list[str]:
    if pattern is None:
        persons = ["/".join(meaning.others) for meaning in meanings]
        return persons if len(set(persons)) > 1 else [""] * len(persons)  # a folder around everything tells no persons apart
    try:
        found = [re.search(pattern, PurePath(name).name) for name in names]
    except re.error as error:
        raise UsageError(f"--person {pattern} is not a regular expression ({error}); write one such as '^S[0-9]+'.") from error
    if not any(found):
        raise UsageError(
            f"--person {pattern} matches no file name, such as {PurePath(names[0]).name if names else ''}; write another. "
            "Folders are not searched: those that are named after persons need no --person."
        )
    # Groups, if there are any, say which part of the match is the person, as in `summary --unit`.
    return [" ".join(filter(None, match.groups())) or match.group() if match else "" for match in found]
