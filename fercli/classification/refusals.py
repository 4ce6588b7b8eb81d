"""What a run of `classify` refuses to write: its own photos, what another run left, and results that hold nothing."""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from fercli.classification.counts import Counts
from fercli.classification.journal import finished_path, is_begun, journal_path
from fercli.classification.outputs import Output
from fercli.classification.records import COLUMNS
from fercli.classification.results import read_results
from fercli.errors import FercliError, UsageError
from fercli.files import Kind, kind_of, refuse_existing, refuse_filled, refuse_other_endings, shown_name
from fercli.photos.walk import COPIES, Walk


def refuse_output(output: Output, inputs: Sequence[Path], *, overwrite: bool, resume: bool, update: bool) -> None:
    """Raise UsageError if rows must not go to `output`, where one of the three flags allows to replace what is there."""
    if output.stream:
        if resume or update:
            raise UsageError("Standard output cannot be resumed or updated; write to a file with -o.")
        if not hasattr(sys.stdout, "buffer"):  # as in a notebook
            raise UsageError("Standard output takes no bytes here; name a file to write.")
        return
    path, replace = output.path, overwrite or resume or update
    begun = is_begun(journal_path(path))
    if output.published and not (replace or begun):
        raise UsageError(
            f"{path} exists already; add --update to label what was added or changed since, --overwrite to do everything again, or "
            "name another output."
        )
    if output.parts:
        refuse_filled(path, overwrite=replace)
    else:
        refuse_existing(path, overwrite=replace, inputs=inputs)
    if begun and not replace:
        raise UsageError(f"An interrupted run of {path} exists; add --resume to go on with it, or --overwrite to start again.")


def refuse_report(path: Path, output: Output | None, inputs: Sequence[Path], *, overwrite: bool) -> None:
    """Raise UsageError if the page must not be written to `path`."""
    if output and path.resolve() == output.path.resolve():
        raise UsageError(f"{path} cannot be both the results and the report; name two files.")
    refuse_existing(path, overwrite=overwrite, inputs=inputs)
    refuse_other_endings(path, (".html", ".htm"))


def refuse_copies(folder: Path, inputs: Sequence[Path], *, overwrite: bool) -> None:
    """Raise UsageError if annotated copies in this folder could replace photos, or be labelled as photos."""
    real = os.path.realpath(folder)
    for path in inputs:
        if Path(os.path.realpath(path)).is_relative_to(real):
            raise UsageError(f"{folder} holds the photos themselves; name a folder for the annotated copies alone.")
    if kind_of(folder / COPIES) is Kind.MISSING:
        refuse_filled(folder, overwrite=False, fault="holds files that are not annotated copies; name a new folder for the copies")
    elif any(path.name != COPIES for path in folder.iterdir()):
        refuse_filled(folder, overwrite=overwrite)


def refuse_more(output: Output, others: Iterable[Path | None]) -> None:
    """Raise UsageError if a complete run is to write another output as well, which would take all the work again."""
    for path in others:
        if path and kind_of(path) is Kind.MISSING:
            raise UsageError(
                f"{output.path} is complete and {path} is missing; add --overwrite to do everything again, or name another output."
            )


def refuse_foreign(output: Output) -> None:
    """Raise UsageError if `output` does not hold results, or has columns of somebody else's."""
    try:
        others = sorted(next(read_results(output.path), {}).keys() - COLUMNS)
    except FercliError as error:
        raise UsageError(f"There are no results to update: {error}") from error
    if others:
        raise UsageError(
            f"{output.path} has columns that fercli did not write, such as {others[0]}, and --update would lose them; move it away "
            "and run the same command again, or replace it with --overwrite instead of --update."
        )


def refuse_empty(counts: Counts, walk: Walk, inputs: Sequence[Path], updated: Output | None = None) -> None:
    """Raise FercliError if none of the inputs could be read, or there were none; `updated` are results that exist."""
    stay = "no results were written"
    if updated:
        stay = f"{updated.path} stays as it was (if it is to go, delete it and {finished_path(updated.path)})"
    if counts.first_reject and counts.pictures == counts.status["rejected"]:
        raise FercliError(f"{_unread(counts.pictures, *counts.first_reject)}, so {stay}; give photos or videos that can be read.")
    if not counts.pictures:
        places = ", ".join(map(shown_name, inputs[:5]))
        raise FercliError(
            f"There are no photos or videos in {places}{_found_instead(walk)}, so {stay}; name the photos "
            "themselves, or the folder that holds them."
        )


def first_unreadable(walk: Walk) -> str:
    """Return half a sentence about the first place that the walk could not look into."""
    path, reason = walk.unreadable[0]
    return f"{shown_name(path)} cannot be read ({reason})"


def _unread(inputs: int, path: Path, reason: str) -> str:
    if inputs == 1:
        return f"{shown_name(path)} could not be read ({reason})"
    return f"None of the {inputs:,} inputs could be read (the first is {shown_name(path)}: {reason})"


def _found_instead(walk: Walk) -> str:
    if walk.unreadable:
        return f" ({first_unreadable(walk)})"
    if not walk.passed_over:
        return ", where no file was found"
    first, others = shown_name(walk.first_passed_over[0]), walk.passed_over - 1
    return f", only files of other kinds: {first}{f' and {others:,} more' if others else ''}"
