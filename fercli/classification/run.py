"""One run of `classify`: what to label, and where the results go."""

import contextlib
import os
import sys
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fercli.classification.counts import Counts
from fercli.classification.job import Job, Workers
from fercli.classification.journal import Journal, finished_path, journal_path, open_finished, open_journal
from fercli.classification.outputs import Output, publishing, suffix_of
from fercli.classification.records import Outcome, rows, with_persons
from fercli.classification.refusals import (
    first_unreadable,
    refuse_copies,
    refuse_empty,
    refuse_foreign,
    refuse_more,
    refuse_output,
    refuse_report,
)
from fercli.classification.writers import Rows
from fercli.errors import FercliError, UsageError
from fercli.files import Kind, kind_of, refuse_filled, refuse_missing, shown_name
from fercli.photos.walk import Walk
from fercli.remote import RemotePath, place
from fercli.writing import Outputs, exclusive, together

if TYPE_CHECKING:
    from fercli.classification.places import Places
    from fercli.models.inference import Labels


@dataclass
class Run:
    """Photos, videos, and folders of them, to label as `job` says.

    Iterating does the work and yields an `Outcome` for each photo, and for each frame of a video that is looked at. Files that are
    `listed` are labelled after the `inputs`, in their order; one that does not exist is rejected, where a missing input is refused.

    `output` receives rows, `annotate` copies with the faces marked, `report` a page; each may be left out. Rows and page appear
    only once the last outcome has been taken. A run stopped before that leaves a journal, from which a run with `resume` goes on;
    if the `output` exists already, such a run is `complete` and yields nothing. `overwrite` replaces what exists. So does `update`,
    with the bytes of a whole new run, but it labels only photos that are new or have changed; if it has to label all of them,
    `redone` says why. `kept` counts the outcomes that were known before, `gone` the photos and videos that no longer exist, and
    `unnamed` others that the inputs no longer include; the rows of both are dropped. `outdated` names pages and folders of copies
    that earlier runs made of the results and this one does not. `amiss` says of which photos and videos there is no whole copy, as
    they have since gone, and which copies of photos that are gone cannot be removed. In all outputs a label less probable than
    `min_confidence`, 0 to 1, is left empty; with `skip_no_face`, photos without a face have no row. If `workers` are given, workers
    of the Ray cluster at `address` do the labelling, see `classify_on_ray`.

    Creating a run raises UsageError for missing inputs and for outputs that must not be written. Iterating raises FercliError if no
    results are written because none of the photos could be read, or because one was rejected and `strict` is set, and UsageError if
    results that are to be replaced, in a file on this machine, were changed after their run, as far as its journal tells;
    `overwrite` does not ask. For the rest see `labeller_for`, `open_journal` and `publishing`.
    """

    inputs: Sequence[Path]
    job: Job = Job()
    output: Output | None = None
    annotate: Path | None = None
    report: Path | None = None
    min_confidence: float = 0.0
    skip_no_face: bool = False
    strict: bool = False
    resume: bool = False
    overwrite: bool = False
    update: bool = False
    workers: Workers | None = None
    address: str | None = None
    listed: Sequence[Path] = ()
    complete: bool = field(default=False, init=False)
    redone: str = field(default="", init=False)
    kept: int = field(default=0, init=False)
    gone: int = field(default=0, init=False)
    unnamed: int = field(default=0, init=False)
    outdated: list[str] = field(default_factory=list, init=False)
    amiss: list[tuple[Path, str]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        if self.output:
            suffix_of(self.output)  # refuses what cannot be written
        if not 0 <= self.min_confidence <= 1:
            raise UsageError(f"--min-confidence {self.min_confidence:g} is not a probability; give a number from 0 to 1.")
        refuse_missing(self.inputs, "give photos, videos or folders of them, and put quotes around a path with spaces")
        self._refuse_outputs()
        self._replacing = bool(self.output and self.output.published)
        if self.output and self._replacing and self.resume and not (self.overwrite or self.update):
            self.complete = kind_of(journal_path(self.output.path)) is Kind.MISSING
            if self.complete:
                refuse_more(self.output, (self.annotate, self.report))
        if self.output and self._replacing and self.update and not isinstance(self.output.path, RemotePath):
            refuse_foreign(self.output)
        if self.workers:
            from fercli.classification.cluster import refuse_missing_ray

            refuse_missing_ray()
        self.inputs = [*self.inputs, *self.listed]
        self.walk = Walk(self.inputs)  # the latest walk, which knows what it passed over

    @cached_property
    def labeller(self) -> "Labels":
        """The network or ensemble, loaded when first asked for."""
        return self.job.labeller()

    def new_walk(self) -> Walk:
        """Return a walk through the photos that skips the annotated copies."""
        walk = Walk(self.inputs)
        if self.annotate:
            walk.leave_out(self.annotate)
        return walk

    def __iter__(self) -> Generator[Outcome, None, None]:
        if self.complete:
            return
        settings = self.job.settings(self.labeller)
        self.walk, report = self.new_walk(), None
        if self.report:
            from fercli.classification.report import Report  # loads Pillow

            report = Report(self.min_confidence, every=self.job.options.every)
        counts = report or Counts(self.min_confidence)
        with contextlib.ExitStack() as stack:
            journal = stack.enter_context(self._journal(settings))
            before = stack.enter_context(self._before(settings, journal))
            earlier = before if self.update else None
            places = self._hold_folders(stack)
            outputs = stack.enter_context(together())
            page = self.report and outputs.claim(self.report, overwrite=self._may_replace, inputs=self.inputs)
            writer = stack.enter_context(self._writer(outputs))
            # Closed before the journal and the output, so that no thread still works for them when the run is stopped.
            labelled = stack.enter_context(contextlib.closing(self._labelled([earlier, journal])))
            outcomes = with_persons(labelled)
            if places:
                outcomes = stack.enter_context(contextlib.closing(self._annotated(outcomes, places)))
            for outcome in outcomes:
                if journal:
                    journal.add(outcome)
                if writer:
                    self._write(outcome, writer)
                counts.add(outcome)
                yield outcome
                if outcome.reject and self.strict:
                    go_on = "" if self.output and self.output.stream else ", and go on with --resume"
                    raise FercliError(
                        f"{shown_name(outcome.path)} was rejected and --strict allows none, so {self._unpublished}; "
                        f"remove it or leave --strict out{go_on}."
                    )
            if earlier and journal and self._replacing:
                self.gone, self.unnamed = earlier.dropped(journal)
            unreadable = [folder for folder, _ in self.walk.unreadable]
            if unreadable and before and journal and self._replacing and before.knows_under(unreadable, journal):
                raise FercliError(
                    f"{first_unreadable(self.walk)}, so its photos would be dropped from the results. Make it readable and run the "
                    "same command again; or, if it is to go, add --overwrite in place of --update or --resume."
                )
            if journal:
                made = [_whole(path) for path in (self.report, self.annotate) if path]
                pictured = earlier.pictured if earlier else []
                self.outdated = [name for name in pictured if name not in made and kind_of(place(name)) is not Kind.MISSING]
                journal.results, journal.pictured = self._local_file, [*made, *self.outdated]
            if self.strict and self.walk.unreadable:
                raise FercliError(f"{first_unreadable(self.walk)} and --strict allows no reject; {self._unpublished}.")
            if writer:
                refuse_empty(counts, self.walk, self.inputs, self.output if self.update and self._replacing else None)
                if journal:
                    journal.commit()
                writer.close()
            if page and report:
                with page() as handle:
                    ours = {path.resolve() for path in (self.output and self.output.path, self.report) if path}
                    report.skipped = [path for path in self.walk.first_passed_over if path.resolve() not in ours]
                    report.write(
                        handle, settings | self._other_options, self.job.options.max_pixels, self.job.accuracy(self.labeller)
                    )

    def _journal(self, settings: dict[str, Any]) -> AbstractContextManager[Journal | None]:
        if self.output is None or self.output.stream:
            return contextlib.nullcontext()
        return open_journal(
            journal_path(self.output.path),
            settings,
            resume=self.resume or self.update,
            keep=self._replacing and not self.update,  # or nothing would tell that what is there has been begun anew
            anew=self.update,
            finished=finished_path(self.output.path),
        )

    @contextlib.contextmanager
    def _before(self, settings: dict[str, Any], journal: Journal | None) -> Iterator[Journal | None]:
        """Open the journal of the run that wrote what is to be replaced, and see that nobody else has changed that."""
        if not (self.output and journal and (self.update or self.resume) and not self.overwrite):
            yield None
            return
        # A run that was killed just after it had put its results in place has not told what they are.
        written = self._local_file if self._replacing and not journal.publishing else None
        with open_finished(finished_path(self.output.path), settings, written) as found:
            if isinstance(found, str) and self.update and self._replacing:
                self.redone = found
            yield None if isinstance(found, str) else found

    def _hold_folders(self, stack: contextlib.ExitStack) -> "Places | None":
        """Hold the folders among the outputs, and check them again: another run may have come first; return where copies go."""
        if self.output and self.output.parts:
            refuse_filled(self.output.path, overwrite=self._may_replace)  # held by the journal
        if not self.annotate:
            return None
        from fercli.classification.places import listed, owner_of

        check = stack.enter_context(exclusive(self.annotate)) if not isinstance(self.annotate, RemotePath) else lambda: None
        refuse_copies(self.annotate, self.inputs, overwrite=self._may_replace)
        owner = owner_of(self.output.path if self.output else None, self.annotate)
        return stack.enter_context(listed(self.annotate, owner, self._note, check))

    @property
    def _local_file(self) -> Path | None:
        """The results, if they are a file on this machine."""
        output = self.output
        return output.path if output and not (output.stream or output.parts or isinstance(output.path, RemotePath)) else None

    def _note(self, path: Path, amiss: str) -> None:
        self.amiss.append((path, amiss))

    def _writer(self, outputs: Outputs) -> AbstractContextManager[Rows | None]:
        if self.output is None:
            return contextlib.nullcontext()
        return publishing(self.output, outputs, overwrite=self.overwrite or self._replacing, inputs=self.inputs)

    def _labelled(self, journals: Iterable[Journal | None]) -> Generator[Outcome, None, None]:
        finds = [journal.find for journal in journals if journal]
        counting = threading.Lock()

        def known(path: Path) -> Iterator[Outcome]:
            for find in finds:
                any_found = False
                for outcome in find(path):
                    any_found = True
                    with counting:
                        self.kept += 1
                    yield outcome
                if any_found:
                    return

        if self.workers:
            from fercli.classification.cluster import classify_on_ray

            return classify_on_ray(
                self.walk, self.job, self.labeller.sha256, known=known, address=self.address, workers=self.workers
            )
        from fercli.classification.pipeline import classify
        from fercli.photos.faces import detector

        return classify(self.walk, self.labeller, detector(self.job.detector), self.job.options, known=known)

    def _annotated(self, outcomes: Iterable[Outcome], places: "Places") -> Generator[Outcome, None, None]:
        from fercli.classification.copies import annotated

        return annotated(outcomes, places, self.job.options, self.min_confidence, self._note)

    def _write(self, outcome: Outcome, writer: Rows) -> None:
        if self.skip_no_face and outcome.status == "no_face":
            return
        for row in rows(outcome, self.labeller.title, self.min_confidence):
            writer.write(row)
        if self.output and self.output.stream:
            sys.stdout.buffer.flush()  # whoever reads the stream need not wait for a buffer to fill

    @property
    def _other_options(self) -> dict[str, Any]:
        """The options that are not settings of the journal, which a report shows, too."""
        return {
            "min_confidence": self.min_confidence,
            "tta": self.job.tta,
            "prior": "even" if self.job.even else "trained",
            "on_no_face": "skip" if self.skip_no_face else "row",
        }

    @property
    def _may_replace(self) -> bool:
        return self.overwrite or self.resume or self.update

    @property
    def _unpublished(self) -> str:
        stream = self.output and self.output.stream
        return "what went to standard output is incomplete" if stream else "no results were written"

    def _refuse_outputs(self) -> None:
        if self.update and (self.overwrite or not self.output):
            raise UsageError("--update goes with an output, and without --overwrite, which does everything again.")
        if self.output:
            refuse_output(self.output, self.inputs, overwrite=self.overwrite, resume=self.resume, update=self.update)
        if self.annotate:
            refuse_copies(self.annotate, self.inputs, overwrite=self._may_replace)
        if self.report:
            refuse_report(self.report, self.output, self.inputs, overwrite=self._may_replace)


def _whole(path: Path) -> str:
    return str(path) if isinstance(path, RemotePath) else os.path.abspath(path)  # noqa: PTH100 (links are not followed)
