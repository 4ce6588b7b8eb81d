from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fercli.classification.records import COLUMNS, Face, Outcome, rows
from fercli.photos.geometry import Box, Frame


def test_the_columns_are_the_documented_ones() -> None:
    assert ",".join(COLUMNS) == (
        "path,time,frame,face,person,status,reason,x,y,width,height,detection_score,label,confidence,"
        "angry,disgust,fear,happy,sad,surprise,neutral,model"
    )


def test_an_unsure_face_keeps_its_row_and_probabilities_but_has_no_label() -> None:
    face = Face(Box(1, 2, 30, 30), None, (0.1, 0.1, 0.1, 0.1, 0.4, 0.1, 0.1))
    (line,) = rows(Outcome(Path("x"), (face,)), "deep", min_confidence=0.5)
    assert (line["status"], line["label"], line["confidence"], line["sad"]) == ("ok", None, 0.4, 0.4)
    assert line["reason"] == "no label: the confidence is below 0.5"
    (line,) = rows(Outcome(Path("x"), (face,)), "deep", min_confidence=0.4)
    assert (line["label"], line["reason"]) == ("sad", None)


@given(st.integers(-100_000, 100_000), st.integers(-100_000, 100_000), st.integers(1, 100_000))
def test_a_box_and_its_frame_are_the_same(x: int, y: int, side: int) -> None:
    assert Frame.of(Box(x, y, side, side)).box == Box(x, y, side, side)


def test_a_frame_in_a_larger_photo() -> None:
    frame = Frame(10.0, 20.0, 8.0, 5.0)
    assert frame.scaled(2.5) == Frame(25.0, 50.0, 20.0, 5.0)
    assert frame.box == Box(6, 16, 8, 8)
    assert Frame(5.0, 5.0, 0.01).box.width == pytest.approx(1)
