"""Frames a second of `fercli classify` on a video, decoding alone, and the `Video` class of the package `fer`, in one run.

    python tests/bench/video.py [--seconds 20] [--video YOUR.mp4]

`fer` takes part if it is installed: pip install --no-deps fer==25.10.3, and what it then misses.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[2]))

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fercli.classification.job import Options
from fercli.classification.pipeline import classify
from fercli.models.inference import Labeller, shipped_weights
from fercli.models.registry import DEFAULT_MODEL
from fercli.photos.faces import detector
from fercli.photos.geometry import Frame
from fercli.photos.videos import Video
from tests.clips import write_clip
from tests.scenes import background, paste

RATE, SIZE = 25, (1280, 720)


def interview(seconds: float) -> Iterator[NDArray[np.uint8]]:
    """Yield frames of two people who sway before a wall."""
    wall = background("brick").resize(SIZE, Image.Resampling.BICUBIC)
    for number in range(round(seconds * RATE)):
        picture, at = wall.copy(), number / RATE
        paste(picture, "astronaut.jpg", Frame(400 + 60 * np.sin(at), 340, 180, 5 * np.sin(2 * at)))
        paste(picture, "grace_hopper.jpg", Frame(900 + 50 * np.sin(1.3 * at), 360, 200, 5 * np.sin(at)))
        yield np.asarray(picture)


def decode(path: Path, every: float) -> int:
    with Video(path) as video:
        return sum(video.gray().size > 0 for _ in video.moments(every))


def contestants() -> dict[str, Callable[[Path, float], int]]:
    labeller, way = Labeller(shipped_weights(DEFAULT_MODEL)), detector("auto")

    def label(path: Path, every: float) -> int:
        return sum(len(outcome.faces) for outcome in classify([path], labeller, way, Options(every=every)))

    ways: dict[str, Callable[[Path, float], int]] = {"decoding alone": decode, "fercli": label}
    try:
        from fer.classes import Video as Peer
        from fer.fer import FER
    except ImportError as error:
        print(f"fer does not take part: {error}")
        return ways
    cv2.waitKey, cv2.destroyAllWindows = lambda *_: -1, lambda: None  # which fer calls, and OpenCV has only with windows
    peer = FER()

    def analyze(path: Path, every: float) -> int:
        with tempfile.TemporaryDirectory() as folder:
            video, step = Peer(str(path), outdir=folder), max(1, round(every * RATE))
            found = video.analyze(peer, frequency=step, save_frames=False, save_video=False, annotate_frames=False)
            return sum(map(len, found))

    return {**ways, "fer": analyze}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--video", type=Path)
    arguments = parser.parse_args()
    ways = contestants()
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.video or write_clip(Path(folder) / "clip.mp4", interview(arguments.seconds), RATE)
        warm = write_clip(Path(folder) / "warm.mp4", interview(0.2), RATE)
        with Video(path) as video:
            frames = sum(1 for _ in video.moments())
            print(f"{frames} frames of {video.width} x {video.height}")
        for every in (0.0, 1.0):
            print(f"\n--every {every:g}")
            for name, work in ways.items():
                work(warm, 0.0)
                started, used = time.perf_counter(), time.process_time()
                result = work(path, every)
                rate, each = frames / (time.perf_counter() - started), (time.process_time() - used) / frames
                unit = "faces" if "fer" in name else "frames"
                print(f"  {name:15} {rate:8.1f} frames/s {1000 * each:8.1f} ms of processor a frame  {result} {unit}", flush=True)
    print(f"\nmost memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
