"""Stand-ins for the operating system behind `fercli.writing` and for SQLite behind the journal, which act at the Nth operation."""

import contextlib
import errno
import io
import os
import re
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

Act = Callable[[str], None]


class Seam:
    """Does `act` at the Nth operation that changes files: make, open, write, fsync, replace, link, unlink; SQLite's statements."""

    def __init__(self, at: int, act: Act) -> None:
        self.at, self.act = at, act
        self.operations: list[str] = []

    @property
    def reached(self) -> bool:
        """Whether there were as many operations."""
        return len(self.operations) >= self.at

    def count(self, name: str) -> None:
        """Note an operation that is about to be done."""
        self.operations.append(name)
        if len(self.operations) == self.at:
            self.act(name)

    @contextlib.contextmanager
    def in_place(self) -> Iterator["Seam"]:
        """Stand in for the real ones."""
        with mock.patch("fercli.writing.os", _System(self)), mock.patch("fercli.classification.journal.sqlite3", _Sqlite(self)):
            yield self


class _System:
    """The module `os`, counted."""

    def __init__(self, seam: Seam) -> None:
        self._seam = seam

    def __getattr__(self, name: str) -> Any:
        original = getattr(os, name)
        if name not in {"open", "fsync", "replace", "link", "unlink", "makedirs"}:
            return original

        def counted(*arguments: Any, **options: Any) -> Any:
            self._seam.count(name)
            return original(*arguments, **options)

        return counted

    def fdopen(self, descriptor: int, *_: Any, **__: Any) -> io.BufferedRandom:
        return io.BufferedRandom(_Raw(descriptor, self._seam))


class _Raw(io.FileIO):
    def __init__(self, descriptor: int, seam: Seam) -> None:
        super().__init__(descriptor, "r+")
        self._seam = seam

    def write(self, data: Any) -> int:
        self._seam.count("write")
        return super().write(data)


class _Sqlite:
    """The module `sqlite3`, with counted statements."""

    def __init__(self, seam: Seam) -> None:
        self._seam = seam

    def __getattr__(self, name: str) -> Any:
        return getattr(sqlite3, name)

    def connect(self, *arguments: Any, **options: Any) -> Any:
        seam = self._seam
        seam.count("connect")

        class Connection(sqlite3.Connection):
            def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
                if not statement.startswith("SELECT"):
                    seam.count(statement.split(maxsplit=1)[0])
                return super().execute(statement, *values)

        return sqlite3.connect(*arguments, factory=Connection, **options)


def fails_with(code: int) -> Act:
    """Return an act that fails as a system does that reports `code`, one of `errno`."""

    def act(operation: str) -> None:
        if operation.isupper() or operation == "connect":
            raise sqlite3.OperationalError("database or disk is full")
        raise OSError(code, os.strerror(code))

    return act


def kills(_: str) -> None:
    """Kill this process at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file by name, but for the speed, which each run measures anew, and the pages of a journal kept for --update."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    found |= {name: b"" for name in found if name.endswith(".fercli-finished")}
    return {name: re.sub(rb'"images_per_second": [0-9.]+', b"", data) for name, data in found.items()}


FAULTS = (errno.ENOSPC, errno.EIO, errno.EROFS)
