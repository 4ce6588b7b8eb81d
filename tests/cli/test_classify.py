import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import PHOTOS, Ran

Run = Callable[..., Ran]
pytestmark = pytest.mark.usefixtures("fake_labeller")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    Image.fromarray(np.full((48, 48), 250, np.uint8)).save(folder / "bright.png")
    Image.fromarray(np.full((48, 48), 3, np.uint8)).save(folder / "sub" / "dark.png")
    Image.fromarray(np.full((200, 300), 90, np.uint8)).save(folder / "sub" / "nobody.png")
    (folder / "notes.txt").write_text("notes")
    return folder


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


def test_a_folder_becomes_a_csv(fercli: Run, photos: Path, tmp_path: Path) -> None:
    ran = fercli("classify", photos, "-o", tmp_path / "r.csv")
    assert ran.code == 0
    assert ran.stdout == ""
    assert [(line["path"], line["status"], line["label"]) for line in read(tmp_path / "r.csv")] == [
        (str(photos / "bright.png"), "ok", "neutral"),
        (str(photos / "sub" / "dark.png"), "ok", "angry"),
        (str(photos / "sub" / "nobody.png"), "no_face", ""),
    ]
    assert "passed over, no photos: 1" in ran.talk
    assert "3 photos, 2 faces, 1 photos without a face, 0 rejected" in ran.talk


def test_rejects_have_rows_and_lines_and_code_3(fercli: Run, photos: Path, tmp_path: Path) -> None:
    (photos / "half.jpg").write_bytes((PHOTOS / "astronaut.jpg").read_bytes()[:30_000])
    ran = fercli("classify", photos, "-o", tmp_path / "r.csv")
    assert ran.code == 3
    assert f"reject: {photos / 'half.jpg'}: damaged: it is cut off or broken" in ran.talk
    line = read(tmp_path / "r.csv")[1]
    assert (line["status"], line["reason"].split(":")[0]) == ("rejected", "damaged")
    strict = fercli("classify", photos, "-o", tmp_path / "s.csv", "--strict")
    assert strict.code == 1
    assert not (tmp_path / "s.csv").exists()


def test_nothing_readable_publishes_nothing(fercli: Run, tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_text("no image")
    ran = fercli("classify", tmp_path / "x.jpg", "-o", tmp_path / "r.csv")
    assert ran.code == 1
    assert "None of the 1 photos could be read" in ran.talk
    (tmp_path / "empty").mkdir()
    ran = fercli("classify", tmp_path / "empty", "-o", tmp_path / "r.csv")
    assert ran.code == 1
    assert "There are no photos" in ran.talk
    assert not (tmp_path / "r.csv").exists()


def test_standard_output_and_json_lines(fercli: Run, photos: Path, tmp_path: Path) -> None:
    ran = fercli("classify", photos, "-o", "-")
    assert ran.stdout.splitlines()[0].startswith("path,face,status")
    assert len(ran.stdout.splitlines()) == 4
    assert fercli("classify", photos, "-o", tmp_path / "r.jsonl").code == 0
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [line["label"] for line in lines] == ["neutral", "angry", None]


def test_the_output_inside_the_input_is_not_read_back(fercli: Run, photos: Path) -> None:
    for _ in range(2):
        assert fercli("classify", photos, "-o", photos / "r.csv", "--overwrite").code == 0
    assert len(read(photos / "r.csv")) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "r.xlsx"], "end the name in .csv, .jsonl or .parquet"),
        (["-o", "r.csv", "--model", "vgg"], "There is no model 'vgg'; choose one of"),
        (["-o", "r.csv", "--model", "deep", "--hog"], "--model already names the network"),
        (["-o", "r.csv", "--detector", "dlib"], "'dlib' is not one of"),
        ([], "Missing option"),
        (["-o", "r.csv", "nowhere"], "nowhere does not exist"),
    ],
)
def test_usage_errors(
    fercli: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = fercli("classify", photos, *arguments)
    assert ran.code == 2
    assert message in " ".join(ran.talk.replace("│", " ").split())
    assert not list(tmp_path.glob("r.*"))


def test_an_existing_output_is_kept_unless_told(fercli: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("mine")
    assert fercli("classify", photos, "-o", tmp_path / "r.csv").code == 2
    assert (tmp_path / "r.csv").read_text() == "mine"


def test_promise_18_names_of_all_kinds(fercli: Run, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in (b"caf\xe9.png", b"[red].png", b"=1+1.png", "é.png".encode(), b"two\nlines.png"):
        (folder / os.fsdecode(name)).write_bytes(b"no image")
    Image.fromarray(np.full((48, 48), 250, np.uint8)).save(folder / "zz.png")
    ran = fercli("classify", folder, "-o", tmp_path / "r.csv")
    assert ran.code == 3
    names = [line["path"].removeprefix(f"{folder}/") for line in read(tmp_path / "r.csv")]
    assert names == ["=1+1.png", "[red].png", "caf\\xe9.png", "two\nlines.png", "zz.png", "é.png"]
    assert "[red].png: not_an_image" in ran.talk
    assert "two\\nlines.png: not_an_image" in ran.talk
