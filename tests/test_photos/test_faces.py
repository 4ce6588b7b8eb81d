import numpy as np
import pytest

from fercli.cli.classify import DetectorName
from fercli.photos.faces import DETECTORS, Found, WholeImage, distinct, overlap
from fercli.photos.geometry import Box, Frame


def test_whole_image_is_the_square_around_it() -> None:
    assert WholeImage().find(np.zeros((40, 60), np.uint8))[0].frame.box == Box(0, -10, 60, 60)


def test_the_command_line_names_the_same_detectors() -> None:
    assert set(DetectorName) == set(DETECTORS)


def test_one_face_found_twice_is_one() -> None:
    faces = [Found(Frame(100, 100, 80), 0.9), Found(Frame(104, 98, 90), 0.95), Found(Frame(30, 100, 60), 0.5)]
    assert distinct(faces) == [faces[2], faces[1]]
    assert overlap(Frame(0, 0, 10), Frame(5, 0, 10)) == pytest.approx(1 / 3)
    assert overlap(Frame(0, 0, 10), Frame(50, 0, 10)) == 0
