import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fercli.photos.faces.framing import TEMPLATE, Point, frame_around
from fercli.photos.geometry import Frame
from fercli.photos.images import crop


def placed(scale: float, roll: float, x: float, y: float) -> list[Point]:
    """The template's landmarks on a photo: a face of 48 * scale pixels about (x, y), turned clockwise by `roll` degrees."""
    turn = scale * np.exp(1j * np.radians(roll))
    points = [turn * complex(a - 24, b - 24) + complex(x, y) for a, b in TEMPLATE]
    return [(float(point.real), float(point.imag)) for point in points]


def test_the_template_frames_itself() -> None:
    frame = frame_around(TEMPLATE)
    assert (frame.x, frame.y, frame.side) == pytest.approx((24, 24, 48))
    assert frame.roll == pytest.approx(0, abs=1e-9)


@given(st.floats(0.2, 50), st.floats(-179, 179), st.floats(-100, 5000), st.floats(-100, 5000))
def test_any_place_size_and_roll_is_found_again(scale: float, roll: float, x: float, y: float) -> None:
    frame = frame_around(placed(scale, roll, x, y))
    assert (frame.x, frame.y, frame.side, frame.roll) == pytest.approx((x, y, 48 * scale, roll), abs=1e-6)


@pytest.mark.parametrize("roll", [-40.0, -10.0, 0.0, 25.0, 90.0])
@pytest.mark.parametrize("scale", [0.8, 2.0, 7.5])
def test_landmarks_stand_where_fer2013_has_them(scale: float, roll: float) -> None:
    points = placed(scale, roll, 300, 280)
    for number, (x, y) in enumerate(points):
        face = crop(_spot(x, y, radius=2.5 * scale), frame_around(points), 48).astype(float)
        rows, columns = np.indices(face.shape) + 0.5
        centre = (columns * face).sum() / face.sum(), (rows * face).sum() / face.sum()
        assert centre == pytest.approx(TEMPLATE[number], abs=0.2 + 0.5 / scale)


def _spot(x: float, y: float, radius: float) -> NDArray[np.uint8]:
    rows, columns = np.indices((600, 600)) + 0.5
    return np.where((columns - x) ** 2 + (rows - y) ** 2 < radius**2, 255, 0).astype(np.uint8)


def test_beyond_the_edge_a_turned_face_repeats_the_border() -> None:
    photo = np.full((40, 40), 7, np.uint8)
    assert crop(photo, Frame(2.0, 38.0, 60.0, 33.0), 48).tolist() == [[7] * 48] * 48


def test_landmarks_in_one_point_give_a_frame_of_one_pixel() -> None:
    assert frame_around([(5.0, 5.0)] * 5).box.width == 1
