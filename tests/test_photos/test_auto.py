import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fercli.photos.faces import CROP_SIDE, Found, overlap
from fercli.photos.faces.auto import Auto
from fercli.photos.geometry import Frame
from fercli.photos.images import read_gray
from tests.conftest import PHOTOS
from tests.scenes import PORTRAITS, paste, portrait

ASTRONAUT = PORTRAITS["astronaut.jpg"]


@pytest.fixture(scope="module")
def auto() -> Auto:
    return Auto()


@pytest.fixture(scope="module")
def astronaut() -> NDArray[np.uint8]:
    return read_gray(PHOTOS / "astronaut.jpg")


def around(photo: NDArray[np.uint8], side: int, *, cut: int = 96) -> NDArray[np.uint8]:
    """The astronaut's face alone, `cut` pixels of the photo enlarged to `side`."""
    top, left = round(ASTRONAUT.y - cut / 2), round(ASTRONAUT.x - cut / 2)
    return np.asarray(Image.fromarray(photo[top : top + cut, left : left + cut]).resize((side, side), Image.Resampling.BICUBIC))


def found_all(found: list[Found], true: list[Frame]) -> bool:
    return len(found) == len(true) and all(max(overlap(face.frame, frame) for face in found) > 0.5 for frame in true)


@pytest.mark.parametrize("side", [48, 96, 97, CROP_SIDE])
def test_a_small_crop_is_taken_whole(auto: Auto, astronaut: NDArray[np.uint8], side: int) -> None:
    (found,) = auto.find(around(astronaut, side))
    assert (found.frame.side, found.score) == (side, None)


@pytest.mark.parametrize("side", [129, 180, 256])
def test_a_larger_crop_in_which_nobody_is_found_is_taken_whole(auto: Auto, astronaut: NDArray[np.uint8], side: int) -> None:
    tight = around(astronaut, side, cut=60)  # from brow to lip
    (found,) = auto.find(tight)
    assert found.frame.side > side / 2
    assert auto.find(around(astronaut, 257, cut=30)) == []  # an eye and a nose, and no crop by its size


@pytest.mark.parametrize("shape", [(40, 40), (97, 20), (128, 128), (200, 200), (300, 400)])
@pytest.mark.parametrize("kind", ["black", "noise", "ramp"])
def test_walls_and_black_frames_are_no_faces_at_any_size(auto: Auto, shape: tuple[int, int], kind: str) -> None:
    noise = np.random.default_rng(0).integers(90, 140, shape)
    ramp = np.linspace(100, 125, shape[1]) + np.zeros(shape)
    assert auto.find({"black": np.zeros(shape), "noise": noise, "ramp": ramp}[kind].astype(np.uint8)) == []


def test_small_faces_beside_a_large_one_and_in_rows_are_all_found(auto: Auto) -> None:
    picture = Image.new("RGB", (1600, 1200), (120, 130, 140))
    places = [Frame(110 + 190 * (number % 8), 150 + 180 * (number // 8), 60) for number in range(16)]
    faces = [paste(picture, list(PORTRAITS)[number % 2], place) for number, place in enumerate(places)]
    assert found_all(auto.find(np.asarray(picture.convert("L"))), faces)
    faces.append(paste(picture, "astronaut.jpg", Frame(800, 860, 270)))
    assert found_all(auto.find(np.asarray(picture.convert("L"))), faces)


def test_a_small_face_in_a_large_photo_is_found(auto: Auto) -> None:
    picture = Image.new("RGB", (2560, 1700), (120, 130, 140))
    face = paste(picture, "grace_hopper.jpg", Frame(1800, 600, 40))
    assert found_all(auto.find(np.asarray(picture.convert("L"))), [face])


@pytest.mark.parametrize("turned", [90, 180, 270, 60])
def test_a_photo_on_its_side_or_head_shows_its_face_and_the_frame_has_the_roll(auto: Auto, turned: int) -> None:
    upright = portrait("astronaut.jpg").convert("L")
    lying = upright.rotate(-turned, expand=True)
    (found,) = auto.find(np.asarray(lying))
    middle = ASTRONAUT.moved(-upright.width / 2, -upright.height / 2).turned(turned).moved(lying.width / 2, lying.height / 2)
    assert overlap(found.frame, middle) > 0.6
    assert abs((found.frame.roll - middle.roll + 180) % 360 - 180) < 10


def test_a_face_in_the_dark_is_found(auto: Auto, astronaut: NDArray[np.uint8]) -> None:
    (found,) = auto.find((astronaut / 12).astype(np.uint8))
    assert overlap(found.frame, ASTRONAUT) > 0.5
