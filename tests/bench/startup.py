"""How long `fercli --help` and `fercli models` take, against a bare import of their two libraries in the same run."""

import statistics
import subprocess
import sys
import time

RUNS = 11
COMMANDS = {
    "import typer, rich": ["-c", "import typer, rich.console, rich.table, rich.progress"],
    "fercli --help": ["-m", "fercli", "--help"],
    "fercli models": ["-m", "fercli", "models"],
    "usage error": ["-m", "fercli", "train", "--deep", "--shallow"],
}


def seconds(arguments: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
    return time.perf_counter() - started


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):  # in turn, so that a busy moment hits all alike
        for name, arguments in COMMANDS.items():
            times[name].append(seconds(arguments))
    base = statistics.median(times["import typer, rich"])
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:20} {median * 1000:6.0f} ms  {median / base:5.2f} times the bare import")


if __name__ == "__main__":
    main()
