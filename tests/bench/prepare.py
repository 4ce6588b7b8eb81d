"""`fercli prepare` on a CSV, without and with HOG, against Python's csv.reader merely walking the same file.

python tests/bench/prepare.py fer2013.csv
"""

import csv
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def walk(path: Path) -> float:
    started = time.perf_counter()
    with path.open(newline="") as handle:
        for _ in csv.reader(handle):
            pass
    return time.perf_counter() - started


def prepare(path: Path, output: Path, *options: str) -> tuple[float, float, str]:
    """Return seconds, peak memory in MB, and the output's digest."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "fercli", "prepare", str(path), "-o", str(output), "--overwrite", *options]
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 3)
    seconds = time.perf_counter() - started
    with output.open("rb") as handle:
        return seconds, usage.ru_maxrss / 1000, hashlib.file_digest(handle, "sha256").hexdigest()[:12]


def main() -> None:
    path = Path(sys.argv[1])
    base = min(walk(path) for _ in range(3))
    print(f"csv.reader alone       {base:6.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        for options in (("--no-hog",), ("--no-hog",), (), ()):
            seconds, memory, digest = prepare(path, Path(folder) / "d.npz", *options)
            name = f"prepare {' '.join(options) or 'with HOG'}"
            print(f"{name:22} {seconds:6.2f} s  {seconds / base:5.2f} times, {memory:,.0f} MB, {digest}")


if __name__ == "__main__":
    main()
