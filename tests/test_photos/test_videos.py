import io
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from fercli.errors import ImageRejected
from fercli.photos.geometry import Moment
from fercli.photos.videos import Video
from tests.clips import CODECS, RATE, damage, gray_steps, turn, write_clip, write_timed
from tests.promises import Did

START = Moment(0.0, 0)


def looked_at(path: Path, every: float = 0.0, start: Moment = START) -> tuple[list[Moment], list[int], str | None]:
    """Return the moments, the brightness of each frame, and why it was rejected."""
    moments, values = [], []
    try:
        with Video(path) as video:
            for moment in video.moments(every, start):
                moments.append(moment)
                values.append(round(float(video.gray().mean())))
    except ImageRejected as error:
        return moments, values, f"{error.code}: {error.reason}"
    return moments, values, None


@pytest.mark.parametrize("suffix", CODECS)
def test_every_frame_with_its_time_and_number(tmp_path: Path, suffix: str) -> None:
    clip = write_clip(tmp_path / f"clip{suffix}", gray_steps(60))
    moments, values, reject = looked_at(clip)
    assert reject is None
    assert [moment.frame for moment in moments] == list(range(60))
    assert [moment.time for moment in moments] == pytest.approx([number / RATE for number in range(60)], abs=0.002)
    assert values == pytest.approx([2 * number for number in range(60)], abs=3)


@pytest.mark.parametrize(
    ("every", "frames"),
    [
        (0.5, [0, 5, 10, 15, 20]),
        (0.1, [*range(25)]),
        (0.25, [0, 3, 5, 8, 10, 13, 15, 18, 20, 23]),
        (1, [0, 10, 20]),
        (60, [0]),
    ],
)
def test_the_first_frame_at_or_after_each_step_is_looked_at(tmp_path: Path, every: float, frames: list[int]) -> None:
    for suffix in (".mp4", ".webm"):
        clip = write_clip(tmp_path / f"clip{suffix}", gray_steps(25))
        assert [moment.frame for moment in looked_at(clip, every)[0]] == frames


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_variable_rate_is_told_by_the_stream_s_own_clock(tmp_path: Path, suffix: str) -> None:
    ticks = [0, 1, 2, 3, 10, 11, 12, 30, 31, 50]
    clip = write_timed(tmp_path / f"clip{suffix}", gray_steps(len(ticks)), ticks)
    moments, values, _ = looked_at(clip)
    assert [moment.time for moment in moments] == pytest.approx([tick / RATE for tick in ticks], abs=0.002)
    assert [moment.frame for moment in looked_at(clip, 1.0)[0]] == [0, 4, 7, 9]
    for number, moment in enumerate(moments):
        assert looked_at(clip, start=moment)[:2] == (moments[number:], values[number:])


@pytest.mark.parametrize("suffix", CODECS)
def test_begun_in_the_middle_the_rest_is_the_same(tmp_path: Path, suffix: str) -> None:
    clip = write_clip(tmp_path / f"clip{suffix}", gray_steps(60))
    with Video(clip) as video:
        whole = [(moment, video.gray().tobytes()) for moment in video.moments()]
    for number in (1, 9, 25, 40, 59):
        with Video(clip) as video:
            rest = [(moment, video.gray().tobytes()) for moment in video.moments(start=whole[number][0])]
            assert rest == whole[number:]
            assert video.frames == len(rest)


def test_a_stretch_ends_before_the_next(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", gray_steps(60))
    numbers = []
    for start in range(6):
        with Video(clip) as video:
            numbers += [(start, moment.frame) for moment in video.moments(0.5, Moment(float(start), 0), end=start + 1.0)]
            assert video.frames == RATE
    assert numbers == [(start, frame) for start in range(6) for frame in (0, 5)]


def test_a_phone_s_turned_video_is_upright(tmp_path: Path) -> None:
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:, :20] = (250, 0, 0)  # red on the left, so above when turned clockwise
    clip = write_clip(tmp_path / "clip.mp4", [frame] * 3)
    turn(clip)
    with Video(clip) as video:
        assert (video.width, video.height) == (48, 64)
        next(video.moments())
        assert video.gray().shape == (64, 48)
        red, rest = video.colour()[:16].mean(axis=(0, 1)), video.colour()[24:].mean(axis=(0, 1))
    assert red[0] > 200
    assert max(red[1], red[2], *rest) < 60


@pytest.mark.parametrize("suffix", [".avi", ".webm", ".mkv"])
def test_one_cut_off_gives_its_frames_up_to_there(tmp_path: Path, suffix: str) -> None:
    clip = write_clip(tmp_path / f"clip{suffix}", gray_steps(60))
    whole = looked_at(clip)[0]
    data = clip.read_bytes()
    clip.write_bytes(data[: round(0.6 * len(data))])
    moments, _, reject = looked_at(clip)
    assert 10 < len(moments) < 60
    assert moments == whole[: len(moments)]
    assert reject
    assert reject.startswith("damaged: it")
    assert f"{moments[-1].time:.2f} s" in reject
    assert looked_at(clip, start=moments[-1])[2] == reject


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_one_damaged_in_the_middle_gives_its_frames_up_to_there(tmp_path: Path, suffix: str) -> None:
    generator = np.random.default_rng(0)
    noise = [generator.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(60)]
    path = tmp_path / f"clip{suffix}"
    clip = write_clip(path, noise) if suffix == ".mp4" else write_timed(path, noise, range(60))
    damage(clip, 0.5, 0.6)
    moments, _, reject = looked_at(clip)
    assert 20 <= len(moments) < 40
    assert reject == f"damaged: it is broken after {moments[-1].time:.2f} s; the rows up to that point are kept"


def test_one_that_cannot_be_opened_says_what_to_type(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "my clip.mp4", gray_steps(10))
    clip.write_bytes(clip.read_bytes()[:-500])  # MP4's index is at its end
    reject = looked_at(clip)[2]
    assert reject
    assert reject.startswith("unplayable: it is damaged, or OpenCV's FFmpeg cannot play it; convert it with: ffmpeg -i '")
    assert reject.endswith("my clip-converted.mp4'")


def test_promise_14_frames_over_the_limit_are_refused(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", gray_steps(2))
    with pytest.raises(ImageRejected, match="48 pixels; the limit is 3000") as caught:
        Video(clip, max_pixels=3000)
    assert caught.value.code == "too_large"


def test_promise_13_a_video_that_says_it_is_endless_has_an_end(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", gray_steps(10))
    data = clip.read_bytes()
    length = data.index(b"\x44\x89\x88") + 3  # Matroska's Duration, in milliseconds
    clip.write_bytes(data[:length] + struct.pack(">d", 1e15) + data[length + 8 :])
    with Video(clip) as video:
        assert video.seconds == 1e7


def test_a_copy_that_the_disk_cannot_hold_is_a_sentence(tmp_path: Path) -> None:
    code = (
        "import resource, sys, numpy as np\n"
        "from pathlib import Path\n"
        "from fercli.photos.videos import NewVideo\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))\n"
        "noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)\n"
        "with NewVideo(Path(sys.argv[1]), 160, 120, 10) as video:\n"
        "    for _ in range(100):\n"
        "        video.write(noise := np.roll(noise, 7, axis=0) ^ 3)\n"
    )
    child = subprocess.run([sys.executable, "-c", code, tmp_path / "x.mp4"], capture_output=True, text=True, check=False)
    assert "FercliError" in child.stderr
    assert "x.mp4 cannot be written whole; free some space" in child.stderr


@pytest.mark.parametrize("name", [b"a\xff.mp4", b"-i %03d.mp4", b"concat:a|b.mp4", b"clip.jpg", b"http:\n.avi"])
def test_promise_18_any_name_is_just_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: bytes) -> None:
    monkeypatch.chdir(tmp_path)
    clip = Path(os.fsdecode(name))
    write_clip(Path("plain.mp4"), gray_steps(5)).rename(clip)
    assert len(looked_at(clip)[0]) == 5


def test_promise_13_bytes_of_any_kind_are_frames_or_a_reject(tmp_path: Path, did: Did) -> None:
    generator = np.random.default_rng(5)
    for suffix in CODECS:
        data = write_clip(tmp_path / f"clip{suffix}", gray_steps(10)).read_bytes()
        for number in range(12):
            broken = bytearray(data)
            for place in generator.integers(0, len(data), 1 + 3 * number):
                broken[place] = generator.integers(256)
            (tmp_path / f"broken{suffix}").write_bytes(
                broken[: len(data) if number % 2 else int(generator.integers(20, len(data)))]
            )
            moments, _, reject = looked_at(tmp_path / f"broken{suffix}")
            assert moments or reject
            assert [moment.frame for moment in moments] == list(range(len(moments)))
            did(1, "videos")


class FailingFile(io.FileIO):
    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.count += 1
        if self.count > 20:
            raise OSError(5, "the server is gone")
        return super().read(-1 if size is None else size)


def test_a_server_that_fails_in_the_middle_is_a_reject_and_no_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    noise = [generator.integers(0, 255, (240, 320, 3), np.uint8) for _ in range(30)]
    clip = write_clip(tmp_path / "clip.avi", noise).rename(tmp_path / "clip")  # a name without suffix is read by us
    assert len(looked_at(clip)[0]) == 30
    monkeypatch.setattr("fercli.photos.videos.opened", lambda path: FailingFile(str(path)))
    moments, _, reject = looked_at(clip)
    assert 0 < len(moments) < 30
    assert reject == "unreadable: the server is gone"


def test_videos_are_decoded_in_any_thread(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", gray_steps(30))
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(len(looked_at(clip)[0]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [30] * 4
