"""A million photos through `classify` with a fake walk, a fake decoder and a fake network: first result, speed, memory.

    python tests/bench/million.py [1000000]

Prints, a tenth at a time, how many photos a second were done and the peak of the memory, which both should stay as they are.
"""

import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from fercli.classification import classify
from fercli.faces import WholeImage
from fercli.images import Photo
from tests.conftest import FakeLabeller


def main() -> None:
    """Run once and report each tenth."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    face = Photo(np.full((48, 48), 7, np.uint8))

    def walk() -> Iterator[Path]:
        for number in range(count):
            yield Path(f"/nowhere/{number}.png")

    def read_photo(*_: object) -> Photo:  # a mock would note every call
        return face

    started = since = time.perf_counter()
    with mock.patch("fercli.classification.read_photo", read_photo):
        labeller = FakeLabeller()
        for done, _ in enumerate(classify(walk(), labeller, WholeImage()), start=1):
            if done == 1:
                print(f"first result after {time.perf_counter() - started:.3f} s")
            if done % (count // 10) == 0:
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
                speed = count / 10 / (time.perf_counter() - since)
                print(f"{done:9,} photos, {speed:,.0f} a second, at most {peak} MB", flush=True)
                since = time.perf_counter()


if __name__ == "__main__":
    main()
