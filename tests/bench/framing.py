"""FER2013's faces pasted into larger scenes: is the label found through detection that of the crop itself?

    python tests/bench/framing.py fer2013.npz [--faces 500] [--model deep]

Each test face is enlarged to 100 to 250 pixels and pasted, with soft edges, into a face-free photograph of 640 x 480.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from fercli.dataset import read_dataset
from fercli.models.inference import Labeller, shipped_weights
from fercli.photos.faces import detector, overlap
from fercli.photos.geometry import Box, Frame
from fercli.photos.images import crop
from tests.scenes import FACE_FREE, background

SAME = 0.4  # of the union of found and true square


def pasted(face: NDArray[np.uint8], generator: np.random.Generator) -> tuple[NDArray[np.uint8], Frame]:
    """Return the scene in grey and where in it the crop lies."""
    side = int(generator.integers(100, 251))
    picture = background(str(generator.choice(FACE_FREE))).resize((640, 480)).convert("L")
    x, y = int(generator.integers(0, 640 - side)), int(generator.integers(0, 480 - side))
    inner = Image.new("L", (side, side))
    margin = side // 24
    inner.paste(255, (margin, margin, side - margin, side - margin))
    large = Image.fromarray(face).resize((side, side), Image.Resampling.BICUBIC)
    picture.paste(large, (x, y), inner.filter(ImageFilter.GaussianBlur(margin / 2)))
    return np.asarray(picture), Frame.of(Box(x, y, side, side))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--faces", type=int, default=500)
    parser.add_argument("--model", default="deep")
    arguments = parser.parse_args()
    generator = np.random.default_rng(0)
    split = read_dataset(arguments.data).test
    chosen = split.take(generator.permutation(len(split))[: arguments.faces])
    labeller = Labeller(shipped_weights(arguments.model))
    wanted = labeller.label(chosen.pixels).argmax(axis=1)
    scenes = [pasted(face, generator) for face in chosen.pixels]
    print(f"{len(scenes)} faces, {labeller.title}; labelled right as crops: {(wanted == chosen.labels).mean():.1%}")
    print("detector  found  same label as the crop  right, of those found")
    cut = np.stack([crop(scene, true, 48) for scene, true in scenes])
    rows = {"true square": [(number, face) for number, face in enumerate(cut)]}
    for name in ("haar", "mtcnn", "auto"):
        way = detector(name)
        found = [way.find(scene) for scene, _ in scenes]
        rows[name] = []
        for number, ((scene, true), faces) in enumerate(zip(scenes, found, strict=True)):
            best = max(faces, key=lambda face: overlap(face.frame, true), default=None)
            if best and overlap(best.frame, true) > SAME:
                rows[name].append((number, crop(scene, best.frame, 48)))
    for name, cuts in rows.items():
        numbers = np.array([number for number, _ in cuts])
        labels = labeller.label(np.stack([face for _, face in cuts])).argmax(axis=1)
        same, right = (labels == wanted[numbers]).mean(), (labels == chosen.labels[numbers]).mean()
        print(f"{name:11}  {len(cuts) / len(scenes):6.1%}  {same:22.1%}  {right:22.1%}")


if __name__ == "__main__":
    main()
