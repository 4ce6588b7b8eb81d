"""Photos a second of `fercli classify`, each step of it, and the package `fer` beside it, in one run on the same photos.

    python tests/bench/classify.py [--photos 100] [--folder YOUR_PHOTOS]

`fer` takes part if it is installed: pip install --no-deps fer==25.10.3, and what it then misses.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[2]))


from fercli.classification.loading import WORK_SIDE, ahead
from fercli.classification.pipeline import classify
from fercli.models.inference import Labeller, shipped_weights
from fercli.models.registry import DEFAULT_MODEL
from fercli.photos.faces import detector
from fercli.photos.images import read_photo
from fercli.photos.walk import Walk
from tests.conftest import synthetic_faces
from tests.scenes import compose

SIZES = {"2-megapixel portraits": (1632, 1224), "350-pixel portraits": (350, 350)}


def rate(paths: Sequence[Path], work: Callable[[Sequence[Path]], object]) -> float:
    """Return paths a second, after one pass to warm up over the first 32."""
    work(paths[:32])
    started = time.perf_counter()
    work(paths)
    return len(paths) / (time.perf_counter() - started)


def contestants(labeller: Labeller) -> dict[str, Callable[[Sequence[Path]], object]]:
    def run(name: str) -> Callable[[Sequence[Path]], object]:
        way = detector(name)
        return lambda paths: list(classify(paths, labeller, way))

    ways: dict[str, Callable[[Sequence[Path]], object]] = {f"fercli, {name}": run(name) for name in ("auto", "mtcnn", "haar")}
    ways["fercli, crops only"] = run("none")
    ways["decoding only"] = lambda paths: list(ahead(lambda path: read_photo(path, side=WORK_SIDE).pixels.size, paths, 32))
    try:
        import cv2
        from fer.fer import FER
    except ImportError as error:
        print(f"fer does not take part: {error}")
        return ways
    peer = FER()
    return {"fer, Haar": lambda paths: [peer.detect_emotions(cv2.imread(str(path))) for path in paths], **ways}


def show(title: str, paths: Sequence[Path], ways: dict[str, Callable[[Sequence[Path]], object]]) -> None:
    print(f"\n{title}: {len(paths)} photos")
    base = None
    for name, work in ways.items():
        speed = rate(paths, work)
        base = base or speed
        print(f"  {name:20} {speed:8.1f} photos/s  {speed / base:6.1f} times {next(iter(ways))}", flush=True)


def crops_against_the_bare_network(labeller: Labeller, folder: Path) -> None:
    from PIL import Image

    faces = synthetic_faces(4000)[0]
    paths = [folder / f"{number}.png" for number in range(len(faces))]
    for path, face in zip(paths, faces, strict=True):
        Image.fromarray(face).save(path)
    way = detector("auto")
    ours = rate(paths, lambda few: list(classify(few, labeller, way)))
    labeller.label(faces[:256])
    started = time.perf_counter()
    labeller.label(faces)
    bare = len(faces) / (time.perf_counter() - started)
    print(f"\n48-pixel crops: {ours:.0f} photos/s, {ours / bare:.0%} of the bare network's {bare:.0f}")


def first_row(folder: Path) -> None:
    """Compare the time from the start to the first row with that of `import keras`, each the least of three."""
    fercli = str(Path(sys.executable).with_name("fercli"))

    def seconds(command: list[str]) -> float:
        started = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
            assert child.stdout
            child.stdout.readline()
            child.stdout.read(1)  # the row's own first byte, or the end
            taken = time.perf_counter() - started
            child.stdout.read()
        return taken

    rows = min(seconds([fercli, "classify", str(folder), "-o", "-"]) for _ in range(3))
    keras = min(seconds([sys.executable, "-c", "import keras; print(); print('x')"]) for _ in range(3))
    print(f"\nstart to first row: {rows:.2f} s, {rows / keras:.2f} times import keras ({keras:.2f} s)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    labeller = Labeller(shipped_weights(DEFAULT_MODEL))
    ways = contestants(labeller)
    with tempfile.TemporaryDirectory() as name:
        for title, (width, height) in SIZES.items():
            folder = Path(name) / str(width)
            folder.mkdir()
            for seed in range(arguments.photos):
                portrait = compose(seed, width=width, height=height, most=1, least=0.2, roll=15)
                portrait.picture.save(folder / f"{seed:04}.jpg", quality=90)
            show(title, sorted(folder.iterdir()), ways)
        if arguments.folder:
            show(str(arguments.folder), list(Walk([arguments.folder])), ways)
        crops = Path(name) / "crops"
        crops.mkdir()
        crops_against_the_bare_network(labeller, crops)
        first_row(Path(name) / "350")


if __name__ == "__main__":
    main()
