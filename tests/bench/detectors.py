"""How many faces each detector finds in composed scenes, how many finds are none, how well it frames, and how long it takes.

python tests/bench/detectors.py [--scenes 300]
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[2]))

from fercli.photos.faces import detector, overlap
from tests.scenes import FACE_FREE, Scene, compose, empty

SAME = 0.4  # of the union of found and true square


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=300)
    scenes = [compose(seed) for seed in range(parser.parse_args().scenes)]
    free = [empty(name) for name in FACE_FREE]
    print(
        f"{len(scenes)} scenes of 800 x 600 with {sum(len(scene.faces) for scene in scenes)} faces; {len(free)} photographs without"
    )
    print("detector  recall  frontal (roll < 15)  rolled  precision  false in face-free  side error  roll error  ms a photo")
    for name in ("haar", "mtcnn", "auto"):
        print(row(name, scenes, free), flush=True)


def row(name: str, scenes: list[Scene], free: list[Scene]) -> str:
    way = detector(name)
    way.find([scene.gray for scene in scenes[:16]])
    pictures = [scene.gray for scene in scenes]
    started = time.perf_counter()
    found = way.find(pictures)
    seconds = time.perf_counter() - started
    hits: dict[bool, list[bool]] = {True: [], False: []}
    sides, rolls, right = [], [], 0
    for scene, faces in zip(scenes, found, strict=True):
        for true in scene.faces:
            best = max(faces, key=lambda face: overlap(face.frame, true), default=None)
            hit = best is not None and overlap(best.frame, true) > SAME
            hits[abs(true.roll) < 15].append(hit)
            if hit and best:
                right += 1
                sides.append(abs(best.frame.side / true.side - 1))
                rolls.append(abs(best.frame.roll - true.roll))
    finds = sum(map(len, found))
    wrong = sum(len(faces) for faces in way.find([scene.gray for scene in free]))
    every = hits[True] + hits[False]
    shares = [sum(few) / len(few) for few in (every, hits[True], hits[False])]
    return (
        f"{name:8}  {shares[0]:6.1%}  {shares[1]:19.1%}  {shares[2]:6.1%}  {right / finds:9.1%}  {wrong:18}"
        f"  {statistics.median(sides):10.1%}  {statistics.median(rolls):8.1f} °  {1000 * seconds / len(scenes):10.1f}"
    )


if __name__ == "__main__":
    main()
