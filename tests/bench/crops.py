"""FER2013's test faces enlarged to other sizes of crop: does `auto` label them as well as it does the 48 pixels themselves?

python tests/bench/crops.py fer2013.npz [--faces 300] [--model compact]
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from PIL import Image

from fercli.dataset import read_dataset
from fercli.models.inference import Labeller, shipped_weights
from fercli.photos.faces import detector
from fercli.photos.images import crop

SIDES = (48, 64, 96, 97, 112, 128, 129, 160, 192, 224, 256)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--faces", type=int, default=300)
    parser.add_argument("--model", default="compact")
    arguments = parser.parse_args()
    split = read_dataset(arguments.data).test
    chosen = split.take(np.random.default_rng(0).permutation(len(split))[: arguments.faces])
    labeller, way = Labeller(shipped_weights(arguments.model)), detector("auto")
    print(f"{len(chosen)} faces, {labeller.title}\nside  right  taken whole  no face  several")
    for side in SIDES:
        pixels, counts, whole = [], [], []
        for face in chosen.pixels:
            large = np.asarray(Image.fromarray(face).resize((side, side), Image.Resampling.LANCZOS))
            found = sorted(way.find(large), key=lambda one: -one.frame.side)
            counts.append(len(found))
            whole.append(any(one.score is None for one in found))
            pixels.append(crop(large, found[0].frame, 48) if found else np.zeros((48, 48), np.uint8))
        right = (labeller.label(np.stack(pixels)).argmax(axis=1) == chosen.labels) & (np.array(counts) > 0)
        print(
            f"{side:4}  {right.mean():5.1%}  {np.mean(whole):11.1%}  {np.mean(np.array(counts) == 0):7.1%}  "
            f"{np.mean(np.array(counts) > 1):7.1%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
