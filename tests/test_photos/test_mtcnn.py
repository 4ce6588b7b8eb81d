import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fercli.photos.faces import Found, detector
from fercli.photos.faces.cascade import _best
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


def test_a_square_has_the_same_pixels_beside_turned_ones() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (90, 120), np.uint8)
    pyramid = Pyramid(photo, 20, math.inf, 12)
    squares = np.array([(40, 30, 25, 0), (118, 88, 51, 0), (60, 45, 70, 1)], np.float32)
    assert np.array_equal(pyramid.patches(squares[:2], 24), pyramid.patches(squares, 24)[:2])


@pytest.mark.parametrize("of_smaller", [False, True])
def test_no_place_that_passes_overlaps_a_better_one_however_many_there_are(of_smaller: bool) -> None:
    generator = np.random.default_rng(0)
    corners, sides = generator.uniform(0, 300, (200, 2)), generator.uniform(20, 90, (200, 1))
    boxes, scores = np.concatenate([corners, corners + sides], axis=1).astype(np.float32), generator.random(200, np.float32)

    def beats(better: int, other: int) -> bool:
        low, high = np.maximum(boxes[better, :2], boxes[other, :2]), np.minimum(boxes[better, 2:], boxes[other, 2:])
        shared = np.prod(np.maximum(high - low, 0))
        areas = [np.prod(boxes[place, 2:] - boxes[place, :2]) for place in (better, other)]
        return bool(shared > 0.5 * (min(areas) if of_smaller else sum(areas) - shared))

    order = np.argsort(-scores)
    wanted = [place for rank, place in enumerate(order) if not any(beats(better, place) for better in order[:rank])]
    assert _best(boxes, scores, 0.5, of_smaller).tolist() == wanted
