import csv
import io
import json
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from fercli.classification.records import COLUMNS, Face, Outcome, Reject, rows
from fercli.classification.writers import CsvWriter, ExcelWriter, JsonLinesWriter, ParquetWriter, StreamWriter, ended
from fercli.errors import FercliError
from fercli.labels import LABELS
from fercli.photos.geometry import Box
from tests.promises import Did

HAPPY = Face(Box(1, 2, 30, 30), 4.25678, (0.01, 0.0, 0.02, 0.9, 0.03, 0.02, 0.02))
SAD = Face(Box(50, 2, 30, 30), None, (0.1, 0.1, 0.1, 0.1, 0.4, 0.1, 0.1))


def written(*outcomes: Outcome) -> list[dict[str, str]]:
    data = io.BytesIO()
    writer = CsvWriter(data)
    for outcome in outcomes:
        for row in rows(outcome, "deep"):
            writer.write(row)
    return list(csv.DictReader(io.StringIO(data.getvalue().decode(), newline="")))


def test_a_stream_gets_nothing_before_a_file_that_could_be_read_or_the_end() -> None:
    stream = io.BytesIO()
    rejected, fine = (dict.fromkeys(COLUMNS) | {"path": status, "status": status} for status in ("rejected", "no_face"))
    failed = StreamWriter(stream)
    failed.write(rejected)
    failed.discard()
    assert stream.getvalue() == b""
    with ended(StreamWriter(stream)) as writer:
        writer.write(rejected)
        assert stream.getvalue() == b""
        writer.write(fine)
        assert stream.getvalue().count(b"\n") == 3
        writer.write(rejected)
    assert stream.getvalue().count(b"\n") == 4
    empty = io.BytesIO()
    with ended(StreamWriter(empty)):
        pass
    assert empty.getvalue().startswith(b"path,time,")


def test_a_row_a_face_and_one_for_every_other_photo() -> None:
    lines = written(
        Outcome(Path("a/b.jpg"), (HAPPY, SAD)), Outcome(Path("c.png")), Outcome(Path("d.png"), reject=Reject("empty", "no bytes"))
    )
    assert [(line["path"], line["face"], line["status"], line["label"]) for line in lines] == [
        ("a/b.jpg", "1", "ok", "happy"),
        ("a/b.jpg", "2", "ok", "sad"),
        ("c.png", "", "no_face", ""),
        ("d.png", "", "rejected", ""),
    ]
    assert lines[0]["confidence"] == lines[0]["happy"] == "0.9"
    assert [lines[0][name] for name in ("x", "y", "width", "height", "detection_score")] == ["1", "2", "30", "30", "4.257"]
    assert lines[1]["detection_score"] == ""
    assert lines[3]["reason"] == "empty: no bytes"
    assert {line["model"] for line in lines} == {"deep"}


@given(name=st.text())
def test_promise_19_no_cell_starts_a_formula_and_json_keeps_the_text(name: str, did: Did) -> None:
    did(1, "names")
    name = name.replace("\0", "").replace("/", "") or "x"
    name = "".join(c for c in name if not 0xD800 <= ord(c) <= 0xDFFF) or "x"
    (line,) = written(Outcome(Path(name)))
    assert not line["path"].startswith(("=", "+", "-", "@", "\t", "\r"))
    assert line["path"].removeprefix("'") == name.removeprefix("'") or line["path"] == name
    data = io.BytesIO()
    (row,) = rows(Outcome(Path(name)), "deep")
    JsonLinesWriter(data).write(row)
    assert json.loads(data.getvalue())["path"] == str(Path(name))


def test_json_has_numbers_and_nulls() -> None:
    data = io.BytesIO()
    (row,) = rows(Outcome(Path("x"), (SAD,)), "deep")
    JsonLinesWriter(data).write(row)
    back = json.loads(data.getvalue())
    assert back["detection_score"] is None
    assert back["sad"] == 0.4
    assert sum(back[name] for name in LABELS) == pytest.approx(1)


def test_parquet_has_types_and_nulls_over_several_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ParquetWriter, "_ROWS_TOGETHER", 3)
    data = io.BytesIO()
    writer = ParquetWriter(data)
    outcomes = [Outcome(Path("=a.jpg"), (HAPPY, SAD)), Outcome(Path("b.jpg"))] * 3
    for outcome in outcomes:
        for row in rows(outcome, "deep"):
            writer.write(row)
    writer.close()
    writer.close()
    data.seek(0)
    file = parquet.ParquetFile(data)
    assert file.num_row_groups == 3
    lines = file.read().to_pylist()
    assert list(lines[0]) == list(COLUMNS)
    assert [line["path"] for line in lines] == ["=a.jpg", "=a.jpg", "b.jpg"] * 3
    assert (lines[0]["face"], lines[0]["label"], lines[1]["detection_score"], lines[2]["x"]) == (1, "happy", None, None)
    assert lines[0]["happy"] == pytest.approx(0.9)


def test_parquet_of_no_rows_can_be_read() -> None:
    data = io.BytesIO()
    ParquetWriter(data).close()
    assert parquet.read_table(data).num_rows == 0


def workbook(*outcomes: Outcome) -> io.BytesIO:
    data = io.BytesIO()
    with ended(ExcelWriter(data)) as writer:
        for outcome in outcomes:
            for row in rows(outcome, "deep"):
                writer.write(row)
    data.seek(0)
    return data


def test_promise_19_a_workbook_has_typed_cells_and_no_formula() -> None:
    names = ["=1+1", "@x", "https://example.org/x.jpg", "a\x08\r\n_x0041_.jpg", "<r>x</r>", " 007 ", "{=1}"]
    book = openpyxl.load_workbook(workbook(*(Outcome(Path(name), (HAPPY, SAD)) for name in names), Outcome(Path("b"))))
    (sheet,) = book.worksheets
    assert sheet.freeze_panes == "A2"
    header, *lines = sheet.iter_rows()
    assert [cell.value for cell in header] == list(COLUMNS)
    assert {cell.data_type for line in lines for cell in line} <= {"s", "n", "inlineStr"}
    assert [openpyxl.utils.escape.unescape(line[0].value).rstrip() for line in lines[:-1:2]] == [
        str(Path(name)).rstrip() for name in names
    ]
    first = dict(zip(COLUMNS, [cell.value for cell in lines[0]], strict=True))
    assert (first["face"], first["happy"], first["label"], first["reason"]) == (1, 0.9, "happy", None)


def test_promise_22_a_workbook_of_the_same_rows_has_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = workbook(Outcome(Path("a"), (HAPPY,)))
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert workbook(Outcome(Path("a"), (HAPPY,))).getvalue() == first.getvalue()


def test_more_rows_than_a_sheet_holds_go_to_further_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ExcelWriter, "_ROWS", 3)
    sheets = openpyxl.load_workbook(workbook(*(Outcome(Path(f"{number}.jpg")) for number in range(5)))).worksheets
    assert [[row[0] for row in sheet.values] for sheet in sheets] == [
        ["path", "0.jpg", "1.jpg"],
        ["path", "2.jpg", "3.jpg"],
        ["path", "4.jpg"],
    ]


def test_a_workbook_that_is_given_up_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    data = io.BytesIO()
    writer = ExcelWriter(data)
    assert list(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt), ended(writer):
        raise KeyboardInterrupt
    assert (list(tmp_path.iterdir()), data.getvalue()) == ([], b"")


def test_promise_10_a_full_disk_is_told_by_a_workbook_too() -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"), ended(ExcelWriter(Full())) as writer:
        writer.write(next(rows(Outcome(Path("a")), "deep")))


def test_promise_10_full_temporary_files_are_not_the_results_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    writer = ExcelWriter(io.BytesIO())
    monkeypatch.setattr(writer._sheet, "write_string", full)
    with pytest.raises(FercliError, match=r"No space left on device.*set TMPDIR"), ended(writer):
        writer.write(next(rows(Outcome(Path("a")), "deep")))
    assert list(tmp_path.iterdir()) == []
