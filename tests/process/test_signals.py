"""Stopping a real training run by every signal, and going on."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fercli.dataset import Dataset, write_dataset
from fercli.models.checkpoints import read_checkpoint
from tests.promises import Did

EPOCHS = 2
CODE = """
from dataclasses import replace
from fercli.__main__ import main
from fercli.models.architectures.paper import Affine, Convolution, PaperNetwork
from fercli.models.registry import MODELS

small = PaperNetwork((Convolution(4, 3, True, 0.1),), (Affine(8, 0.2),))  # which dropout is in, as in the paper's
MODELS["deep"] = replace(MODELS["deep"], network=small)
main()
"""


def train(folder: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CODE, "train", "--deep", "--data", "../d.npz", "--out", "run", *more]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def root(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data set and an unbroken run to compare with."""
    root = tmp_path_factory.mktemp("signals")
    write_dataset(dataset, root / "d.npz")
    (root / "unbroken").mkdir()
    with train(root / "unbroken", "--epochs", str(EPOCHS)) as child:
        talk = child.communicate(timeout=120)[0] or ""
    assert child.returncode == 0, talk
    return root


def stopped(folder: Path, how: Callable[[subprocess.Popen[str]], None]) -> tuple[int, str]:
    """Train in `folder`, stop after the first epoch's line, and return the exit code and the talk."""
    folder.mkdir()
    with train(folder, "--epochs", str(EPOCHS)) as child:
        assert child.stderr
        talk = ""
        for line in child.stderr:
            talk += line
            if line.startswith("epoch 1/"):
                how(child)
                break
        talk += child.stderr.read()
    return child.returncode, talk


# SIGTERM takes SIGINT's way through the code; `test_classify_stopped` sends it.
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_promises_11_and_12_stop_and_resume_to_the_same_end(root: Path, number: int, code: int, did: Did) -> None:
    folder = root / str(number)
    returned, talk = stopped(folder, lambda child: os.kill(child.pid, number))
    assert returned == code
    did(1, "SIGKILLs" if code < 0 else "signals to stop")
    if code > 0:
        assert "fercli train --deep --out run --data ../d.npz --resume" in " ".join(talk.split())
        assert "Traceback" not in talk
    with train(folder, "--resume") as child:
        talk = child.communicate(timeout=120)[1]
    assert child.returncode == 0, talk
    ours, theirs = folder / "run", root / "unbroken" / "run"
    assert (ours / "model.onnx").read_bytes() == (theirs / "model.onnx").read_bytes()
    mine, other = (read_checkpoint(path / "checkpoint.safetensors") for path in (ours, theirs))
    assert all((mine.tensors[name] == other.tensors[name]).all() for name in other.tensors)
    assert [epoch["loss"] for epoch in mine.metadata["history"]] == [epoch["loss"] for epoch in other.metadata["history"]]
    assert not list(ours.glob(".*"))
