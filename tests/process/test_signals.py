"""Stopping a real training run by every signal, and going on."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from fercli.__main__ import main
from fercli.dataset import Dataset, write_dataset
from fercli.models.architectures.paper import Affine, Convolution, PaperNetwork
from fercli.models.checkpoints import read_checkpoint
from fercli.models.registry import MODELS
from fercli.training import run
from tests.forks import Fork, forked
from tests.promises import Did

EPOCHS = 2


def run_fercli(*arguments: str) -> None:
    """Be the command, with a `deep` that trains at once, and draw no curves, which takes longer."""
    small = PaperNetwork((Convolution(4, 3, True, 0.1),), (Affine(8, 0.2),))  # which dropout is in, as in the paper's
    MODELS["deep"] = replace(MODELS["deep"], network=small)
    run.plot_curves = lambda histories: b"curves"  # type: ignore[attr-defined]
    sys.argv = ["fercli", *arguments]
    main()


def train(folder: Path, *more: str) -> AbstractContextManager[Fork]:
    return forked(run_fercli, folder, "train", "--deep", "--data", "../d.npz", "--out", "run", *more)


@pytest.fixture(scope="module")
def root(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data set and an unbroken run to compare with."""
    root = tmp_path_factory.mktemp("signals")
    write_dataset(dataset, root / "d.npz")
    (root / "unbroken").mkdir()
    with train(root / "unbroken", "--epochs", str(EPOCHS)) as child:
        code, talk = child.end()
    assert code == 0, talk
    return root


def stopped(folder: Path, how: Callable[[int], None]) -> tuple[int, str]:
    """Train in `folder`, stop after the first epoch's line, and return the exit code and the talk."""
    folder.mkdir()
    with train(folder, "--epochs", str(EPOCHS)) as child:
        talk = ""
        for line in child.talk:
            talk += line
            if line.startswith("epoch 1/"):
                assert child.process.pid
                how(child.process.pid)
                break
        code, rest = child.end()
    return code, talk + rest


# SIGTERM takes SIGINT's way through the code; `test_classify_stopped` sends it.
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_promises_11_and_12_stop_and_resume_to_the_same_end(root: Path, number: int, code: int, did: Did) -> None:
    folder = root / str(number)
    returned, talk = stopped(folder, lambda pid: os.kill(pid, number))
    assert returned == code
    did(1, "SIGKILLs" if code < 0 else "signals to stop")
    if code > 0:
        assert "fercli train --deep --out run --data ../d.npz --resume" in " ".join(talk.split())
        assert "Traceback" not in talk
    with train(folder, "--resume") as child:
        code, talk = child.end()
    assert code == 0, talk
    ours, theirs = folder / "run", root / "unbroken" / "run"
    assert (ours / "model.onnx").read_bytes() == (theirs / "model.onnx").read_bytes()
    mine, other = (read_checkpoint(path / "checkpoint.safetensors") for path in (ours, theirs))
    assert all((mine.tensors[name] == other.tensors[name]).all() for name in other.tensors)
    assert [epoch["loss"] for epoch in mine.metadata["history"]] == [epoch["loss"] for epoch in other.metadata["history"]]
    assert not list(ours.glob(".*"))
