from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fercli.classification.copies import annotated
from fercli.classification.job import Options
from fercli.classification.places import Places
from fercli.classification.records import Face, Outcome, Reject
from fercli.errors import FercliError
from fercli.labels import LABELS
from fercli.photos.geometry import Box, Moment
from fercli.photos.videos import Video
from fercli.writing import exclusive
from tests.clips import gray_steps, write_clip

FACE = Face(Box(40, 30, 60, 60), 0.9, (0.94,) + (0.01,) * (len(LABELS) - 1), person=3)


def moments(path: Path, every: float) -> list[Moment]:
    with Video(path) as video:
        return list(video.moments(every))


def frames(path: Path) -> tuple[list[NDArray[np.uint8]], float]:
    video, found = cv2.VideoCapture(str(path)), []
    while (got := video.read())[0]:
        found.append(np.asarray(got[1], np.uint8))
    return found, video.get(cv2.CAP_PROP_FPS)


def outcomes(path: Path, every: float) -> list[Outcome]:
    return [Outcome(path, (FACE,) if moment.frame % 2 == 0 else (), moment=moment) for moment in moments(path, every)]


def copied(given: list[Outcome], folder: Path, every: float) -> list[tuple[Path, str]]:
    """Copy all, and return what is amiss."""
    amiss: list[tuple[Path, str]] = []
    assert list(annotated(given, Places(folder), Options(every=every), 0.0, lambda *item: amiss.append(item))) == given
    return amiss


@pytest.mark.parametrize(("every", "count", "rate"), [(0.0, 30, 10), (0.5, 6, 2), (0.01, 30, 10)])
def test_a_video_s_copy_has_the_frames_looked_at_at_their_pace(tmp_path: Path, every: float, count: int, rate: float) -> None:
    clip = write_clip(tmp_path / "in" / "clip.avi", gray_steps(30, (160, 120)))
    given = outcomes(clip, every)
    assert copied(given, tmp_path / "out", every) == []
    (copy,) = (tmp_path / "out").rglob("*.mp4")
    assert copy.name == "clip.avi.mp4"
    found, told = frames(copy)
    assert len(found) == count
    assert told == pytest.approx(rate)
    for outcome, frame in zip(given, found, strict=True):
        assert outcome.moment
        assert frame.shape == (120, 160, 3)
        assert frame[-10:, :30].mean() == pytest.approx(2 * outcome.moment.frame, abs=6)
        yellow = (frame[..., 2].astype(int) - frame[..., 0] > 100).sum()
        assert (yellow > 200) == bool(outcome.faces)


def test_photos_and_videos_have_their_copies_and_the_order_is_kept(tmp_path: Path) -> None:
    first, second = (write_clip(tmp_path / "in" / name, gray_steps(10, (160, 120))) for name in ("a.mp4", "b.webm"))
    Image.new("RGB", (200, 200)).save(tmp_path / "in" / "c.png")
    given = [*outcomes(first, 0.5), Outcome(tmp_path / "in" / "c.png", (FACE,)), *outcomes(second, 0.5)]
    given.append(Outcome(second, reject=Reject("damaged", "it ends"), moment=Moment(0.9, 9)))
    gone = [tmp_path / name for name in ("gone.mp4", "gone.png")]
    given += [
        Outcome(gone[0], moment=Moment(0.0, 0)),
        Outcome(gone[1]),
        Outcome(gone[1], reject=Reject("empty", "it has no bytes")),
    ]
    amiss = copied(given, tmp_path / "out", 0.5)
    assert amiss == [(path, "has no copy: it is no longer there") for path in gone]
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.*")) == ["a.mp4.mp4", "b.webm.mp4", "c.png.jpg"]


def test_promise_9_one_that_is_stopped_leaves_no_half_copy(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in" / "clip.mp4", gray_steps(20, (160, 120)))
    copies = annotated(outcomes(clip, 0.0), Places(tmp_path / "out"), Options(every=0.0), 0.0, lambda *_: None)
    assert next(copies)
    copies.close()
    assert not list(tmp_path.rglob("*clip.mp4.mp4*"))


def test_promise_17_frames_that_cannot_be_read_again_are_told(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in" / "clip.mp4", gray_steps(10, (160, 120)))
    given = [*outcomes(clip, 0.5), Outcome(clip, moment=Moment(99.0, 990))]
    assert copied(given, tmp_path / "out", 0.5) == [(clip, "has a copy without frames that can no longer be read: 1")]


def test_promise_20_a_folder_that_is_moved_away_gets_no_copies(tmp_path: Path) -> None:
    """A new folder in its place would not be marked as one of copies, and its copies would be labelled later."""
    Image.new("RGB", (200, 200)).save(tmp_path / "a.png")
    (folder := tmp_path / "out").mkdir()
    with exclusive(folder) as check:
        folder.rename(tmp_path / "elsewhere")
        with pytest.raises(FercliError, match="was moved or removed"):
            list(annotated([Outcome(tmp_path / "a.png")], Places(folder, check=check), Options(), 0.0, lambda *_: None))
    assert not folder.exists()
