"""What a run of `classify` has found so far, kept beside its output, so that a stopped run loses nothing: an SQLite database.

SQLite rather than lines of our own: its transactions survive kill -9 and power loss, and a look-up needs no memory.
"""

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

from fercli.errors import FercliError, IntegrityError
from fercli.files import Identity, identity_of, remove
from fercli.records import Box, Face, Outcome, Reject

_COMMIT_EVERY = 1.0  # seconds; what is newer is lost with the process
_EMPTY = ("DROP TABLE IF EXISTS run", "DROP TABLE IF EXISTS photo")
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS run (settings TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS photo"
    " (path BLOB PRIMARY KEY, size INTEGER, changed INTEGER, readable INTEGER, outcome TEXT NOT NULL) WITHOUT ROWID",
)


def journal_path(output: Path) -> Path:
    """Return where the journal of the run that writes `output` is kept."""
    return output.with_name(f".{output.name}.fercli-journal")


class Journal:
    """Outcomes by path, of one run; see `open_journal`."""

    def __init__(self, path: Path, settings: dict[str, Any], *, resume: bool) -> None:
        self._path = path
        self._lock = threading.Lock()
        # Transactions are ours to begin; the file stays locked between them, so that two runs never share it.
        self._database = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("BEGIN EXCLUSIVE")
            for statement in _SCHEMA if resume else (*_EMPTY, *_SCHEMA):
                self._database.execute(statement)
            self._refuse_other(settings)
        except BaseException:
            self._database.close()
            raise
        self._failure: sqlite3.Error | None = None
        self._closed = threading.Event()
        threading.Thread(target=self._commit_regularly, daemon=True).start()

    def find(self, path: Path) -> Outcome | None:
        """Return what is known of the photo, unless its file has changed since. Any thread may ask."""
        with self._lock:
            row = self._database.execute("SELECT size, changed, outcome FROM photo WHERE path = ?", (os.fsencode(path),)).fetchone()
        if row is None or identity_of(path) != Identity(row[0], row[1]):
            return None
        try:
            return _outcome_of(path, row[2], Identity(row[0], row[1]))
        except (KeyError, TypeError, ValueError) as error:
            raise _no_journal(self._path, error) from error

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome, on disk within a second; one of a file that could not be asked for its identity is not kept."""
        if outcome.identity is None:
            return
        row = (os.fsencode(outcome.path), *astuple(outcome.identity), outcome.reject is None, _text_of(outcome))
        with self._lock:
            if self._failure:
                raise self._failure
            self._database.execute("REPLACE INTO photo VALUES (?, ?, ?, ?, ?)", row)

    def close(self) -> bool:
        """Bring everything to the disk and let go; return whether there is any work to keep, rejects aside."""
        self._closed.set()
        with self._lock:
            holds_work = self._database.execute("SELECT 1 FROM photo WHERE readable LIMIT 1").fetchone() is not None
            self._database.execute("COMMIT")
            self._database.close()
        return holds_work

    def _commit_regularly(self) -> None:
        while not self._closed.wait(_COMMIT_EVERY):
            with self._lock:
                if self._closed.is_set():
                    return
                try:
                    self._database.execute("COMMIT")
                    self._database.execute("BEGIN EXCLUSIVE")
                except sqlite3.Error as error:  # such as a full disk: for `add` to tell
                    self._failure = error
                    return

    def _refuse_other(self, settings: dict[str, Any]) -> None:
        row = self._database.execute("SELECT settings FROM run").fetchone()
        if row is None:
            self._database.execute("INSERT INTO run VALUES (?)", (json.dumps(settings),))
            return
        before = json.loads(row[0])
        changed = [f"{name} {before.get(name)}" for name in settings if settings[name] != before.get(name)]
        if changed:
            raise IntegrityError(
                f"{self._path} is of a run with {', '.join(changed)}; resume with the same, or begin anew with --overwrite."
            )


@contextlib.contextmanager
def open_journal(path: Path, settings: dict[str, Any], *, resume: bool) -> Iterator[Journal]:
    """Open the journal at `path` to go on, or a new one; it outlives the block only if an exception ends that and it holds work.

    `settings` is all that an outcome depends on besides the photo, as JSON values. Raises IntegrityError if the journal is of a
    run with others or is none, FercliError if it cannot be written or another run is using it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        journal = _opened(path, settings, resume=resume)
        finished = False
        try:
            yield journal
            finished = True
        finally:
            if not journal.close() or finished:
                _remove(path)
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            raise FercliError(f"{path} is in use by another run of fercli; wait for it or name another output.") from error
        raise FercliError(f"{path} cannot be written ({error}); free some space, or write the results elsewhere.") from error
    except sqlite3.DatabaseError as error:
        raise _no_journal(path, error) from error


def _opened(path: Path, settings: dict[str, Any], *, resume: bool) -> Journal:
    try:
        return Journal(path, settings, resume=resume)
    except sqlite3.DatabaseError as error:
        if resume or error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
            raise
    _remove(path)  # a broken one is not to be resumed, so that it may go
    return Journal(path, settings, resume=resume)


def _text_of(outcome: Outcome) -> str:
    reject = asdict(outcome.reject) if outcome.reject else None
    return json.dumps({"faces": [asdict(face) for face in outcome.faces], "reject": reject})


def _outcome_of(path: Path, text: str, identity: Identity) -> Outcome:
    stored = json.loads(text)
    faces = tuple(Face(Box(**face["box"]), face["detection_score"], tuple(face["probabilities"])) for face in stored["faces"])
    return Outcome(path, faces, Reject(**stored["reject"]) if stored["reject"] else None, identity)


def _no_journal(path: Path, error: Exception) -> IntegrityError:
    return IntegrityError(f"{path} is no journal that fercli can read ({error}); begin anew with --overwrite.")


def _remove(path: Path) -> None:
    for name in (path, path.with_name(f"{path.name}-journal")):  # the second is SQLite's own, of a transaction that was killed
        remove(name)
