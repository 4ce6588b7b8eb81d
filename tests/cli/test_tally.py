import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.classification.counts import UNSURE
from fercli.classification.records import Face, Outcome, Reject
from fercli.cli.tally import Tally, counted
from fercli.photos.geometry import Box, Moment
from fercli.photos.walk import Walk
from tests.clips import gray_steps, write_clip

FACE = Face(Box(0, 0, 9, 9), None, (0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1))


def test_faces_rejects_and_unsure_ones_are_counted() -> None:
    tally = Tally(min_confidence=0.5)
    for outcome in (Outcome(Path("a"), (FACE, FACE)), Outcome(Path("b")), Outcome(Path("c"), reject=Reject("empty", "no bytes"))):
        tally.add(outcome)
    assert (tally.pictures, tally.expressions[UNSURE], tally.status["rejected"]) == (3, 2, 1)
    assert tally.text() == "2 faces, 1 rejected"


def test_one_is_singular(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally()
    tally.add(Outcome(Path("a"), (FACE,)))
    assert tally.text() == "1 face, 0 rejected"
    tally.say_end(Walk([tmp_path]), Path("r.csv"), "compact")
    assert "r.csv: 1 photo, 1 face, 0 photos without a face, 0 files rejected, in " in capsys.readouterr().err


def test_groups_and_small_images_are_told_of_with_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally()
    found = Face(FACE.box, 0.9, FACE.probabilities)
    for number, outcome in enumerate(
        [
            Outcome(Path("group"), (found, found, found)),
            Outcome(Path("portrait"), (found,), small=True),
            Outcome(Path("crop"), (FACE,), small=True),
            Outcome(Path("wall"), small=True),
            Outcome(Path("landscape")),
            Outcome(Path("broken"), reject=Reject("damaged", "cut off"), small=True),
            Outcome(Path("whole"), (FACE,)),
        ]
    ):
        tally.add(outcome)
        assert tally.pictures == number + 1
    tally.say_end(Walk([tmp_path]), Path("results.csv"), "compact")
    said = capsys.readouterr().err
    assert "photos with several faces: 1\n" in said
    assert "small images taken whole: 1\n" in said
    assert "larger pictures taken whole, whose labels mean something only if each is a crop of a face: 1\n" in said
    assert "results.csv: 6 photos, 6 faces, 2 photos without a face, 1 file rejected, in" in said
    assert "small images without a face: 1; if they are crops of faces, label them separately, with --detector none\n" in said


def test_photos_are_counted_beside_the_work(tmp_path: Path) -> None:
    for number in range(5):
        Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / f"{number}.png")
    told = threading.Event()
    totals: list[int] = []

    def tell(total: int) -> None:
        totals.append(total)
        told.set()

    with counted(Walk([tmp_path]), 1.0, tell):
        assert told.wait(10)
    assert totals == [5]


def test_a_video_counts_as_many_pictures_as_its_length_has_steps(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", gray_steps(45))
    (tmp_path / "broken.avi").write_bytes(b"RIFF\0\0\0\0AVI ")
    for every, total in ((1.0, 6), (0.5, 10), (0.0, 46), (0.01, 46)):
        told = threading.Event()
        totals: list[int] = []

        def tell(count: int, told: threading.Event = told, totals: list[int] = totals) -> None:
            totals.append(count)
            told.set()

        with counted(Walk([tmp_path]), every, tell):
            assert told.wait(10)
        assert totals == pytest.approx([total], abs=1)


def test_frames_and_the_time_of_videos_are_told() -> None:
    tally = Tally()
    for video, times in (("a.mp4", (0.0, 1.0, 75.0)), ("b.mp4", (0.0, 3599.5))):
        for number, time in enumerate(times):
            tally.add(Outcome(Path(video), (FACE,), moment=Moment(time, number)))
    tally.add(Outcome(Path("b.mp4"), reject=Reject("damaged", "it is broken"), moment=Moment(3600.0, 2)))
    tally.add(Outcome(Path("c.png"), (FACE,)))
    assert tally.text() == "6 faces, 1 rejected, 1:01:15 of video"
    assert (tally.pictures, tally.frames, tally.videos) == (7, 5, 2)


def test_shares_are_of_photos_and_of_frames_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally()
    for number in range(3):
        tally.add(Outcome(Path("a.mp4"), (FACE,), moment=Moment(float(number), number)))
    tally.add(Outcome(Path("b.png"), (FACE,)))
    tally.add(Outcome(Path("c.png"), (Face(FACE.box, None, FACE.probabilities[::-1]),)))
    tally.say_end(Walk([tmp_path]), Path("results.csv"), "compact")
    said = " ".join(capsys.readouterr().err.split())
    assert "expression faces in photos share in frames of videos share" in said
    assert "angry 1 50.0% 3 100.0%" in said
    assert "neutral 1 50.0% 0 0.0%" in said
