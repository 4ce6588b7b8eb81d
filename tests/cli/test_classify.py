import csv
import gc
import html
import json
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pyarrow import parquet

from fercli.classification.pipeline import classify
from fercli.photos.faces import CROP_SIDE
from tests.conftest import PHOTOS, Ran, crop
from tests.fakes import FakeLabeller

Run = Callable[..., Ran]
pytestmark = pytest.mark.usefixtures("fake_labeller")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    Image.fromarray(crop(250)).save(folder / "bright.png")
    Image.fromarray(crop(3)).save(folder / "sub" / "dark.png")
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
    assert f"skipped, neither photos nor videos: 1 ({photos / 'notes.txt'})" in ran.talk
    assert "3 photos, 2 faces, 1 photo without a face, 0 files rejected" in ran.talk


def test_rejects_have_rows_and_lines_and_code_3(fercli: Run, photos: Path, tmp_path: Path) -> None:
    (photos / "half.jpg").write_bytes((PHOTOS / "astronaut.jpg").read_bytes()[:30_000])
    ran = fercli("classify", photos, "-o", tmp_path / "r.csv")
    assert ran.code == 3
    assert f"reject: {photos / 'half.jpg'}: damaged: it is cut off or broken (image file is truncated)\n" in ran.talk
    line = read(tmp_path / "r.csv")[1]
    assert (line["status"], line["reason"].split(":")[0]) == ("rejected", "damaged")
    strict = fercli("classify", photos, "-o", tmp_path / "s.csv", "--strict")
    assert strict.code == 1
    assert not (tmp_path / "s.csv").exists()


def test_nothing_readable_publishes_nothing(fercli: Run, tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_text("no image")
    ran = fercli("classify", tmp_path / "x.jpg", "-o", tmp_path / "r.csv")
    assert ran.code == 1
    assert f"{tmp_path / 'x.jpg'} could not be read (not_an_image: its content is not PNG" in " ".join(ran.talk.split())
    (tmp_path / "empty").mkdir()
    ran = fercli("classify", tmp_path / "empty", "-o", tmp_path / "r.csv")
    assert ran.code == 1
    assert f"There are no photos or videos in {tmp_path / 'empty'}, where no file was found, so no results were written" in ran.talk
    assert not (tmp_path / "r.csv").exists()


def test_an_archive_is_to_be_unpacked_and_files_of_other_kinds_are_named(fercli: Run, tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_bytes(b"PK\3\4" + bytes(40))
    ran = fercli("classify", tmp_path / "photos.zip", "-o", tmp_path / "r.csv")
    assert "it is an archive or a document, such as a zip file; unpack it first" in " ".join(ran.talk.split())
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_text("text")
    ran = fercli("classify", tmp_path, "-o", tmp_path / "r.csv")
    assert f"only files of other kinds: {tmp_path / 'a.txt'} and 3 more, so no results were written" in " ".join(ran.talk.split())


def test_an_accuracy_is_that_of_the_network_and_says_so_where_an_option_changes_labels(
    fercli: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeLabeller, "metadata", {"class_mix": [1 / 7] * 7})
    monkeypatch.setattr("fercli.models.registry.Model.measured", {"accuracy": 0.7002})
    page = tmp_path / "r.html"
    for options, words in (
        ((), "It is right on 70.0 % of the images of FER2013's PrivateTest"),
        (("--prior", "even"), "Without --prior even, which changes its labels, it is right on 70.0 %"),
        (("--prior", "even", "--tta"), "Without --tta and --prior even, which change its labels, it is right on 70.0 %"),
    ):
        assert fercli("classify", photos, "-o", tmp_path / "r.csv", "--report", page, "--overwrite", *options).code == 0
        assert words in html.unescape(page.read_text())
        assert "notes.txt" in page.read_text()


def test_an_even_prior(fercli: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = tmp_path / "r.csv"
    refused = fercli("classify", photos, "-o", results, "--prior", "even")
    assert refused.code == 2
    assert "leave --prior out" in refused.talk
    monkeypatch.setattr(FakeLabeller, "metadata", {"class_mix": [0.7] + [0.05] * 6})
    assert fercli("classify", photos, "-o", results, "--prior", "even").code == 0
    bright, dark, _ = read(results)
    assert (bright["label"], bright["model"]) == ("neutral", "fake+even")
    assert float(dark["angry"]) == pytest.approx(1 / 7, abs=1e-4)


def test_standard_output_and_json_lines(fercli: Run, photos: Path, tmp_path: Path) -> None:
    ran = fercli("classify", photos, "-o", "-")
    assert ran.stdout.splitlines()[0].startswith("path,time,frame")
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
        (["-o", "r.ods"], "r.ods cannot be written as .ods; end the name in .csv, .jsonl, .parquet or .xlsx (for Excel: .xlsx)"),
        (["-o", "r"], "r cannot be written without an ending that tells the format; end the name in .csv"),
        (["-o", "r.csv", "--model", "vgg"], "There is no model 'vgg'; choose one of"),
        (["-o", "r.csv", "--model", "deep", "--hog"], "--model already names the network"),
        (["-o", "r.csv", "--detector", "dlib"], "'dlib' is not one of"),
        ([], "Missing option"),
        (["-o", "r.csv", "--report", "./r.csv"], "cannot be both the results and the report"),
        (
            ["-o", "r.csv", "nowhere"],
            "nowhere does not exist; give photos, videos or folders of them, and put quotes around a path",
        ),
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
    Image.fromarray(crop(250)).save(folder / "zz.png")
    ran = fercli("classify", folder, "-o", tmp_path / "r.csv")
    assert ran.code == 3
    names = [line["path"].removeprefix(f"{folder}/") for line in read(tmp_path / "r.csv")]
    assert names == ["=1+1.png", "[red].png", "caf\\xe9.png", "two\nlines.png", "zz.png", "é.png"]
    assert "[red].png: not_an_image" in ran.talk
    assert "two\\nlines.png: not_an_image" in ran.talk


def test_which_faces_and_photos_count(fercli: Run, photos: Path, tmp_path: Path) -> None:
    two = np.hstack([np.asarray(Image.open(PHOTOS / "astronaut.jpg").convert("L"))[:300]] * 2)
    Image.fromarray(two).save(photos / "two.png")

    def faces(*options: object) -> list[tuple[str, str]]:
        assert fercli("classify", photos, "-o", tmp_path / "r.csv", "--overwrite", *options).code == 0
        return [(Path(line["path"]).name, line["status"]) for line in read(tmp_path / "r.csv")]

    crops = [("bright.png", "ok"), ("dark.png", "ok")]
    assert faces() == [*crops, ("nobody.png", "no_face"), ("two.png", "ok"), ("two.png", "ok")]
    assert faces("--largest") == [*crops, ("nobody.png", "no_face"), ("two.png", "ok")]
    assert faces("--min-face", 60, "--on-no-face", "skip") == [("two.png", "ok")] * 2
    assert faces("--on-no-face", "whole")[2] == ("nobody.png", "no_face")  # for it is flat, like a wall
    Image.fromarray(np.repeat(np.array([[0], [200]], np.uint8), 300, axis=1).repeat(100, axis=0)).save(
        photos / "sub" / "nobody.png"
    )
    assert faces("--on-no-face", "whole")[2] == ("nobody.png", "ok")
    whole = read(tmp_path / "r.csv")[2]
    assert [whole[name] for name in ("x", "y", "width", "height")] == ["0", "-50", "300", "300"]


def test_unsure_labels_are_left_empty(fercli: Run, photos: Path, tmp_path: Path) -> None:
    page = tmp_path / "r.html"
    ran = fercli("classify", photos / "bright.png", "-o", tmp_path / "r.csv", "--min-confidence", 0.8, "--report", page)
    assert ran.code == 0
    assert re.search(r"\(unsure\) +1 +100.0%", ran.talk)
    assert "without a label, with a confidence below 0.8: 1" in page.read_text()
    (line,) = read(tmp_path / "r.csv")
    assert (line["label"], line["confidence"], line["reason"]) == ("", "0.7", "no label: the confidence is below 0.8")


def test_annotated_copies_and_a_report_inside_the_input_are_not_read_back(fercli: Run, photos: Path) -> None:
    command = ("classify", photos, "-o", photos / "r.csv", "--annotate", photos / "marked", "--report", photos / "r.html")
    assert fercli(*command).code == 0
    first = (photos / "r.csv").read_bytes()
    copies = sorted((photos / "marked").rglob("*.jpg"))
    assert [path.name for path in copies] == ["bright.png.jpg", "dark.png.jpg", "nobody.png.jpg"]
    yellow = np.asarray(Image.open(copies[0]).convert("RGB")).astype(int)
    assert ((yellow[..., 0] - yellow[..., 2]) > 60).sum() > 100
    assert "photos: 3; faces: 2" in (photos / "r.html").read_text()
    again = fercli(*command)
    assert again.code == 2
    assert "--overwrite" in again.talk
    assert fercli(*command, "--overwrite").code == 0
    assert (photos / "r.csv").read_bytes() == first


def test_quiet_says_nothing_but_rejects(fercli: Run, photos: Path, tmp_path: Path) -> None:
    assert fercli("classify", photos, "-o", tmp_path / "r.csv", "--quiet").talk == ""
    (photos / "bad.jpg").write_text("no image")
    talk = fercli("classify", photos, "-o", tmp_path / "s.csv", "-q").talk
    assert talk.splitlines() == [
        f"reject: {photos / 'bad.jpg'}: not_an_image: its content is not PNG, JPEG, BMP, WebP, GIF, TIFF, AVIF or HEIC, nor a video"
    ]


class Crash(BaseException):
    pass


def test_promises_11_and_20_a_stopped_run_goes_on_and_ends_alike(
    fercli: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in range(40):
        Image.fromarray(crop(6 * value)).save(photos / f"{value:02}.png")
    assert fercli("classify", photos, "-o", tmp_path / "unbroken.csv").code == 0
    original, seen = FakeLabeller.label, 0

    def label(self: FakeLabeller, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        nonlocal seen
        seen += len(pixels)
        if crash_at and seen > crash_at:
            raise Crash
        return original(self, pixels)

    monkeypatch.setattr(FakeLabeller, "label", label)
    assert classify.__kwdefaults__
    monkeypatch.setitem(classify.__kwdefaults__, "batch_size", 8)
    crash_at = 20
    output = tmp_path / "r.csv"
    with pytest.raises(Crash):
        fercli("classify", photos, "-o", output)
    assert not output.exists()
    refused = fercli("classify", photos, "-o", output)
    assert refused.code == 2
    assert f"An interrupted run of {output} exists; add --resume to go on with it" in " ".join(refused.talk.split())
    other = fercli("classify", photos, "-o", output, "--resume", "--largest")
    assert other.code == 4
    assert "is from a run without --largest (now with it); resume" in " ".join(other.talk.split())
    crash_at, seen = 0, 0
    assert fercli("classify", photos, "-o", output, "--resume").code == 0
    assert 0 < seen < 42
    assert output.read_bytes() == (tmp_path / "unbroken.csv").read_bytes()
    kept = [".r.csv.fercli-finished", ".unbroken.csv.fercli-finished"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [*kept, "photos", "r.csv", "unbroken.csv"]


def test_a_stop_before_the_first_result_names_nothing_to_resume(
    fercli: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("fercli.cli.console.say_on_stop", said.append)

    def label(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(FakeLabeller, "label", label)
        with pytest.raises(Crash):
            fercli("classify", photos, "-o", tmp_path / "r.csv")
    assert not said
    assert fercli("classify", photos, "-o", tmp_path / "r.csv").code == 0  # no journal is in the way
    assert said[0] == "Stopped; finished work is kept. To continue, run the same command with --resume."


def test_resume_without_anything_to_resume_and_on_standard_output(fercli: Run, photos: Path, tmp_path: Path) -> None:
    assert fercli("classify", photos, "-o", tmp_path / "r.csv", "--resume").code == 0
    assert len(read(tmp_path / "r.csv")) == 3
    ran = fercli("classify", photos, "-o", tmp_path / "r.csv", "--resume")
    assert ran.code == 0
    assert "is complete, nothing is left to resume" in " ".join(ran.talk.split())
    ran = fercli("classify", photos, "-o", "-", "--resume")
    assert ran.code == 2
    assert "cannot be resumed" in ran.talk


def test_promise_20_resume_never_replaces_what_is_complete(fercli: Run, photos: Path, tmp_path: Path) -> None:
    """Nor for other outputs that a first run had not been asked for."""
    command = ["classify", photos, "-o", tmp_path / "r.csv"]
    assert fercli(*command).code == 0
    before = (tmp_path / "r.csv").read_bytes()
    for option, path in (("--report", tmp_path / "r.html"), ("--annotate", tmp_path / "copies")):
        ran = fercli("classify", photos / "bright.png", "-o", tmp_path / "r.csv", "--resume", option, path)
        assert ran.code == 2
        assert f"{path.name} is missing; add --overwrite" in ran.talk
        assert not path.exists()
    assert (tmp_path / "r.csv").read_bytes() == before
    assert fercli(*command, "--overwrite", "--report", tmp_path / "r.html").code == 0
    assert fercli(*command, "--resume", "--report", tmp_path / "r.html").code == 0


def test_promise_20_a_later_run_does_not_read_annotated_copies(fercli: Run, photos: Path, tmp_path: Path) -> None:
    assert fercli("classify", photos, "-o", tmp_path / "r.csv", "--annotate", photos / "marked").code == 0
    assert fercli("classify", photos, "-o", tmp_path / "again.csv").code == 0
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "r.csv").read_bytes()
    assert fercli("classify", photos / "marked", "-o", tmp_path / "asked.csv").code == 0
    assert len(read(tmp_path / "asked.csv")) == len(read(tmp_path / "r.csv"))


def test_a_run_stopped_over_an_old_output_is_not_called_complete(
    fercli: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "r.csv").write_text("old")

    def label(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(FakeLabeller, "label", label)
        with pytest.raises(Crash):
            fercli("classify", photos, "-o", tmp_path / "r.csv", "--overwrite")
    assert (tmp_path / "r.csv").read_text() == "old"
    assert fercli("classify", photos, "-o", tmp_path / "r.csv", "--resume").code == 0
    assert len(read(tmp_path / "r.csv")) == 3


def test_a_stopped_parquet_run_is_quiet(fercli: Run, photos: Path, tmp_path: Path) -> None:
    (photos / "bad.jpg").write_text("no image")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ran = fercli("classify", photos, "-o", tmp_path / "r.parquet", "--strict")
        gc.collect()
    assert ran.code == 1
    assert "bad.jpg was rejected and --strict allows none" in ran.talk
    assert fercli("classify", photos, "-o", tmp_path / "r.parquet", "--resume").code == 3
    assert parquet.read_table(tmp_path / "r.parquet").num_rows == 4


def test_the_help_names_the_extra_to_install(fercli: Run) -> None:
    """Brackets are markup to whoever draws the help."""
    assert "fercli[ray]" in "".join(fercli("classify", "--help").stdout.replace("│", "").split())


def test_a_list_keeps_its_order_and_has_a_row_for_each_name(fercli: Run, photos: Path, tmp_path: Path) -> None:
    names = [photos / "sub" / "dark.png", tmp_path / "gone.png", photos / "bright.png"]
    (tmp_path / "list").write_bytes(b"\0".join(map(bytes, names)))
    ran = fercli("classify", "--from-file", tmp_path / "list", "-o", tmp_path / "r.csv", "--detector", "none")
    assert ran.code == 3
    assert [(line["path"], line["status"]) for line in read(tmp_path / "r.csv")] == [
        (str(name), status) for name, status in zip(names, ("ok", "rejected", "ok"), strict=True)
    ]
    ran = fercli("classify", "--from-file", tmp_path / "r.csv", "-o", tmp_path / "again.csv", "--detector", "none")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "r.csv").read_bytes()
    assert "nothing to label" in fercli("classify", "-o", tmp_path / "s.csv").talk


def test_a_list_on_standard_input(fercli: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [photos / "sub" / "dark.png"]
    monkeypatch.setattr("fercli.classification.lists.read_list", lambda path: [] if path else listed)
    assert fercli("classify", "-", "-o", tmp_path / "r.csv", "--detector", "none").code == 0
    assert [line["path"] for line in read(tmp_path / "r.csv")] == [str(listed[0])]
    monkeypatch.chdir(tmp_path)
    Path("-").write_bytes((photos / "bright.png").read_bytes())
    assert fercli("classify", "./-", "-o", "s.csv", "--detector", "none").code == 0
    assert [line["path"] for line in read(tmp_path / "s.csv")] == ["'-"]


def test_the_help_says_how_large_a_crop_may_be(fercli: Run) -> None:
    assert f"up to {CROP_SIDE} pixels a side" in " ".join(fercli("classify", "--help").stdout.replace("│", " ").split())
