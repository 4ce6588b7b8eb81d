import re
from pathlib import Path

import numpy as np
import pytest

from fercli.errors import FercliError, UsageError
from fercli.labels import LABELS
from fercli.preparation.classes import Classes
from fercli.preparation.faces import NO_SPLIT
from fercli.preparation.sources import read_faces
from tests.conftest import HEADER, row, synthetic_faces
from tests.promises import Did

PIXELS, LABEL_NUMBERS = synthetic_faces(6)


def lines(usage: str = "Training") -> list[str]:
    return [row(label, pixels, usage) for label, pixels in zip(LABEL_NUMBERS, PIXELS, strict=True)]


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_the_kaggle_csv(csv_file: Path) -> None:
    faces = read_faces(csv_file)
    want, labels = synthetic_faces(77)
    assert np.array_equal(faces.pixels, want)
    assert np.array_equal(faces.labels, labels)
    assert faces.splits.tolist() == ["train"] * 42 + ["validation"] * 14 + ["test"] * 21
    assert faces.rows.tolist() == list(range(77))
    assert faces.rejected == []


def test_the_icml_csv_has_spaces_and_another_order(tmp_path: Path) -> None:
    body = [f"{label}, {usage}, {pixels}" for label, pixels, usage in (line.split(",") for line in lines())]
    faces = read_faces(write(tmp_path / "icml.csv", "\n".join(["emotion, Usage, pixels", *body]) + "\n"))
    assert np.array_equal(faces.pixels, PIXELS)
    assert faces.rejected == []


def test_windows_line_ends_and_blank_lines(tmp_path: Path) -> None:
    faces = read_faces(write(tmp_path / "x.csv", "\r\n".join([HEADER, *lines()[:3], "", *lines()[3:], ""]) + "\r\n"))
    assert np.array_equal(faces.pixels, PIXELS)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("7" + lines()[0][1:], "emotion is '7'"),
        (lines()[0] + "s", "Usage is 'Trainings'"),
        (lines()[0].replace(",", ",256 ", 1), "2305 pixels"),
        (lines()[0].replace(" ", " 2x ", 1).replace(" ", ";", 1), "pixel 1 is"),
        (lines()[0] + ",more", "4 columns"),
        ("3", "1 columns"),
        (lines()[0].replace("Training", "\0"), "Usage"),
    ],
)
def test_promise_1_a_bad_row_is_rejected_by_line_and_the_others_are_kept(tmp_path: Path, bad: str, reason: str) -> None:
    faces = read_faces(write(tmp_path / "x.csv", "\n".join([HEADER, *lines()[:2], bad, *lines()[2:]]) + "\n"))
    assert np.array_equal(faces.pixels, PIXELS)
    assert faces.rows.tolist() == [0, 1, 3, 4, 5, 6]
    (reject,) = faces.rejected
    assert reject.place == "line 4"
    assert reason in reject.reason


def test_rejects_are_listed_in_the_order_of_the_lines(tmp_path: Path) -> None:
    body = [lines()[0], "3,1 2 3,Training", lines()[1], "9" + lines()[2][1:], "2,x,Training", lines()[3] + "x"]
    faces = read_faces(write(tmp_path / "x.csv", "\n".join([HEADER, *body]) + "\n"))
    assert [item.place for item in faces.rejected] == ["line 3", "line 5", "line 6", "line 7"]
    assert faces.rows.tolist() == [0, 2]


@pytest.mark.parametrize("text", ["", "\n", "a,b,c\n1,2,3\n", "%PDF-1.7\n%\xe2\xe3\n", "emotion,pixels\n", HEADER + ",pixels\n"])
def test_promise_2_what_is_no_fer2013_says_so(tmp_path: Path, text: str) -> None:
    with pytest.raises(FercliError, match="not a FER2013 CSV"):
        read_faces(write(tmp_path / "x.csv", text))


def test_promise_2_an_open_quote_is_an_error_with_its_line(tmp_path: Path) -> None:
    text = "\n".join([HEADER, *lines()[:2], '3,"' + lines()[2][2:], *lines()[3:]]) + "\n"
    with pytest.raises(FercliError, match="line"):
        read_faces(write(tmp_path / "x.csv", text))


@pytest.mark.parametrize("order", [HEADER, "emotion, Usage, pixels"])
def test_promise_2_cut_at_every_byte_of_the_last_row_never_alters_a_pixel(tmp_path: Path, order: str, did: Did) -> None:
    names = [name.strip() for name in order.split(",")]
    body = []
    for line in lines()[:2]:
        cells = dict(zip(HEADER.split(","), line.split(","), strict=True))
        body.append(",".join(cells[name] for name in names))
    text = "\n".join([order, *body]) + "\n"
    path = tmp_path / "x.csv"
    start = len(text) - len(body[-1]) - 1
    for length in [*range(start, start + 40), *range(len(text) - 60, len(text) + 1)]:
        did(1, "cuts")
        faces = read_faces(write(path, text[:length]))
        assert len(faces.pixels) in (1, 2)
        assert np.array_equal(faces.pixels, PIXELS[: len(faces.pixels)])
        assert len(faces.pixels) + len(faces.rejected) == (1 if length == start else 2)


def test_missing_source() -> None:
    with pytest.raises(UsageError, match="does not exist"):
        read_faces(Path("nowhere.csv"))


def without_usage(extra: str = "") -> list[str]:
    return [f"{line.rsplit(',', 1)[0]}{extra}" for line in lines()]


def test_a_csv_without_usage_has_no_splits_and_a_column_tells_the_person(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "\n".join(["emotion,pixels", *without_usage()]) + "\n")
    assert read_faces(path).splits.tolist() == [NO_SPLIT] * 6
    assert read_faces(path).persons.tolist() == [""] * 6
    path = write(tmp_path / "y.csv", "\n".join(["emotion,pixels,Subject", *without_usage(", anna ")]) + "\n")
    assert read_faces(path).persons.tolist() == ["anna"] * 6
    assert read_faces(path, person="SUBJECT").persons.tolist() == ["anna"] * 6
    with pytest.raises(UsageError, match=r"no column who.*emotion, pixels, subject"):
        read_faces(path, person="who")


def test_promise_1_classes_with_other_names_are_what_the_user_says_and_nothing_else(tmp_path: Path) -> None:
    rows = [line.replace(line[0], name, 1) for line, name in zip(lines(), ["1", "Fear", "contempt", "7", "joy", "0"], strict=True)]
    path = write(tmp_path / "x.csv", "\n".join([HEADER, *rows]) + "\n")
    faces = read_faces(path, classes=Classes.parse("1=surprise,7=neutral", ["contempt"]))
    assert [LABELS[label] for label in faces.labels] == ["surprise", "fear", "neutral", "happy"]
    assert faces.left_out == {"contempt": 1}
    assert [reject.place for reject in faces.rejected] == ["line 7"]
    assert faces.rows.tolist() == [0, 1, 3, 4]
    assert faces.total == 6
    assert [reject.place for reject in read_faces(path).rejected] == ["line 3", "line 4", "line 5", "line 6"]


def test_promise_3_bad_rows_without_end_do_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fercli.preparation.sources.LINES_LIMIT", 1000)
    faces = read_faces(write(tmp_path / "x.csv", HEADER + "\n" + "x\n" * 900))
    assert len(faces.rejected) == 11


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ("0,70 80 82", "but it is '0,70 80 82'; put the line emotion,pixels,Usage above it"),
        ("emotion;pixels;Usage", "separate the columns with commas"),
        ("Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF", "with --ferplus"),
        ("label,image", "but it is 'label,image'; correct it"),
        (HEADER + ",pixels", "each once"),
    ],
)
def test_a_wrong_first_line_is_told_with_what_to_do(tmp_path: Path, first: str, told: str) -> None:
    with pytest.raises(FercliError, match=re.escape(told)):
        read_faces(write(tmp_path / "x.csv", first + "\n"))
