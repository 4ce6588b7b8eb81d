"""Start two runs together on one output, again and again: one wins, the other says so in a sentence.

    python tests/bench/pairs.py 50

The number is how many pairs are of classify; a tenth as many, at least two, are of each of prepare, evaluate, train and summary.
The second begins up to a second after the first. Prints a line a pair, and ends with 1 unless of each pair one ended with 0 and the
other with 1 or 2 and one line of error, and no temporary file or journal of a run was left.
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))

from fercli.dataset import write_dataset
from fercli.preparation.prepare import prepare
from tests.conftest import csv_text, synthetic_faces

COMMANDS = {
    "classify": ["classify", "../photos", "-o", "r.csv", "--annotate", "copies", "--report", "page.html", "--detector", "none"],
    "prepare": ["prepare", "../small.csv", "-o", "d.npz"],
    "evaluate": ["evaluate", "--model", "compact", "--data", "../d.npz", "--predictions", "p.csv"],
    "train": ["train", "--model", "compact", "--votes", "0", "--data", "../d.npz", "--out", "run", "--epochs", "1"],
    "summary": ["summary", "../r.csv", "-o", "s.csv"],
}


def run(folder: Path, arguments: list[str]) -> subprocess.Popen[str]:
    """Begin a command in a folder."""
    command = [sys.executable, "-m", "fercli", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def pair(folder: Path, arguments: list[str], delay: float) -> str:
    """Start both, wait for them, and return what is wrong, or nothing."""
    folder.mkdir()
    first = run(folder, arguments)
    time.sleep(delay)
    second = run(folder, arguments)
    codes, talks = [], []
    for child in (first, second):
        talks.append(child.communicate()[1])
        codes.append(child.returncode)
    lost = next((talk for code, talk in zip(codes, talks, strict=True) if code), "")
    left = [path.name for path in folder.rglob(".*") if path.suffix in {".fercli-part", ".fercli-journal"}]
    errors = [line for line in lost.splitlines() if line.startswith("error: ")]
    wrong = "" if 0 in codes and (1 in codes or 2 in codes) and len(errors) == 1 and not left else f"WRONG {talks} {left}"
    print(
        f"{arguments[0]}: {delay:.2f} s apart: exit {codes[0]} and {codes[1]}: {errors[-1] if errors else ''} {wrong}", flush=True
    )
    return wrong


def main() -> None:
    """Make photos, a data set and results, then start pairs."""
    number, generator = int(sys.argv[1]), random.Random(sys.argv[1])
    faults = 0
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "photos").mkdir()
        for index, face in enumerate(synthetic_faces(100)[0]):
            Image.fromarray(np.kron(face, np.ones((4, 4), np.uint8))).save(root / "photos" / f"{index:03}.png")
        (root / "small.csv").write_text(csv_text())
        write_dataset(prepare(root / "small.csv", hog=False).dataset, root / "d.npz")
        (root / "whole").mkdir()
        with run(root / "whole", ["classify", "../photos", "-o", "../r.csv", "--detector", "none"]) as child:
            child.communicate()
        for command, arguments in COMMANDS.items():
            for index in range(number if command == "classify" else max(2, number // 10)):
                delay = generator.choice((0.0, generator.uniform(0, 1.0)))
                faults += bool(pair(root / f"{command}-{index}", arguments, delay))
    print(f"{faults} faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
