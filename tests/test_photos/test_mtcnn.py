import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fercli.photos.faces import Found, detector
from fercli.photos.faces.mtcnn import Mtcnn
from fercli.photos.images import read_gray
from tests.conftest import PHOTOS


@pytest.fixture(scope="module")
def quick() -> Mtcnn:
    return Mtcnn(320)


@pytest.fixture(scope="module")
def astronaut() -> NDArray[np.uint8]:
    return read_gray(PHOTOS / "astronaut.jpg")


def near(found: Found, x: float, y: float, side: float, roll: float) -> bool:
    frame = found.frame
    return math.dist((frame.x, frame.y), (x, y)) < 0.12 * side and 0.85 < frame.side / side < 1.18 and abs(frame.roll - roll) < 8


@pytest.mark.parametrize("turned", [-40, -20, 0, 15, 30])
def test_a_tilted_head_is_found_and_its_tilt_known(quick: Mtcnn, astronaut: NDArray[np.uint8], turned: int) -> None:
    picture = Image.fromarray(astronaut).rotate(-turned, Image.Resampling.BICUBIC, center=(224, 113), fillcolor=128)
    ((found,),) = quick.find([np.asarray(picture)])
    assert near(found, 224, 113, 110, turned + 4)
    assert found.score is not None
    assert 0.9 < found.score <= 1


def test_photos_of_all_sizes_at_once_are_found_as_one_by_one(quick: Mtcnn, astronaut: NDArray[np.uint8]) -> None:
    large = np.kron(astronaut, np.ones((3, 3), np.uint8))
    wall, hopper = np.full((50, 900), 7, np.uint8), read_gray(PHOTOS / "grace_hopper.jpg")
    photos = [astronaut, large, astronaut[:250, 100:400], wall, hopper]
    together = quick.find(photos * 4)
    assert [len(faces) for faces in together] == [1, 1, 1, 0, 1] * 4
    assert together == [quick.find([photo])[0] for photo in photos] * 4
    assert near(together[1][0], 3 * 224, 3 * 113, 330, 4)
    assert near(together[2][0], 124, 113, 110, 4)


@pytest.mark.parametrize("shape", [(1, 97), (97, 1), (3, 65_000), (11, 11), (1, 1), (400, 300)])
def test_promise_13_strips_specks_and_walls_have_no_face_and_no_error(quick: Mtcnn, shape: tuple[int, int]) -> None:
    assert quick.find([np.full(shape, 9, np.uint8)]) == [[]]
    assert quick.find([]) == []


def test_promise_8_files_named_like_its_weights_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("proposal.onnx", "refinement.onnx", "output.onnx"):
        (tmp_path / name).write_bytes(b"not the networks that come with the package")
    monkeypatch.chdir(tmp_path)
    detector("mtcnn")


def test_auto_looks_closer_where_the_quick_look_finds_nobody(astronaut: NDArray[np.uint8]) -> None:
    canvas = np.full((1600, 2000), 120, np.uint8)
    small = np.asarray(Image.fromarray(astronaut).resize((400, 400), Image.Resampling.BOX))
    canvas[700:1100, 900:1300] = small  # a face of 86 pixels, 1/23 of the photo
    ((found,),) = detector("auto").find([canvas])
    assert near(found, 900 + 224 * 400 / 512, 700 + 113 * 400 / 512, 110 * 400 / 512, 4)
