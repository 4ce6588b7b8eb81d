import pytest
from hypothesis import given
from hypothesis import strategies as st

from fercli.photos.geometry import Box, Frame


@given(st.integers(-100_000, 100_000), st.integers(-100_000, 100_000), st.integers(1, 100_000))
def test_a_box_and_its_frame_are_the_same(x: int, y: int, side: int) -> None:
    assert Frame.of(Box(x, y, side, side)).box == Box(x, y, side, side)


def test_a_frame_in_a_larger_photo() -> None:
    frame = Frame(10.0, 20.0, 8.0, 5.0)
    assert frame.scaled(2.5) == Frame(25.0, 50.0, 20.0, 5.0)
    assert frame.box == Box(6, 16, 8, 8)
    assert Frame(5.0, 5.0, 0.01).box.width == pytest.approx(1)


def test_a_frame_turned_about_the_corner_keeps_its_side_and_gains_the_roll() -> None:
    turned = Frame(10.0, 0.0, 8.0, 170.0).turned(90)
    assert (turned.x, turned.y, turned.side, turned.roll) == pytest.approx((0, 10, 8, -100))
    assert Frame(10.0, 20.0, 8.0, 5.0).moved(-3, 4) == Frame(7.0, 24.0, 8.0, 5.0)
