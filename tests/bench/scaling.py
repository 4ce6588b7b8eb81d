"""One machine's cores and Ray's workers, on the same photos in one run: photos a second, time until the first result, memory.

    python tests/bench/scaling.py [--photos 200]

Each way runs in a process of its own. Photos are composed portraits of 2 megapixels; `steady` is counted from the first result on.
At the end, what one machine takes in when others label: results decoded, kept in the journal and written as CSV, without any work.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[2]))

from fercli.classification.cluster import classify_on_ray
from fercli.classification.job import Job, Workers
from fercli.classification.journal import journal_path, open_journal
from fercli.classification.outputs import Output, publishing
from fercli.classification.pipeline import classify
from fercli.classification.records import Face, Outcome, decoded, encoded, rows
from fercli.files import identity_of
from fercli.photos.faces import detector
from fercli.photos.geometry import Box
from fercli.photos.walk import Walk
from fercli.writing import together
from tests.scenes import compose

SOURCE = Path(__file__).parents[2]
WAYS = {"one core": ("local", 1), "two cores": ("local", 2), "Ray, one worker": ("ray", 1), "Ray, two workers": ("ray", 2)}


def outcomes(engine: str, number: int, folder: Path) -> Iterator[Outcome]:
    job = Job()
    if engine == "ray":
        return classify_on_ray(Walk([folder]), job, job.labeller().sha256, workers=Workers(number))
    return classify(Walk([folder]), job.labeller(), detector(job.detector))


def peak_of_workers() -> float:
    """Return the largest peak of memory among Ray's workers on this machine, in MB; of this process if there are none."""
    peaks = [0.0]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"MapWorker" in (process / "cmdline").read_bytes():
                (line,) = [line for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM")]
                peaks.append(int(line.split()[1]) / 1024)
        except (OSError, ValueError):
            continue
    return max(peaks)


def measure(engine: str, number: int, folder: Path) -> dict[str, float]:
    if engine == "local":
        os.sched_setaffinity(0, range(number))
    started = time.perf_counter()
    first = peak = 0.0
    for count, _ in enumerate(outcomes(engine, number, folder), start=1):
        first = first or time.perf_counter()
        if count % 20 == 0:
            peak = max(peak, peak_of_workers())
    ended = time.perf_counter()
    if engine == "local":
        (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
        peak = int(line.split()[1]) / 1024
    return {"first": first - started, "steady": (count - 1) / (ended - first), "total": ended - started, "memory": peak}


def taken_in(folder: Path, count: int = 50_000) -> float:
    """Return how many results a second the machine that collects them keeps and writes."""
    photo = next(iter(Walk([folder])))
    face = Face(Box(10, 20, 300, 300), 0.998, (0.01, 0.001, 0.02, 0.9, 0.03, 0.02, 0.019))
    text = encoded(Outcome(photo, (face,), identity=identity_of(photo)))
    output = Output(folder / "results.csv")
    started = time.perf_counter()
    with (
        open_journal(journal_path(output.path), {}, resume=False) as journal,
        together() as outputs,
        publishing(output, outputs) as writer,
    ):
        for number in range(count):
            outcome = decoded(folder / f"{number}.jpg", text)
            journal.add(outcome)
            for row in rows(outcome, "deep"):
                writer.write(row)
    return count / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        engine, number, folder = arguments.measure
        print(json.dumps(measure(engine, int(number), Path(folder))))
        return
    with tempfile.TemporaryDirectory() as name:
        many, few = Path(name) / "many", Path(name) / "few"
        for folder, photos in ((many, arguments.photos), (few, 8)):
            folder.mkdir()
            for seed in range(photos):
                portrait = compose(seed, width=1632, height=1224, most=1, least=0.2, roll=15)
                portrait.picture.save(folder / f"{seed:04}.jpg", quality=90)
        for folder, photos in ((many, arguments.photos), (few, 8)):
            print(f"\n{photos} photos" + " " * 15 + "first result   steady      in all   memory")
            for title, (engine, number) in WAYS.items():
                command = [sys.executable, __file__, "--measure", engine, str(number), str(folder)]
                child = subprocess.run(
                    command, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(SOURCE)}
                )
                ran = json.loads(child.stdout.splitlines()[-1])
                print(
                    f"{title:20} {ran['first']:12.1f} s {ran['steady']:8.1f}/s {ran['total']:8.1f} s {ran['memory']:6.0f} MB",
                    flush=True,
                )
        sizes = [path.stat().st_size for path in many.iterdir()]
        print(f"\na photo has {sum(sizes) / len(sizes) / 1e6:.2f} MB; taken in from others: {taken_in(few):,.0f} results/s")


if __name__ == "__main__":
    main()
