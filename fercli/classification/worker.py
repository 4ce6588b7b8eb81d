"""What a worker of a Ray cluster does with a block of photos, known results and stretches of videos.

A block is a table of paths and texts. What is done with it is `pipeline.classify`, as on one machine.
"""

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fercli.classification.job import Job
from fercli.classification.loading import release_blocks
from fercli.classification.pipeline import classify
from fercli.classification.records import Outcome, Reject, encoded
from fercli.classification.stretches import Stretch
from fercli.errors import FercliError, IntegrityError
from fercli.models.inference import Labels
from fercli.photos.faces import Detector, detector
from fercli.remote import RemotePath, place
from fercli.version import __version__

if TYPE_CHECKING:
    import pyarrow

_TRIES = 2  # of a block, and then of each of its sources alone: one that ends every worker must not be retried for ever
# Bytes: any photo's pixels. That takes a tenth off a worker, of which a machine may have many, for a twentieth more processor time.
_LARGE = 1 << 20

_Source = tuple[bytes, str | None]  # a path with None for a photo, or the text of a stretch


class Worker:
    """Labels what is in a block; the network is loaded with the first one.

    A row is a path and the text of a known outcome, of a stretch, or none, for a photo. A known outcome is passed on; in place of
    the others come rows with the texts of their outcomes and, for a stretch, of the number that follows it.

    If fercli refuses, one row without a path holds its exit code and message, since Ray does not keep the types of exceptions.
    """

    def __init__(self, job: Job, folder: Path, sha256: str, version: str, threads: int, attempts: Any) -> None:
        self._job, self._folder, self._sha256, self._version, self._threads = job, folder, sha256, version, threads
        self._attempts = attempts
        self._tools: tuple[Labels, Detector] | None = None
        os.environ["OMP_NUM_THREADS"] = str(threads)  # see `surroundings.cores`; each worker would take every core
        release_blocks(_LARGE)

    def __call__(self, block: "pyarrow.Table") -> "pyarrow.Table":
        """Return a block with the outcomes in place of what was to do."""
        sources = rows_of(block)
        todo = [(path, text) for path, text in sources if text is None or text.startswith("[")]
        try:
            new = dict(zip(todo, self._labelled(todo), strict=True)) if todo else {}
        except FercliError as error:
            return block_of([(None, json.dumps([error.exit_code, str(error)]))])
        return block_of([(path, result) for path, text in sources for result in new.get((path, text), [text])])

    def _labelled(self, sources: list[_Source]) -> list[list[str]]:
        import ray

        if ray.get(self._attempts.begin.remote(("block", sources[0]))) <= _TRIES:
            return self._label(sources)
        kept = ray.get(self._attempts.kept.remote())
        return [kept.get(source) or self._labelled_alone(source) for source in sources]

    def _labelled_alone(self, source: _Source) -> list[str]:
        import ray

        if ray.get(self._attempts.begin.remote(("alone", source))) > _TRIES:
            texts = [encoded(Outcome(Path(), reject=Reject("fatal", f"it crashed its worker {_TRIES} times")))]
        else:
            (texts,) = self._label([source])
        ray.get(self._attempts.keep.remote(source, texts))
        return texts

    def _label(self, sources: list[_Source]) -> list[list[str]]:
        labeller, finder = self._loaded()
        places = [self._place(path) for path, _ in sources]
        # Two names may lead to one place, such as a missing file by its relative and its absolute path.
        distinct = dict.fromkeys((path, text) for path, (_, text) in zip(places, sources, strict=True))
        work = [path if text is None else Stretch.of(path, text) for path, text in distinct]
        texts: dict[Path, list[str]] = {path: [] for path in places}
        for outcome in classify(work, labeller, finder, self._job.options, threads=self._threads):
            texts[outcome.path].append(encoded(outcome))
        for source in work:
            if isinstance(source, Stretch):
                texts[source.path].append(str(source.following))
        return [texts[path] for path in places]

    def _place(self, path: bytes) -> Path:
        there = place(os.fsdecode(path))
        return there if isinstance(there, RemotePath) else self._folder / there

    def _loaded(self) -> tuple[Labels, Detector]:
        if self._tools is None:
            if self._version != __version__:
                raise IntegrityError(f"A worker has fercli {__version__}, not {self._version}; install the same on every machine.")
            labeller = self._job.labeller()
            if labeller.sha256 != self._sha256:
                raise IntegrityError("A worker has other weights; put the same at the same place on every machine.")
            self._tools = labeller, detector(self._job.detector)
        return self._tools


class Attempts:
    """An actor that counts how often work was begun, and keeps the results of single sources, while workers come and go."""

    def __init__(self) -> None:
        self._begun: Counter[tuple[str, _Source]] = Counter()
        self._done: dict[_Source, list[str]] = {}

    def begin(self, key: tuple[str, _Source]) -> int:
        """Count another beginning of some work, and return how many there have been."""
        self._begun[key] += 1
        return self._begun[key]

    def keep(self, source: _Source, texts: list[str]) -> None:
        """Keep the results of a source."""
        self._done[source] = texts

    def kept(self) -> dict[_Source, list[str]]:
        """Return what was kept."""
        return self._done


def block_of(rows: Sequence[tuple[bytes | None, str | None]]) -> "pyarrow.Table":
    """Return a block: a table of paths and texts."""
    import pyarrow

    paths, texts = zip(*rows, strict=True)
    return pyarrow.table({"path": pyarrow.array(paths, pyarrow.binary()), "text": pyarrow.array(texts, pyarrow.string())})


def rows_of(block: "pyarrow.Table") -> list[tuple[Any, Any]]:
    """Return the paths and texts of a block."""
    return list(zip(block["path"].to_pylist(), block["text"].to_pylist(), strict=True))
