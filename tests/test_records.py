import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fercli.errors import UsageError
from fercli.labels import LABELS
from fercli.records import COLUMNS, Box, CsvWriter, Face, JsonLinesWriter, Outcome, Reject, rows, writer_for

HAPPY = Face(Box(1, 2, 30, 30), 4.25678, (0.01, 0.0, 0.02, 0.9, 0.03, 0.02, 0.02))
SAD = Face(Box(50, 2, 30, 30), None, (0.1, 0.1, 0.1, 0.1, 0.4, 0.1, 0.1))


def written(*outcomes: Outcome) -> list[dict[str, str]]:
    data = io.BytesIO()
    writer = CsvWriter(data)
    for outcome in outcomes:
        for row in rows(outcome, "deep"):
            writer.write(row)
    return list(csv.DictReader(io.StringIO(data.getvalue().decode(), newline="")))


def test_the_columns_are_the_documented_ones() -> None:
    assert ",".join(COLUMNS) == (
        "path,face,status,reason,x,y,width,height,detection_score,label,confidence,"
        "angry,disgust,fear,happy,sad,surprise,neutral,model"
    )


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


@given(st.text())
def test_promise_19_no_cell_starts_a_formula_and_json_keeps_the_text(name: str) -> None:
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


def test_suffixes() -> None:
    assert writer_for(Path("-")) is writer_for(Path("x.CSV")) is CsvWriter
    assert writer_for(Path("x.jsonl")) is JsonLinesWriter
    with pytest.raises(UsageError, match=r"\.csv or \.jsonl"):
        writer_for(Path("x.xlsx"))
