import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from fercli.classification.records import COLUMNS, Face, Outcome, Reject, rows
from fercli.classification.writers import CsvWriter, JsonLinesWriter, ParquetWriter
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
