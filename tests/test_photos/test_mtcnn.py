import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fercli.photos.faces import Found, detector
from fercli.photos.faces.mtcnn import Mtcnn
from fercli.photos.faces.pyramid import Pyramid
from fercli.photos.images import read_gray
from tests.conftest import PHOTOS


@pytest.fixture(scope="module")
def mtcnn() -> Mtcnn:
    return Mtcnn()


@pytest.fixture(scope="module")
def astronaut() -> NDArray[np.uint8]:
    return read_gray(PHOTOS / "astronaut.jpg")


def near(found: Found, x: float, y: float, side: float, roll: float) -> bool:
    frame = found.frame
    return math.dist((frame.x, frame.y), (x, y)) < 0.12 * side and 0.85 < frame.side / side < 1.18 and abs(frame.roll - roll) < 8


@pytest.mark.parametrize("turned", [-40, -20, 0, 15, 30])
def test_a_tilted_head_is_found_and_its_tilt_known(mtcnn: Mtcnn, astronaut: NDArray[np.uint8], turned: int) -> None:
    picture = Image.fromarray(astronaut).rotate(-turned, Image.Resampling.BICUBIC, center=(224, 113), fillcolor=128)
    (found,) = mtcnn.find(np.asarray(picture))
    assert near(found, 224, 113, 110, turned + 4)
    assert found.score is not None
    assert 0.9 < found.score <= 1


def test_a_photo_enlarged_or_cut_shows_the_same_face(mtcnn: Mtcnn, astronaut: NDArray[np.uint8]) -> None:
    (enlarged,) = mtcnn.find(np.kron(astronaut, np.ones((3, 3), np.uint8)))
    (cut,) = mtcnn.find(astronaut[:250, 100:400])
    assert near(enlarged, 3 * 224, 3 * 113, 330, 4)
    assert near(cut, 124, 113, 110, 4)


@pytest.mark.parametrize("shape", [(1, 97), (97, 1), (3, 65_000), (11, 11), (1, 1), (400, 300)])
def test_promise_13_strips_specks_and_walls_have_no_face_and_no_error(mtcnn: Mtcnn, shape: tuple[int, int]) -> None:
    assert mtcnn.find(np.full(shape, 9, np.uint8)) == []


def test_promise_8_files_named_like_its_weights_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("proposal.onnx", "refinement.onnx", "output.onnx"):
        (tmp_path / name).write_bytes(b"not the networks that come with the package")
    monkeypatch.chdir(tmp_path)
    detector("mtcnn")


def test_squares_are_cut_out_from_the_size_with_enough_detail_and_turned() -> None:
    ramp = np.tile(np.arange(200, dtype=np.uint8), (240, 1))
    pyramid = Pyramid(ramp, 20, math.inf, 12)
    upright, aside = pyramid.patches(np.array([(100, 120, 96, 0), (100, 120, 96, math.pi / 2)], np.float32), 24)[:, 0]
    wanted = 100 + (np.arange(24) + 0.5 - 12) * 4 - 0.5
    assert np.abs(upright - wanted).max() < 1
    assert np.abs(aside - wanted[::-1, None]).max() < 1
    beyond = pyramid.patches(np.array([(0, 0, 40, 0)], np.float32), 24)[0, 0]
    assert (beyond[:, :11] == beyond[:, :1]).all()
