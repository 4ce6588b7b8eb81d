"""How many faces each detector finds in composed scenes, how many finds are none, how well it frames, and how long it takes.

python tests/bench/detectors.py [--scenes 300] [--detectors haar mtcnn auto]
"""

import argparse
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from fercli.photos.faces import DETECTORS, Detector, detector, overlap
from tests.scenes import FACE_FREE, Scene, compose, empty, group, turned

SAME = 0.4  # of the union of found and true square
TURNS = (90, 180, 270)


@dataclass
class Search:
    """What a detector did in some scenes."""

    hits: dict[bool, list[bool]] = field(default_factory=lambda: {True: [], False: []})
    sides: list[float] = field(default_factory=list)
    rolls: list[float] = field(default_factory=list)
    finds: int = 0
    seconds: float = 0.0

    @property
    def recall(self) -> float:
        return share(self.hits[True] + self.hits[False])

    @property
    def precision(self) -> float:
        return len(self.sides) / max(1, self.finds)


def share(hits: list[bool]) -> float:
    return sum(hits) / max(1, len(hits))


def searched(way: Detector, scenes: list[Scene]) -> Search:
    done = Search()
    for scene in scenes:
        gray, started = scene.gray, time.process_time()
        faces = way.find(gray)
        done.seconds += time.process_time() - started
        done.finds += len(faces)
        for true in scene.faces:
            best = max(faces, key=lambda face: overlap(face.frame, true), default=None)
            hit = best is not None and overlap(best.frame, true) > SAME
            done.hits[abs(true.roll) < 15].append(hit)
            if hit and best:
                done.sides.append(abs(best.frame.side / true.side - 1))
                done.rolls.append(abs((best.frame.roll - true.roll + 180) % 360 - 180))
    return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--detectors", nargs="+", choices=DETECTORS, default=["haar", "mtcnn", "auto"])
    arguments = parser.parse_args()
    scenes = [compose(seed) for seed in range(arguments.scenes)]
    lying = {degrees: [turned(scene, degrees) for scene in scenes[: max(1, len(scenes) // 3)]] for degrees in TURNS}
    groups = {
        "16": [group(seed, 16, 8, 1600, 1200) for seed in range(4)],
        "17, one large": [group(seed, 16, 8, 1600, 1200, speaker=True) for seed in range(4)],
        "60": [group(seed, 60, 12, 2560, 1920) for seed in range(2)],  # as `classify` holds a photo of 6000 x 4500
    }
    for name in arguments.detectors:
        way = detector(name)
        way.find(scenes[0].gray)
        done = searched(way, scenes)
        wrong = sum(len(way.find(empty(free).gray)) for free in FACE_FREE)
        print(f"{name}: {len(scenes)} scenes of 800 x 600 with {sum(len(scene.faces) for scene in scenes)} faces")
        print(
            f"  found {done.recall:.1%}, rolled under 15 degrees {share(done.hits[True]):.1%}, more {share(done.hits[False]):.1%}; "
            f"finds that are faces {done.precision:.1%}; {wrong} in {len(FACE_FREE)} photographs without; "
            f"side off by {statistics.median(done.sides):.1%}, roll by {statistics.median(done.rolls):.1f} degrees; "
            f"{1000 * done.seconds / len(scenes):.1f} ms of a core a photo",
            flush=True,
        )
        for title, some in {**{f"turned by {degrees}": few for degrees, few in lying.items()}, **groups}.items():
            done = searched(way, some)
            print(
                f"  {title}: {len(some)} scenes; found {done.recall:.1%}, finds that are faces {done.precision:.1%}, "
                f"{1000 * done.seconds / len(some):.0f} ms",
                flush=True,
            )


if __name__ == "__main__":
    main()
