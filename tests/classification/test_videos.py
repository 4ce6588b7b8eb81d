"""Videos through the whole of `classify`: rows, persons, journal, outputs."""

import csv
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fercli.classification.job import Job, Options
from fercli.classification.outputs import Output
from fercli.classification.pipeline import classify
from fercli.classification.records import Outcome, with_persons
from fercli.classification.run import Run
from fercli.errors import FercliError, UsageError
from fercli.photos.faces import WholeImage, overlap
from fercli.photos.faces.auto import Auto
from fercli.photos.geometry import Frame
from tests.clips import RATE, gray_steps, scene, write_clip
from tests.conftest import Ran
from tests.fakes import FakeLabeller
from tests.promises import Did

JOB = Job(detector="none", options=Options(every=0.5))


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """A photo, a video of 4.5 seconds, one of another name, one that is cut off, and what only has a video's name."""
    folder = tmp_path / "inputs"
    folder.mkdir()
    write_clip(folder / "b.mp4", gray_steps(45))
    Image.fromarray(np.full((48, 48), 250, np.uint8)).save(folder / "a.png")
    write_clip(folder / "c.webm", gray_steps(12)).rename(folder / "c.jpg")
    cut = write_clip(folder / "d.mkv", gray_steps(60))
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    (folder / "e.mov").write_text("no video")
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.usefixtures("fake_labeller")
def test_a_video_is_an_input_like_a_photo(inputs: Path, tmp_path: Path) -> None:
    outcomes = list(Run([inputs], JOB, Output(tmp_path / "r.csv")))
    found = rows(tmp_path / "r.csv")
    assert len(found) == len(outcomes)
    by_name: dict[str, list[dict[str, str]]] = {}
    for row in found:
        by_name.setdefault(Path(row["path"]).name, []).append(row)
    (photo,) = by_name["a.png"]
    assert (photo["time"], photo["frame"], photo["person"], photo["face"]) == ("", "", "", "1")
    assert [(row["time"], row["frame"], row["person"], row["face"], row["status"]) for row in by_name["b.mp4"]] == [
        (str(number / 2), str(5 * number), "1", "1", "ok") for number in range(9)
    ]
    assert [row["label"] for row in by_name["b.mp4"]][::4] == ["angry", "disgust", "fear"]  # ever brighter
    assert [row["frame"] for row in by_name["c.jpg"]] == ["0", "5", "10"]
    *whole, broken = by_name["d.mkv"]
    assert len(whole) > 2
    assert {row["status"] for row in whole} == {"ok"}
    assert broken["status"] == "rejected"
    assert broken["reason"].startswith("damaged: it ends at ")
    assert f"{float(broken['time']):.2f} s" in broken["reason"]
    assert float(broken["time"]) >= float(whole[-1]["time"])
    (text,) = by_name["e.mov"]
    assert text["reason"].startswith("not_an_image")


@pytest.mark.usefixtures("fake_labeller")
@pytest.mark.parametrize("name", ["r.csv", "r.jsonl", "r.parquet", "parts.parquet/"])
def test_promise_11_stopped_after_any_frame_it_goes_on_to_the_same_bytes(
    inputs: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, did: Did
) -> None:
    monkeypatch.setattr("fercli.classification.outputs.PART_ROWS", 7)
    whole, again = tmp_path / "whole", tmp_path / "again"
    unbroken, broken = (Output.parse(f"{folder}/{name}") for folder in (whole, again))
    count = len(list(Run([inputs], JOB, unbroken)))
    for stop in range(0, count, 1 if name == "r.csv" else 5):
        outcomes = iter(Run([inputs], JOB, broken, resume=stop > 0, overwrite=True))
        assert len(list(itertools.islice(outcomes, stop))) == stop
        outcomes.close()
        did(1, "stops in videos")
    decoded = 0
    original = WholeImage.find

    def counting(self: WholeImage, photo: NDArray[np.uint8]) -> object:
        nonlocal decoded
        decoded += 1
        return original(self, photo)

    monkeypatch.setattr(WholeImage, "find", counting)
    assert len(list(Run([inputs], JOB, broken, resume=True))) == count
    assert decoded < 8  # the others are known
    contents = [{path.name: path.read_bytes() for path in folder.rglob("[!.]*") if path.is_file()} for folder in (whole, again)]
    assert contents[0] == contents[1]


@pytest.mark.usefixtures("fake_labeller")
def test_an_update_labels_the_videos_that_are_new(inputs: Path, tmp_path: Path) -> None:
    output = Output(tmp_path / "r.csv")
    first = list(Run([inputs], JOB, output))
    write_clip(inputs / "f.mp4", gray_steps(20))
    run = Run([inputs], JOB, output, update=True)
    second = list(run)
    assert second[: len(first)] == first
    assert [outcome.path.name for outcome in second[len(first) :]] == ["f.mp4"] * 4
    assert run.kept == sum(not outcome.reject for outcome in first)


@pytest.mark.usefixtures("fake_labeller")
def test_a_video_that_was_changed_is_done_again(inputs: Path, tmp_path: Path) -> None:
    output = Output(tmp_path / "r.csv")
    outcomes = iter(Run([inputs / "b.mp4"], JOB, output))
    next(outcomes)
    outcomes.close()
    write_clip(inputs / "b.mp4", gray_steps(30)[::-1])
    assert len(list(Run([inputs / "b.mp4"], JOB, output, resume=True))) == 6
    labels = [row["label"] for row in rows(output.path)]
    assert (labels[0], labels[-1]) == ("disgust", "angry")


@pytest.mark.usefixtures("fake_labeller")
def test_all_outputs_tell_the_same(inputs: Path, tmp_path: Path) -> None:
    list(Run([inputs], JOB, Output(tmp_path / "r.csv")))
    list(Run([inputs], JOB, Output(tmp_path / "r.jsonl")))
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [[str(row["time"] or "0.0"), str(row["frame"] or 0)] for row in lines] == [
        [row["time"] or "0.0", row["frame"] or "0"] for row in rows(tmp_path / "r.csv")
    ]
    parquet = pytest.importorskip("pyarrow.parquet")
    list(Run([inputs], JOB, Output(tmp_path / "r.parquet")))
    table = parquet.read_table(tmp_path / "r.parquet")
    assert {name: str(table.schema.field(name).type) for name in ("time", "frame", "person")} == {
        "time": "double",
        "frame": "int32",
        "person": "int32",
    }
    assert table["time"].to_pylist() == [row["time"] for row in lines]
    assert table["person"].to_pylist() == [row["person"] for row in lines]


@pytest.mark.usefixtures("fake_labeller")
def test_the_command(fercli: Callable[..., Ran], inputs: Path, tmp_path: Path) -> None:
    page, copies = tmp_path / "r.html", tmp_path / "copies"
    options = ("--every", 0.5, "--detector", "none", "--report", page, "--annotate", copies)
    ran = fercli("classify", inputs, "-o", tmp_path / "r.csv", *options)
    assert ran.code == 3
    assert f"reject: {inputs / 'd.mkv'}: damaged: it ends at" in ran.talk
    frames = len(rows(tmp_path / "r.csv")) - 3
    assert f": 1 photo, {frames} frames of 3 videos, {frames + 1} faces, 0 pictures without a face, 2 files rejected" in ran.talk
    assert sorted(path.name for path in copies.rglob("*.*")) == [
        ".fercli-copies", "a.png.jpg", "b.mp4.mp4", "c.jpg.mp4", "d.mkv.mp4",
    ]  # fmt: skip
    text = page.read_text()
    assert "Videos over time" in text
    assert text.count("<svg") == 3
    assert text.count("data:image/jpeg") > 5
    again = fercli("classify", inputs, "-o", tmp_path / "r.csv", "--overwrite", "--every", "nan")
    assert (again.code, "--every" in again.talk) == (2, True)
    with pytest.raises(UsageError, match="not a number of seconds"):
        Options(every=-1)


@pytest.mark.usefixtures("fake_labeller")
def test_nothing_but_a_broken_video_is_not_published(inputs: Path, tmp_path: Path) -> None:
    (inputs / "b.mp4").write_bytes((inputs / "b.mp4").read_bytes()[:2000])
    with pytest.raises(FercliError, match=r"b.mp4 could not be read .* so no results were written"):
        list(Run([inputs / "b.mp4"], JOB, Output(tmp_path / "r.csv")))


def test_promise_21_frames_are_not_read_far_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write_clip(tmp_path / "clip.mp4", gray_steps(120) * 3)
    read = 0
    from fercli.photos.videos import Video

    original = Video.gray

    def gray(self: Video) -> object:
        nonlocal read
        read += 1
        return original(self)

    monkeypatch.setattr(Video, "gray", gray)
    outcomes = classify([clip], FakeLabeller(), WholeImage(), Options(every=0.0))
    assert next(outcomes).moment
    outcomes.close()
    assert read < 100


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_faces_at_known_places_are_found_and_keep_their_persons(tmp_path: Path, suffix: str) -> None:
    frames, faces = scene()
    clip = write_clip(tmp_path / f"clip{suffix}", frames)
    outcomes: list[Outcome] = list(with_persons(classify([clip], FakeLabeller(), Auto(), Options(every=1 / RATE))))
    assert [outcome.moment and outcome.moment.frame for outcome in outcomes] == list(range(len(frames)))
    persons: dict[str, list[int | None]] = {"astronaut.jpg": [], "grace_hopper.jpg": []}
    for outcome, known in zip(outcomes, faces, strict=True):
        for name, frame in known.items():
            persons[name] += [face.person for face in outcome.faces if overlap(Frame.of(face.box), frame) > 0.4][:1]
    expected, found = sum(map(len, faces)), sum(map(len, persons.values()))
    assert found >= 0.98 * expected
    assert sum(len(outcome.faces) for outcome in outcomes) == found  # and nothing else was
    assert set(persons["astronaut.jpg"]) == {1}
    assert [number for number, _ in itertools.groupby(persons["grace_hopper.jpg"])] == [2, 3]
