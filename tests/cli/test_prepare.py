import os
import re
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import Mock

import pytest
from PIL import Image

from fercli.labels import LABELS
from fercli.preparation import features
from tests.conftest import Ran, csv_text, ferplus_text, synthetic_faces

Run = Callable[..., Ran]


def test_it_writes_the_data_set_and_sums_up(fercli: Run, csv_file: Path, tmp_path: Path) -> None:
    ran = fercli("prepare", csv_file, "-o", tmp_path / "d.npz")
    assert ran.code == 0
    assert ran.stdout == ""
    assert ["angry", "6", "2", "3", "11"] in [line.split() for line in ran.talk.splitlines()]
    assert "77 images, 0 rejected, with HOG" in ran.talk
    assert "FER2013 as published has 35,887 rows, this file 77; check that it is complete" in " ".join(ran.talk.split())
    assert f"Next: fercli train --deep --hog --data {tmp_path / 'd.npz'}" in ran.talk
    begun = "fercli train --model compact --start compact --votes 0 --epochs 10 --learning-rate 0.01"  # for there are few
    assert f"unless some of them are from FER2013: {begun} --data {tmp_path / 'd.npz'}" in ran.talk
    assert "duplicates: 0 groups of" in ran.talk
    assert (tmp_path / "d.npz").is_file()


def test_hog_is_computed_in_as_many_processes_as_there_are_cores_to_use(
    fercli: Run, csv_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapper = Mock(side_effect=lambda _: nullcontext(map))
    monkeypatch.setattr(features, "_mapper", mapper)
    monkeypatch.setattr(features, "_CHUNK", 10)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})  # of more cores that the machine may have
    assert fercli("prepare", csv_file, "-o", tmp_path / "d.npz").code == 0
    mapper.assert_called_once_with(3)


def test_rejects_are_listed_and_the_exit_code_is_3(fercli: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(csv_text(train=200) + "9,1,Training\n")
    ran = fercli("prepare", tmp_path / "x.csv", "-o", tmp_path / "d.npz", "--no-hog")
    assert ran.code == 3
    assert "reject: line 237: bad_row: emotion is '9', not a digit from 0 to 6" in ran.talk
    strict = fercli("prepare", tmp_path / "x.csv", "-o", tmp_path / "e.npz", "--strict")
    assert strict.code == 1
    assert not (tmp_path / "e.npz").exists()


def test_votes_are_added_and_their_file_is_no_output(fercli: Run, csv_file: Path, tmp_path: Path) -> None:
    votes = tmp_path / "fer2013new.csv"
    votes.write_text(ferplus_text())
    ran = fercli("prepare", csv_file, "--ferplus", votes, "-o", tmp_path / "d.npz", "--no-hog")
    assert ran.code == 0
    assert "the crowd's votes (FER+): added" in ran.talk
    assert "Next: fercli train --deep --data" in ran.talk
    assert "Or, with the crowd's votes: fercli train --model compact --data" in ran.talk
    assert "--start" not in ran.talk
    assert fercli("prepare", csv_file, "--ferplus", votes, "-o", votes, "--overwrite").code == 2
    assert fercli("prepare", csv_file, "--ferplus", tmp_path / "no.csv", "-o", tmp_path / "e.npz").code == 2
    votes.write_text(ferplus_text(train=41))
    ran = fercli("prepare", csv_file, "--ferplus", votes, "-o", tmp_path / "e.npz", "--no-hog")
    assert ran.code == 1
    assert "76 rows and the data set has 77" in ran.talk
    assert not (tmp_path / "e.npz").exists()


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [(None, 2, "does not exist"), (b"%PDF-1.4\n%\xc7\xec\n", 1, "not a FER2013 CSV"), (b"", 1, "not a FER2013 CSV")],
)
def test_wrong_sources(fercli: Run, tmp_path: Path, content: bytes | None, code: int, message: str) -> None:
    if content is not None:
        (tmp_path / "x.csv").write_bytes(content)
    ran = fercli("prepare", tmp_path / "x.csv", "-o", tmp_path / "d.npz")
    assert ran.code == code
    assert message in ran.talk
    assert str(tmp_path / "x.csv") in ran.talk
    assert not (tmp_path / "d.npz").exists()


def test_an_existing_data_set_is_kept_unless_told(fercli: Run, csv_file: Path, tmp_path: Path) -> None:
    (tmp_path / "d.npz").write_text("mine")
    ran = fercli("prepare", csv_file, "-o", tmp_path / "d.npz")
    assert ran.code == 2
    assert "--overwrite" in ran.talk
    assert (tmp_path / "d.npz").read_text() == "mine"
    assert fercli("prepare", csv_file, "-o", tmp_path / "d.npz", "--overwrite", "--no-hog").code == 0


def test_promise_20_the_source_is_no_output(fercli: Run, csv_file: Path) -> None:
    before = csv_file.read_bytes()
    assert fercli("prepare", csv_file, "-o", csv_file, "--overwrite").code == 2
    assert csv_file.read_bytes() == before


def test_next_is_what_suits_the_data_set(fercli: Run, csv_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fercli.cli.prepare._SMALL", 10)
    talk = fercli("prepare", csv_file, "-o", tmp_path / "a.npz").talk
    assert re.search(r"images, 0 rejected, with HOG.*^Next: fercli train --deep --hog --data", talk, re.M | re.S)
    enough = fercli("prepare", csv_file, "-o", tmp_path / "b.npz", "--no-hog").talk
    assert "Next: fercli train --deep --data" in enough
    assert "--start" not in enough
    ran = fercli("prepare", csv_file, "-o", tmp_path / "c.npz", "--no-hog", "--split", "0/0/100")
    assert "Next: fercli evaluate --data" in ran.talk
    assert "train, validation and test: drawn, 0/0/100 percent, evenly in each class, with seed 0" in " ".join(ran.talk.split())
    assert "warning" not in ran.talk


def test_a_class_without_a_training_image_is_warned_of(fercli: Run, csv_file: Path, tmp_path: Path) -> None:
    ran = fercli("prepare", csv_file, "-o", tmp_path / "d.npz", "--no-hog", "--leave-out", "disgust", "--leave-out", "4,5")
    assert ran.code == 0
    assert "warning: there is no training image of disgust, sad, surprise" in ran.talk
    assert "left out: 11 of 1, 11 of 4, 11 of 5" in ran.talk


def test_an_eighth_class_is_refused_with_what_to_type(fercli: Run, tmp_path: Path) -> None:
    text = csv_text().replace("\n3,", "\n7,")
    (tmp_path / "x.csv").write_text(text)
    ran = fercli("prepare", tmp_path / "x.csv", "-o", tmp_path / "d.npz", "--no-hog")
    assert ran.code == 1
    assert "--leave-out" in ran.talk.splitlines()[-1]
    ran = fercli("prepare", tmp_path / "x.csv", "-o", tmp_path / "d.npz", "--no-hog", "--leave-out", "contempt")
    assert ran.code == 0
    assert "66 images, 0 rejected" in ran.talk


@pytest.mark.parametrize("options", [["--split", "80/10"], ["--classes", "raf"], ["--person", "who"]])
def test_options_that_cannot_be_meant_are_usage_errors(fercli: Run, csv_file: Path, tmp_path: Path, options: list[str]) -> None:
    ran = fercli("prepare", csv_file, "-o", tmp_path / "d.npz", *options)
    assert ran.code == 2
    assert options[0] in ran.talk
    assert not (tmp_path / "d.npz").exists()


def test_promise_18_a_reject_is_one_line(fercli: Run, tmp_path: Path) -> None:
    for number, face in enumerate(synthetic_faces(210)[0]):
        path = tmp_path / "faces" / LABELS[number % 7] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(face).save(path)
    (tmp_path / "faces" / "sad" / "two\nlines.png").write_text("no image")
    ran = fercli("prepare", tmp_path / "faces", "-o", tmp_path / "d.npz", "--no-hog")
    assert ran.code == 3
    assert [line for line in ran.talk.splitlines() if "two" in line] == [
        "reject: sad/two\\nlines.png: not_an_image: its content is not PNG, JPEG, BMP, WebP, GIF, TIFF, AVIF or HEIC, nor a video"
    ]


def test_whole_photos_among_the_crops_are_warned_of_once(fercli: Run, tmp_path: Path) -> None:
    for number, face in enumerate(synthetic_faces(21)[0]):
        path = tmp_path / "faces" / LABELS[number % 7] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(face).resize((129, 128) if number < 2 else (128, 128)).save(path)
    ran = fercli("prepare", tmp_path / "faces", "-o", tmp_path / "d.npz", "--no-hog", "--split", "0/0/100")
    assert ran.code == 0
    assert ran.talk.count("warning: images of more than 128 pixels a side, each taken whole: 2, such as") == 1
    (tmp_path / "faces" / "angry" / "0.png").unlink()
    (tmp_path / "faces" / "disgust" / "1.png").unlink()
    assert "pixels a side" not in fercli("prepare", tmp_path / "faces", "-o", tmp_path / "e.npz", "--no-hog").talk


def test_bad_images_in_a_folder_are_no_rows(fercli: Run, tmp_path: Path) -> None:
    (tmp_path / "faces" / "sad").mkdir(parents=True)
    (tmp_path / "faces" / "sad" / "1.png").write_text("no image")
    ran = fercli("prepare", tmp_path / "faces", "-o", tmp_path / "d.npz")
    assert ran.code == 1
    assert "1 of 1 images are bad" in ran.talk
    assert "Remove these images" in ran.talk
    assert "download" not in ran.talk


def test_a_single_group_of_duplicates_is_one(fercli: Run, csv_file: Path, tmp_path: Path) -> None:
    lines = csv_file.read_text().splitlines()
    csv_file.write_text("\n".join([*lines, lines[1]]) + "\n")
    ran = fercli("prepare", csv_file, "-o", tmp_path / "d.npz", "--no-hog")
    assert "duplicates: 1 group of identical images (2 images)" in ran.talk
