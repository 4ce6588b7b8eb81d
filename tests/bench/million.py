"""A million photos through `classify` with a fake walk, a fake decoder and a fake network: first result, speed, memory.

    python tests/bench/million.py [1000000] [--ray]

Prints, a tenth at a time, how many photos a second were done and the peak of the memory, which both should stay as they are. With
`--ray`, Ray's workers on this machine look for photos that are not there, and all paths are listed before the first.
"""

import argparse
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from unittest import mock

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from fercli.classification.cluster import classify_on_ray
from fercli.classification.job import Job
from fercli.classification.pipeline import classify
from fercli.classification.records import Outcome
from fercli.photos.faces import WholeImage
from fercli.photos.images import Photo
from tests.fakes import FakeLabeller


class FakeJob(Job):
    """Labels with no network."""

    def labeller(self) -> FakeLabeller:
        return FakeLabeller()


def report(outcomes: Iterable[Outcome], count: int) -> None:
    """Take the outcomes in and print a line for each tenth."""
    started = since = time.perf_counter()
    for done, _ in enumerate(outcomes, start=1):
        if done == 1:
            print(f"first result after {time.perf_counter() - started:.3f} s")
        if done % (count // 10) == 0:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            speed = count / 10 / (time.perf_counter() - since)
            print(f"{done:9,} photos, {speed:,.0f} a second, at most {peak} MB", flush=True)
            since = time.perf_counter()


def main() -> None:
    """Run once and report each tenth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--ray", action="store_true")
    arguments = parser.parse_args()
    face = Photo(np.full((48, 48), 7, np.uint8))

    def walk() -> Iterator[Path]:
        for number in range(arguments.count):
            yield Path(f"/nowhere/{number}.png")

    def read_photo(*_: object) -> Photo:  # a mock would note every call
        return face

    if arguments.ray:
        report(classify_on_ray(walk(), FakeJob(detector="none"), FakeLabeller.sha256), arguments.count)
        return
    with mock.patch("fercli.classification.loading.read_photo", read_photo):
        report(classify(walk(), FakeLabeller(), WholeImage()), arguments.count)


if __name__ == "__main__":
    main()
