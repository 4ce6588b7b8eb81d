"""How long `fercli --help` and `fercli models` take, against a bare import of their two libraries in the same run."""

import subprocess
import sys
import time
from pathlib import Path

RUNS = 15
FERCLI = str(Path(sys.executable).with_name("fercli"))
COMMANDS = {
    "import typer, rich": [sys.executable, "-c", "import typer, rich"],
    "fercli --help": [FERCLI, "--help"],
    "fercli models": [FERCLI, "models"],
    "usage error": [FERCLI, "train", "--deep", "--shallow"],
}


def seconds(arguments: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(arguments, capture_output=True, check=False)
    return time.perf_counter() - started


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):  # in turn, so that a busy moment hits all alike
        for name, arguments in COMMANDS.items():
            times[name].append(seconds(arguments))
    base = min(times["import typer, rich"])  # the least of all runs: noise only adds
    for name, values in times.items():
        print(f"{name:20} {min(values) * 1000:6.0f} ms  {min(values) / base:5.2f} times the bare import")


if __name__ == "__main__":
    main()
