"""Start two runs together on one output, again and again: one wins, the other says so in a sentence.

    python tests/bench/pairs.py 50

The number is how many pairs are of classify; a tenth as many, at least two, are of each of prepare, evaluate, train and summary.
The second begins up to a second after the first. Prints a line a pair, and ends with 1 unless of each pair one ended with 0 and the
other with 1 or 2 and one line of error, and no temporary file or journal of a run was left.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.stops import CLASSIFY, fercli, make_inputs

COMMANDS = {
    "classify": CLASSIFY,
    "prepare": ["prepare", "../small.csv", "-o", "d.npz"],
    "evaluate": ["evaluate", "--model", "compact", "--data", "../d.npz", "--predictions", "p.csv"],
    "train": ["train", "--model", "compact", "--votes", "0", "--data", "../d.npz", "--out", "run", "--epochs", "1"],
    "summary": ["summary", "../r.csv", "-o", "s.csv"],
}


def pair(folder: Path, arguments: list[str], delay: float) -> str:
    """Start both, wait for them, and return what is wrong, or nothing."""
    folder.mkdir()
    first = fercli(folder, arguments)
    time.sleep(delay)
    second = fercli(folder, arguments)
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
        make_inputs(root, photos=100)
        (root / "whole").mkdir()
        with fercli(root / "whole", ["classify", "../photos", "-o", "../r.csv", "--detector", "none"]) as child:
            child.communicate()
        for command, arguments in COMMANDS.items():
            for index in range(number if command == "classify" else max(2, number // 10)):
                delay = generator.choice((0.0, generator.uniform(0, 1.0)))
                faults += bool(pair(root / f"{command}-{index}", arguments, delay))
    print(f"{faults} faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
