import numpy as np
import pytest

from fercli.models.views import VIEW_FRAMES, VIEWS, framed, sampled, shifted, views
from tests.conftest import synthetic_faces


@pytest.mark.parametrize(("down", "across"), [(2, 0), (0, -3), (1, 1)])
def test_whole_pixels_are_moved_as_they_are_and_borders_repeated(down: int, across: int) -> None:
    faces = synthetic_faces(3)[0]
    moved = shifted(faces, down, across)
    assert moved.dtype == np.uint8
    assert np.array_equal(moved[:, 5:43, 5:43], faces[:, 5 - down : 43 - down, 5 - across : 43 - across])
    if down:
        assert np.array_equal(moved[:, 0, 5:43], faces[:, 0, 5 - across : 43 - across])


def test_between_pixels_lies_their_mean() -> None:
    face = np.array([[[0, 100], [50, 250]]], np.uint8)
    assert shifted(face, 0, 0.5).tolist() == [[[0, 50], [50, 150]]]
    assert shifted(face, -0.5, 0).tolist() == [[[25, 175], [50, 250]]]
    assert sampled(face, np.array([[0.5]]), np.array([[0.5]])).tolist() == [[[100]]]
    assert sampled(face, np.array([[0.25]]), np.array([[9]])).tolist() == [[[138]]]


def test_a_closer_frame_enlarges_about_the_centre() -> None:
    plane = np.add.outer(2 * np.arange(48), 3 * np.arange(48)).astype(np.uint8)[None]  # which interpolation keeps exactly
    near = framed(plane, 0.5)
    assert near[0, 0, 0] == pytest.approx(5 * (23.5 - 0.5 * 23.5), abs=1)
    assert near[0].mean() == pytest.approx(plane.mean(), abs=1)
    far = framed(plane, 1.15)
    assert far[0, 0, 0] == far[0, 1, 1] == plane[0, 0, 0]
    assert far[0, -1, -1] == plane[0, -1, -1]


def test_views_are_framed_and_mirrored() -> None:
    faces = synthetic_faces(3)[0]
    seen = list(views(faces))
    assert len(seen) == VIEWS == 2 * len(VIEW_FRAMES)
    for size, view, mirrored in zip(VIEW_FRAMES, seen, seen[len(VIEW_FRAMES) :], strict=False):
        assert np.array_equal(view, framed(faces, size))
        assert np.array_equal(mirrored, framed(faces[:, :, ::-1], size))
    assert np.array_equal(seen[0], faces)
    assert len(list(views(faces[:0]))) == VIEWS
