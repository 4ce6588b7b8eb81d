"""A worker without a cluster."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fercli.classification.records import decoded
from fercli.classification.worker import Worker, block_of, rows_of
from fercli.version import __version__
from tests.fakes import FakeJob

pytest.importorskip("pyarrow")
HELD = """
import sys
from pathlib import Path
from tests.fakes import FakeJob
from fercli.classification.worker import Worker

def held():
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon")]
    return int(line.split()[1])

if sys.argv[1:]:
    Worker(FakeJob(), Path(), "0", "0", 1, None)
bytearray(30 << 20)  # for glibc keeps as much as this from now on
before = held()
large = [bytearray(b"1") * (4 << 20) for _ in range(8)]
above = [bytes(1000 + number) for number in range(1000)]
del large
print(held() - before)
"""


@pytest.fixture(autouse=True)
def _threads_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # so that what the worker sets is taken back


def test_two_names_of_one_missing_file_have_a_row_each(tmp_path: Path) -> None:
    worker = Worker(FakeJob(), tmp_path, "0", __version__, 1, None)
    found = worker._label([(b"gone.png", None), (os.fsencode(tmp_path / "gone.png"), None)])
    assert [[decoded(Path("x"), text).status for text in texts] for texts in found] == [["rejected"]] * 2


def test_what_is_known_needs_no_network(tmp_path: Path) -> None:
    worker = Worker(FakeJob(make=lambda: pytest.fail("loaded")), tmp_path, "0", "another version", 1, None)
    known = [(b"a.png", json.dumps({"any": "outcome"}))]
    assert rows_of(worker(block_of(known))) == known


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's way with memory")
def test_a_worker_returns_large_blocks_of_memory() -> None:
    kept, returned = (
        int(subprocess.run([sys.executable, "-c", HELD, *options], capture_output=True, check=True, text=True).stdout)
        for options in ([], ["with a worker"])
    )
    assert kept > 10 * abs(returned)
