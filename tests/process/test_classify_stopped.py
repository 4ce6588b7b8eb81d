"""Stopping a real classification by every signal, and going on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from fercli.classification.journal import journal_path
from tests.conftest import synthetic_faces
from tests.promises import Did

PHOTOS = 800  # some seconds' work of one core


def classify(root: Path, output: str, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "fercli", "classify", "photos", "-o", output, *more]
    return subprocess.Popen(command, cwd=root, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photos and the results of an unbroken run."""
    root = tmp_path_factory.mktemp("stopped")
    (root / "photos").mkdir()
    for number, face in enumerate(synthetic_faces(PHOTOS)[0]):
        Image.fromarray(face).save(root / "photos" / f"{number}.png", compress_level=0)
    with classify(root, "unbroken.csv") as child:
        talk = child.communicate(timeout=120)[1]
    assert child.returncode == 0, talk
    assert "in" in talk
    return root


def wait_for_work(journal: Path) -> None:
    """Return as soon as the run has photos on disk."""
    for _ in range(1200):
        time.sleep(0.05)
        if journal.exists() and journal.stat().st_size > 50_000:  # the empty tables take 12,288 bytes
            return
    raise AssertionError("nothing came in")


# SIGINT takes SIGTERM's way through the code; `test_signals` sends it.
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_promises_11_and_12_stop_and_resume_to_the_same_bytes(root: Path, number: int, code: int, did: Did) -> None:
    output = root / f"{number}.csv"
    with classify(root, output.name) as child:
        wait_for_work(journal_path(output))
        os.kill(child.pid, number)
        talk = child.communicate(timeout=60)[1]
    assert child.returncode == code
    did(1, "SIGKILLs" if code < 0 else "signals to stop")
    assert not output.exists()
    if code > 0:
        assert "--resume" in talk
        assert "Traceback" not in talk
    with classify(root, output.name, "--resume") as child:
        talk = child.communicate(timeout=120)[1]
    assert child.returncode == 0, talk
    assert output.read_bytes() == (root / "unbroken.csv").read_bytes()
    assert [path.name for path in root.iterdir() if path.name.startswith(".") and path.suffix != ".fercli-finished"] == []
