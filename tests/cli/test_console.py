import os
from pathlib import Path

import pytest

from fercli.cli import console


@pytest.mark.parametrize(
    ("name", "shown"),
    [(b"[/red].png", "[/red].png"), (b"\x1b[2J.png", "\\x1b[2J.png"), (b"\xe9.png", "\\xe9.png"), (b"a\nb", "a\\nb")],
)
def test_promise_18_names_cannot_drive_the_terminal(name: bytes, shown: str) -> None:
    assert console.name(Path(os.fsdecode(name))) == shown
    with console._talk.capture() as talk:
        console.say(os.fsdecode(name))
        console.error(f"{console.name(Path(os.fsdecode(name)))} is broken")
    assert f"error: {shown} is broken" in talk.get()
    assert "\x1b[2J" not in talk.get()


def test_shades_go_from_white_to_blue_and_stay_readable() -> None:
    assert str(console.shaded("1", 0.0).style) == "black on rgb(255,255,255)"
    assert str(console.shaded("1", 1.0).style) == "white on rgb(0,0,255)"
