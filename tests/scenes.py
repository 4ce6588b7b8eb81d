"""Scenes with faces at known places: public-domain portraits pasted into face-free photographs that scikit-image ships."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import skimage
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from fercli.photos.geometry import Frame
from tests.conftest import PHOTOS

# As FER2013 would frame them; measured by hand on the eyes and the corners of the mouth.
PORTRAITS = {"astronaut.jpg": Frame(224.5, 113.0, 109.5, 4.0), "grace_hopper.jpg": Frame(266.0, 215.5, 221.0, -3.0)}
FACE_FREE = ("brick", "chelsea", "clock_motion", "coffee", "grass", "gravel", "horse", "ihc", "motorcycle_left", "page", "retina",
             "rocket", "text")  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """A picture in RGB and the frames of all faces in it."""

    picture: Image.Image
    faces: tuple[Frame, ...]

    @property
    def gray(self) -> NDArray[np.uint8]:
        return np.asarray(self.picture.convert("L"))


@cache
def portrait(name: str) -> Image.Image:
    with Image.open(PHOTOS / name) as picture:
        return picture.convert("RGB")


@cache
def background(name: str) -> Image.Image:
    (path,) = (Path(skimage.__file__).parent / "data").glob(f"{name}.*g")
    with Image.open(path) as picture:
        return picture.convert("RGB")


def compose(seed: int, *, width: int = 800, height: int = 600, most: int = 3, least: float = 1 / 12, roll: float = 40.0) -> Scene:
    """Return a scene with up to `most` faces of `least` to 1/2 of its height, rolled by up to `roll` degrees, lit and noised."""
    generator = np.random.default_rng(seed)
    picture = background(str(generator.choice(FACE_FREE))).resize((width, height), Image.Resampling.BICUBIC)
    faces: list[Frame] = []
    for place in generator.permutation(most)[: generator.integers(1, most + 1)]:
        side = float(np.exp(generator.uniform(np.log(height * least), np.log(min(height / 2, width / most / 1.6)))))
        x = (place + 0.5) * width / most
        y = float(generator.uniform(0.75 * side, height - 0.75 * side))
        name = str(generator.choice(list(PORTRAITS)))
        faces.append(paste(picture, name, Frame(x, y, side, float(generator.uniform(-roll, roll)))))
    return Scene(_lit(picture, generator), tuple(faces))


def empty(name: str) -> Scene:
    """Return a photograph without any face."""
    return Scene(background(name), ())


def paste(picture: Image.Image, name: str, place: Frame) -> Frame:
    """Paste the head of a portrait so that its face fills `place`, with soft edges; return `place`."""
    source, face = portrait(name), PORTRAITS[name]
    scale = place.side / face.side
    reach = 0.8 * face.side  # of the head around the face's centre
    turn = np.radians(place.roll - face.roll)
    half = round(1.2 * reach * scale)
    # Where each pixel of the pasted square comes from, as Pillow wants it: source = inverse turn and scale of the offset.
    a, b = np.cos(turn) / scale, np.sin(turn) / scale
    matrix = (a, b, face.x - (a + b) * half, -b, a, face.y - (a - b) * half)
    ready = source if scale > 1 else source.filter(ImageFilter.GaussianBlur(0.4 / scale))
    head = ready.transform((2 * half, 2 * half), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
    mask = Image.new("L", head.size)
    edge = half - reach * scale
    ImageDraw.Draw(mask).ellipse((edge, edge, 2 * half - edge, 2 * half - edge), fill=255)
    picture.paste(head, (round(place.x) - half, round(place.y) - half), mask.filter(ImageFilter.GaussianBlur(0.06 * half)))
    return replace(place, x=float(round(place.x)), y=float(round(place.y)))


def _lit(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    pixels = np.asarray(picture, np.float32) / 255
    pixels = pixels ** generator.uniform(0.6, 1.7)
    pixels = pixels + generator.normal(0, generator.uniform(0, 0.05), pixels.shape[:2])[..., None]
    return Image.fromarray((np.clip(pixels, 0, 1) * 255).astype(np.uint8))


def turned(scene: Scene, degrees: int) -> Scene:
    """Return the scene turned clockwise, as by a camera on its side."""
    picture = scene.picture.rotate(-degrees, Image.Resampling.BICUBIC, expand=True)
    (width, height), (wider, higher) = scene.picture.size, picture.size
    faces = [face.moved(-width / 2, -height / 2).turned(degrees).moved(wider / 2, higher / 2) for face in scene.faces]
    return Scene(picture, tuple(faces))


def group(seed: int, people: int, columns: int, width: int, height: int, speaker: bool = False) -> Scene:
    """Return a group photo: `people` in rows of `columns`, somewhat turned, and before them a large `speaker`."""
    generator = np.random.default_rng(seed)
    picture = background(str(generator.choice(FACE_FREE))).resize((width, height), Image.Resampling.BICUBIC)
    apart = width / (columns + 1)
    names = list(PORTRAITS)
    faces = []
    for number in range(people):
        row, column = divmod(number, columns)
        x, y = apart * (column + 0.75 + 0.5 * (row % 2)), apart * (0.8 + 0.95 * row)
        place = Frame(x, y, apart * float(generator.uniform(0.38, 0.46)), float(generator.uniform(-12, 12)))
        faces.append(paste(picture, names[number % 2], place))
    if speaker:
        faces.append(paste(picture, names[0], Frame(width / 2, height * 0.72, height / 4)))
    return Scene(_lit(picture, generator), tuple(faces))
