"""What a run of `classify` has found, kept beside its output: first so that a stopped run loses nothing, then for a later update.

It is an SQLite database rather than a format of our own, because its transactions survive kill -9 and power loss, and looking
something up takes no memory.
"""

import contextlib
import hashlib
import json
import logging
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fercli.classification.job import difference
from fercli.classification.records import Outcome, decoded, encoded
from fercli.errors import FercliError, IntegrityError, UsageError
from fercli.files import Kind, digest_of, identity_of, kind_of
from fercli.remote import RemotePath, place
from fercli.writing import move, remove

_LOG = logging.getLogger("fercli")  # the command line says what comes here
_PATIENCE = 0.5  # seconds to wait for another run to give way
_COMMIT_EVERY = 1.0  # seconds; anything newer is lost if the process is killed
# Beside the settings: that results are about to be in place, their SHA-256, and where pages and copies made of them are.
_PUBLISHING, _WRITTEN, _PICTURED = "publishing", "written", "pictured"
_LONGEST = 64 << 20  # bytes of one picture's outcome
_TABLES = {
    "run": "CREATE TABLE run (settings TEXT NOT NULL)",
    # A photo is its own frame 0.
    "picture": "CREATE TABLE picture (path BLOB, frame INTEGER, outcome TEXT NOT NULL, PRIMARY KEY (path, frame)) WITHOUT ROWID",
}


def journal_path(output: Path) -> Path:
    """Return where the journal of the run that writes `output` is kept: beside it, or on this machine if it is remote."""
    if isinstance(output, RemotePath):
        state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        return state / "fercli" / f"{hashlib.sha256(os.fsencode(output)).hexdigest()[:32]}.fercli-journal"
    return output.with_name(f".{output.name}.fercli-journal")


def finished_path(output: Path) -> Path:
    """Return where the journal of the run that wrote `output` is kept for a later run to update it."""
    return journal_path(output).with_suffix(".fercli-finished")


def is_begun(path: Path) -> bool:
    """Tell whether there is a journal; an empty file is none, such as a run leaves that is killed as it begins."""
    try:
        return path.lstat().st_size > 0
    except OSError:
        return False


class Journal:
    """The outcomes of one run by path; see `open_journal`.

    `changed` says how the settings it was begun with differ, `written` is the SHA-256 of the results made of it, empty if unknown.
    `publishing` tells whether the run was about to put its results in place when it ended. `pictured` names the pages and folders
    of copies that were made of the results. A run sets that, and `results`, their file if they are one on this machine.
    """

    results: Path | None = None

    def __init__(self, path: Path, settings: dict[str, Any], *, resume: bool) -> None:
        self._path = path
        self._lock = threading.Lock()
        # We begin transactions ourselves; the file stays locked between them, so that two runs never share it. Of two that begin at
        # once, each may keep the other from locking it, until one gives way.
        self._database = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            self._database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
            self._database.execute("BEGIN EXCLUSIVE")
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")  # not before, for then none would give way
            self._make_tables(resume=resume)
            self.changed, told = self._compared(settings)
            self.written, self.publishing = str(told.get(_WRITTEN, "")), _PUBLISHING in told
            pictured = told.get(_PICTURED)
            self.pictured = list(map(str, pictured)) if isinstance(pictured, list) else []
        except BaseException:
            self._database.close()
            raise
        self._asked_for = 0
        self._failure: sqlite3.Error | None = None
        self._closed = threading.Event()
        threading.Thread(target=self._commit_regularly, daemon=True).start()

    def find(self, path: Path) -> Iterator[Outcome]:
        """Yield what is known about a file, unless it has changed since: of a photo, or of a video's first frames.

        Any thread may call this. Raises IntegrityError if the journal holds anything else than outcomes.
        """
        identity, frame = identity_of(path), -1
        if identity is None:  # such as of a name that no file can have, for which there may be no room in a query
            return
        while row := self._next(path, frame):
            if frame < 0:
                with self._lock:
                    self._asked_for += 1
            frame, text = row
            try:
                outcome = decoded(path, text)
            except (TypeError, ValueError) as error:
                raise _no_journal(self._path, error) from error
            if outcome.identity != identity:
                return
            yield outcome

    def dropped(self, kept: "Journal") -> tuple[int, int]:
        """Count the files that it knows and that were not looked for, each of the others being looked for once.

        Return how many of them are gone, and how many are not. Files that are `kept` in the journal of the new run were looked for.
        """
        with self._lock:
            (known,) = self._database.execute("SELECT COUNT(DISTINCT path) FROM picture").fetchone()
            lost = self._lacking_in(kept) if known > self._asked_for else ()
            gone = sum(kind_of(path) is Kind.MISSING for path in lost)
        return gone, int(known) - self._asked_for - gone

    def knows_under(self, folders: Sequence[Path], kept: "Journal") -> bool:
        """Whether it knows files in one of the folders that are not `kept` in the journal of the new run."""
        with self._lock:
            return any(path.is_relative_to(folder) for path in self._lacking_in(kept) for folder in folders)

    def _lacking_in(self, kept: "Journal") -> Iterator[Path]:
        for (path,) in self._database.execute("SELECT DISTINCT path FROM picture"):
            if not kept._holds(path):
                yield place(os.fsdecode(path))

    def _holds(self, path: bytes) -> bool:
        with self._lock:
            return self._database.execute("SELECT 1 FROM picture WHERE path = ? LIMIT 1", (path,)).fetchone() is not None

    def _next(self, path: Path, frame: int) -> tuple[int, str] | None:
        query = "SELECT frame, outcome FROM picture WHERE path = ? AND frame > ? ORDER BY frame LIMIT 1"
        with self._lock:
            row: tuple[int, str] | None = self._database.execute(query, (os.fsencode(path), frame)).fetchone()
        return row

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome, on disk within a second; a reject is not kept, since its cause may go away."""
        if outcome.identity is None or outcome.reject:
            return
        with self._lock:
            if self._failure:
                raise self._failure
            frame = outcome.moment.frame if outcome.moment else 0
            self._database.execute("REPLACE INTO picture VALUES (?, ?, ?)", (os.fsencode(outcome.path), frame, encoded(outcome)))

    def commit(self) -> None:
        """Put everything on disk: before results are published, since a full disk is to be found out by then."""
        with self._lock:
            if self._failure:
                raise self._failure
            self._tell({_PUBLISHING: True})
            self._database.execute("COMMIT")
            self._database.execute("BEGIN EXCLUSIVE")

    def tell_written(self) -> None:
        """Keep the digest of the `results`, and what is `pictured`, if there is room."""
        with contextlib.suppress(sqlite3.Error), self._lock:
            try:
                self._tell({_WRITTEN: _digest(self.results) if self.results else "", _PICTURED: self.pictured})
                self._database.execute("COMMIT")
            except sqlite3.Error:
                self._database.execute("ROLLBACK")

    def _tell(self, told: dict[str, Any]) -> None:
        """Keep this beside the settings, in place of what was told before."""
        settings = json.loads(self._database.execute("SELECT settings FROM run").fetchone()[0])
        kept = {name: value for name, value in settings.items() if name not in (_PUBLISHING, _WRITTEN, _PICTURED)}
        self._database.execute("UPDATE run SET settings = ?", (json.dumps(kept | told),))

    def close(self, *, keep: bool) -> bool:
        """Close the database, with everything on disk if it is to be kept; return whether it holds any outcome."""
        self._closed.set()
        with self._lock, contextlib.closing(self._database):
            found = self._database.execute("SELECT 1 FROM sqlite_master WHERE name = 'picture'").fetchone()
            # A disk that is full as the first outcomes are kept takes the table back, too.
            holds_work = bool(found and self._database.execute("SELECT 1 FROM picture LIMIT 1").fetchone())
            if keep and self._database.in_transaction:
                self._database.execute("COMMIT")
        return holds_work

    def _commit_regularly(self) -> None:
        while not self._closed.wait(_COMMIT_EVERY):
            with self._lock:
                if self._closed.is_set():
                    return
                try:
                    self._database.execute("COMMIT")
                    self._database.execute("BEGIN EXCLUSIVE")
                except sqlite3.Error as error:  # such as of a full disk: for `add` to raise
                    self._failure = error
                    return

    def _make_tables(self, *, resume: bool) -> None:
        """Create the tables, replacing them unless to `resume`; IntegrityError if the database holds anything else."""
        found = dict(self._database.execute("SELECT name, sql FROM sqlite_master").fetchall())
        if found and found != _TABLES:
            raise IntegrityError(f"{self._path} is a database of something else, not fercli's journal; move it away.")
        if found and not resume:
            for name in _TABLES:
                self._database.execute(f"DROP TABLE {name}")
        if not found or not resume:
            for statement in _TABLES.values():
                self._database.execute(statement)

    def _compared(self, settings: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return how the stored settings differ, if they do, and what is stored."""
        row = self._database.execute("SELECT settings FROM run").fetchone()
        if row is None:
            self._database.execute("INSERT INTO run VALUES (?)", (json.dumps(settings),))
            return "", {}
        try:
            before = json.loads(row[0])
        except (TypeError, RecursionError) as error:
            raise _no_journal(self._path, error) from error
        if not isinstance(before, dict):
            raise _no_journal(self._path, TypeError("no settings"))
        differs = any(settings[name] != before.get(name) for name in settings)
        changed = (difference(before, settings) or "with other options") if differs else ""
        return changed, before


@contextlib.contextmanager
def open_journal(
    path: Path, settings: dict[str, Any], *, resume: bool, keep: bool = False, anew: bool = False, finished: Path | None = None
) -> Iterator[Journal]:
    """Open the journal at `path`: to `resume` the run that wrote it, or as a new one.

    When the block ends well, the journal moves to `finished`, with the digest of the results, or, without that, is removed. When
    an exception ends the block, it stays where it is if it holds any outcome or if `keep` is set, so that its presence tells of the
    stop. With `anew`, a journal that cannot be resumed is replaced. `settings` is everything except the picture that an outcome
    depends on, as JSON values.

    Raises IntegrityError if the file is not a journal or belongs to a run with other settings, and FercliError if it cannot be
    written or another run is using it.
    """
    try:
        _make_folder(path.parent)
        _refuse_links(path)
        journal = _opened(path, settings, resume=resume, anew=anew)
        done = False
        try:
            yield journal
            done = True
        finally:
            if done and finished:
                journal.tell_written()
            holds_work = journal.close(keep=not done or finished is not None)
            if done and finished:
                _keep(path, finished, journal.results)
            elif done or not (holds_work or keep):
                _remove(path)
    except sqlite3.OperationalError as error:
        if _is_busy(error):
            raise FercliError(f"{path} is in use by another run of fercli; wait for it or name another output.") from error
        raise FercliError(f"{path} cannot be written ({error}); free some space, or write the results elsewhere.") from error
    except sqlite3.DatabaseError as error:
        raise _no_journal(path, error) from error


def _keep(path: Path, finished: Path, results: Path | None) -> None:
    """Move the journal to `finished`, as readable to others as the results. These are written: what fails now fails no run."""
    with contextlib.suppress(OSError):
        path.chmod(stat.S_IMODE((results or finished).stat().st_mode))
    try:
        move(path, finished)
    except FercliError as error:
        _remove(path)
        _LOG.warning("warning: %s The results are complete, but --update cannot go on from them.", error)


def _opened(path: Path, settings: dict[str, Any], *, resume: bool, anew: bool) -> Journal:
    begun = is_begun(path)
    try:
        journal = Journal(path, settings, resume=resume)
    except sqlite3.OperationalError as error:  # in use, or the disk is full
        if not begun and not _is_busy(error):
            _remove(path)
        raise
    except (sqlite3.DatabaseError, ValueError) as error:
        if resume and not anew:
            raise _no_journal(path, error) from error
    else:
        if not journal.changed:
            return journal
        journal.close(keep=False)
        if not anew:
            raise IntegrityError(f"{path} is from a run {journal.changed}; resume with the same, or start again with --overwrite.")
    _remove(path)  # it cannot be resumed, and may be replaced
    return Journal(path, settings, resume=False)


@contextlib.contextmanager
def open_finished(path: Path, settings: dict[str, Any], output: Path | None) -> Iterator[Journal | str]:
    """Open the journal of a finished run to look up what it found, or give the reason why not; the file stays as it is.

    Raises UsageError if the `output` that the run wrote has been changed since, as far as the journal tells.
    """
    if kind_of(path) is Kind.MISSING:
        yield f"{path}, which knows what the results were made of, is not there"
        return
    try:
        _refuse_links(path)
        journal = Journal(path, settings, resume=True)
    except (sqlite3.Error, ValueError, IntegrityError) as error:
        yield f"{path} cannot be read ({error})"
        return
    try:
        if output and journal.written and _digest(output) not in {"", journal.written}:
            raise UsageError(
                f"{output} was changed after fercli wrote it, and that would be lost; move it away and run the same command again, "
                "or replace it with --overwrite instead."
            )
        yield f"the results were made {journal.changed}" if journal.changed else journal
    finally:
        journal.close(keep=False)


def _digest(output: Path) -> str:
    """Return the SHA-256 of a file; empty if it cannot be read."""
    try:
        return digest_of(output)
    except OSError:
        return ""


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY  # the other bits say why


def _refuse_links(path: Path) -> None:
    """Raise IntegrityError for links: SQLite would follow them, and write into whatever they lead to."""
    for name in _files(path):
        with contextlib.suppress(FileNotFoundError):
            status = name.lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                raise IntegrityError(f"{name} is a link, or no file, where fercli keeps its journal; remove it.")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FercliError(f"{folder} cannot be made ({error.strerror or error}); name another place for the results.") from error


def _no_journal(path: Path, error: Exception) -> IntegrityError:
    return IntegrityError(f"{path} is not a journal that fercli can read ({error}); start again with --overwrite.")


def _files(path: Path) -> list[Path]:
    """Return a journal's files: itself, and SQLite's own, of a transaction that was killed, or that a changed journal asks for."""
    return [path, *(path.with_name(f"{path.name}-{end}") for end in ("journal", "wal", "shm"))]


def _remove(path: Path) -> None:
    for name in _files(path):
        remove(name)
