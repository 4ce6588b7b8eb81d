"""The processes that prepare begins end with it, however it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.promises import Did

CODE = """
import multiprocessing, time
from fercli.preparation.features import _mapper

if __name__ == "__main__":
    with _mapper(2) as run:
        list(run(abs, range(8)))
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)
        time.sleep(60)
"""


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to see processes in")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_promise_12_no_process_outlives_its_parent(tmp_path: Path, number: int, did: Did) -> None:
    (tmp_path / "run.py").write_text(CODE)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "run.py"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # noqa: PLW1509 (nohup, if any, is for the tests)
    ) as child:
        assert child.stdout
        children = [int(pid) for pid in child.stdout.readline().split()]
        os.kill(child.pid, number)
    assert len(children) == 2
    for _ in range(150):
        if not any(map(is_alive, children)):
            break
        time.sleep(0.1)
    assert not [pid for pid in children if is_alive(pid)]
    did(1, "signals to stop")
