"""Processes of their own that have TensorFlow at once: forks of a process that has imported it, and computed nothing yet."""

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import IO

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["fercli.cli", "fercli.training.trainer", "fercli.evaluation.measures"])


@dataclass
class Fork:
    """A process and what it says on standard error; `pid` and the exit code are those of `multiprocessing`."""

    process: BaseProcess
    talk: IO[str]

    def end(self) -> tuple[int, str]:
        """Wait for the end; return the exit code, negative for a signal, and what was left to say."""
        talk = self.talk.read()
        self.process.join(60)
        assert self.process.exitcode is not None
        return self.process.exitcode, talk


@contextlib.contextmanager
def forked(work: Callable[..., None], folder: Path, *arguments: object) -> Iterator[Fork]:
    """Do `work`, a function of a module, in a process of its own, in `folder`, during the block."""
    pipe = folder / "talk"
    os.mkfifo(pipe)
    process = _CONTEXT.Process(target=_work_in, args=(folder, work, arguments))
    process.start()
    try:
        with pipe.open() as talk:
            pipe.unlink()
            yield Fork(process, talk)
    finally:
        process.kill()
        process.join()


def _work_in(folder: Path, work: Callable[..., None], arguments: tuple[object, ...]) -> None:
    os.chdir(folder)
    with Path("talk").open("w") as talk:
        os.dup2(talk.fileno(), 2)
    work(*arguments)
