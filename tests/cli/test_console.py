import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fercli.cli import console


@pytest.mark.parametrize(
    ("name", "shown"),
    [(b"[/red].png", "[/red].png"), (b"\x1b[2J.png", "\\x1b[2J.png"), (b"\xe9.png", "\\xe9.png"), (b"a\nb", "a\\nb")],
)
def test_promise_18_names_cannot_drive_the_terminal(name: bytes, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert console.name(Path(os.fsdecode(name))) == shown
    console.say(os.fsdecode(name))
    console.error(f"{console.name(Path(os.fsdecode(name)))} is broken")
    talk = capsys.readouterr().err
    assert f"error: {shown} is broken" in talk
    assert "\x1b[2J" not in talk


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_promise_18_a_shown_name_is_one_line_of_visible_characters(name: bytes) -> None:
    assert console.name(Path(os.fsdecode(name))).isprintable()


def test_shades_go_from_white_to_blue_and_stay_readable() -> None:
    assert str(console.shaded("1", 0.0).style) == "black on rgb(255,255,255)"
    assert str(console.shaded("1", 1.0).style) == "white on rgb(0,0,255)"
