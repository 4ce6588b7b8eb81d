"""Stop classify and train at random moments by random signals, go on, and compare every byte with an unbroken run.

    python tests/bench/stops.py 20

The number is how many stops of classify with --annotate and --report; a tenth as many, at least two, are of train. Of training, the
seconds that each epoch took are left out, as README says. Prints a line a stop, and ends with 1 if anything differs, if a
traceback was seen, or if a stop by another signal than SIGKILL took longer than two seconds and what a busy machine adds.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from fercli.dataset import write_dataset
from fercli.preparation.prepare import prepare
from tests.conftest import PHOTOS, csv_text, synthetic_faces

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
SLOWEST = 4.0  # seconds from the signal to the end
CLASSIFY = ["classify", "../photos", "-o", "r.csv", "--annotate", "copies", "--report", "page.html", "--detector", "none"]
TRAIN = ["train", "--model", "compact", "--votes", "0", "--data", "../d.npz", "--out", "run", "--epochs", "3"]


def fercli(folder: Path, arguments: list[str]) -> subprocess.Popen[str]:
    """Begin a command in a folder."""
    command = [sys.executable, "-m", "fercli", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def make_inputs(root: Path, photos: int) -> None:
    """Write a folder `photos` of so many, a small FER2013 as `small.csv`, and it prepared as `d.npz`."""
    (root / "photos").mkdir()
    for index, face in enumerate(synthetic_faces(photos)[0]):
        Image.fromarray(np.kron(face, np.ones((4, 4), np.uint8))).save(root / "photos" / f"{index:03}.png")
    (root / "small.csv").write_text(csv_text())
    write_dataset(prepare(root / "small.csv", hog=False).dataset, root / "d.npz")


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file by name, without the seconds that training took."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or path.name.endswith("fercli-finished"):  # a database, the same in its rows but not in its bytes
            continue
        data = path.read_bytes()
        if path.name == "history.csv":
            data = b"\n".join(line.rpartition(b",")[0] for line in data.splitlines())
        elif path.suffix in {".json", ".safetensors"}:
            data = re.sub(rb'\\?"(seconds\\?": ?[0-9.]+|content_sha256\\?": ?\\?"\w+)', b"", data)  # of which the seconds are part
            if path.suffix == ".safetensors":  # the header's length follows the seconds, too
                data = data[data.index(b"{") :].replace(b" ", b"")
        found[str(path.relative_to(folder))] = data
    return found


def whole(folder: Path, arguments: list[str]) -> tuple[dict[str, bytes], float]:
    """Run a command to its end; return its files and the seconds that it took."""
    folder.mkdir()
    started = time.monotonic()
    with fercli(folder, arguments) as child:
        talk = child.communicate()[1]
    assert child.returncode == 0, talk
    return contents(folder), time.monotonic() - started


def stopped(folder: Path, arguments: list[str], seconds: float, generator: random.Random, expected: dict[str, bytes]) -> list[str]:
    """Stop a command once or twice on its way, go on until it is done, and return what is wrong."""
    folder.mkdir()
    wrong: list[str] = []
    more: list[str] = []
    told = []
    for _ in range(generator.choice((1, 2))):
        number = generator.choice(SIGNALS)
        with fercli(folder, arguments + more) as child:
            moment = generator.uniform(0, 0.8 * seconds)
            try:
                talk = child.communicate(timeout=moment)[1]
                told.append("done before")
            except subprocess.TimeoutExpired:
                begun = time.monotonic()
                os.kill(child.pid, number)
                talk = child.communicate()[1]
                took = time.monotonic() - begun
                told.append(f"{number.name} at {moment:.1f} s, {took:.1f} s")
                if took > SLOWEST:
                    wrong.append(f"{took:.1f} s")
                if child.returncode not in {-number, 128 + number, 0}:
                    wrong.append(f"exit {child.returncode}: {talk}")
        if "Traceback" in talk or "Exception ignored" in talk:
            wrong.append(talk)
        begun_already = any(folder.rglob("*checkpoint*")) if arguments is TRAIN else True
        more = ["--resume"] if begun_already else ["--overwrite"]
    with fercli(folder, arguments + more) as child:
        talk = child.communicate()[1]
    if child.returncode:
        wrong.append(f"resumed: exit {child.returncode}: {talk}")
    found = contents(folder)
    wrong += [f"differs: {name}" for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)]
    print(arguments[0], "; ".join(told), *wrong, sep=": ", flush=True)
    return wrong


def main() -> None:
    """Make photos and a data set, run unbroken once each, then stop."""
    number, generator = int(sys.argv[1]), random.Random(json.dumps(sys.argv[1:]))
    faults = 0
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        make_inputs(root, photos=300)
        (root / "photos" / "a.jpg").write_bytes((PHOTOS / "astronaut.jpg").read_bytes())
        for arguments, count in ((CLASSIFY, number), (TRAIN, max(2, number // 10))):
            expected, seconds = whole(root / f"{arguments[0]}-whole", arguments)
            for index in range(count):
                faults += bool(stopped(root / f"{arguments[0]}-{index}", arguments, seconds, generator, expected))
    print(f"{faults} faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
