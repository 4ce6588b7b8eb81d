import struct
from pathlib import Path

import pytest

from fercli.photos.containers import has_video_signature, is_cut_off
from fercli.photos.walk import is_video
from tests.clips import CODECS, gray_steps, write_clip


def cut_off(path: Path) -> bool:
    with path.open("rb") as handle:
        return is_cut_off(handle, path.stat().st_size)


@pytest.mark.parametrize("suffix", CODECS)
def test_videos_are_told_by_their_content(tmp_path: Path, suffix: str) -> None:
    clip = write_clip(tmp_path / f"clip{suffix}", gray_steps(5))
    assert is_video(clip.rename(tmp_path / "clip.txt"))


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"avif", b"crx ", b"M4A "])
def test_photos_and_sound_in_the_same_box_are_none(brand: bytes) -> None:
    assert not has_video_signature(b"\0\0\0\x18ftyp" + brand)
    assert has_video_signature(b"\0\0\0\x18ftypisom")


@pytest.mark.parametrize(
    "start", [b"", b"\x89PNG\r\n\x1a\n\0\0\0\r", b"RIFF\x10\0\0\0WEBP", b"RIFF\x10\0\0\0WAVE", b"some words, no"]
)
def test_others_are_none(start: bytes) -> None:
    assert not has_video_signature(start[:12])


def test_what_is_no_file_is_no_video(tmp_path: Path) -> None:
    assert not is_video(tmp_path)
    assert not is_video(tmp_path / "missing.mp4")


@pytest.mark.parametrize("suffix", CODECS)
def test_a_file_shorter_than_it_says_is_cut_off(tmp_path: Path, suffix: str) -> None:
    clip = write_clip(tmp_path / f"clip{suffix}", gray_steps(20))
    assert not cut_off(clip)
    clip.write_bytes(clip.read_bytes()[:-10])
    assert cut_off(clip)


@pytest.mark.parametrize(
    ("data", "cut"),
    [
        (b"\x1aE\xdf\xa3\x80\x18S\x80g\x01\xff\xff\xff\xff\xff\xff\xff", False),  # a live stream's length is left open
        (b"\x1aE\xdf\xa3\x80\x18S\x80g\x88", True),
        (b"\x1aE\xdf\xa3", False),
        (b"\x1aE\xdf\xa3\x00", False),
        (struct.pack(">I4sQ", 1, b"mdat", 1 << 40), True),
        (struct.pack(">I4s", 0, b"mdat"), False),  # up to the file's end
        (struct.pack(">I4s", 8, b"wide") * 3, False),
    ],
)
def test_lengths_as_containers_write_them(tmp_path: Path, data: bytes, cut: bool) -> None:
    (tmp_path / "clip").write_bytes(data)
    assert cut_off(tmp_path / "clip") is cut
