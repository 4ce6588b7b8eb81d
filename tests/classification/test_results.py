import io
import zipfile
from pathlib import Path

import openpyxl
import pytest
from pyarrow import Table, parquet

from fercli.classification import results
from fercli.classification.records import Outcome
from fercli.classification.results import COLUMNS_NEEDED, once, read_results
from fercli.classification.summary import summarise
from fercli.classification.writers import WRITERS, CsvWriter, ExcelWriter, Writer
from fercli.errors import FercliError, UsageError
from tests.classification.test_summary import STUDY, face, table


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".xlsx"])
def test_every_format_gives_the_same_summary(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"r{suffix}"
    outcomes = [Outcome(Path("=odd/x.jpg"), (face(0.5),)), *STUDY]
    if suffix == ".parquet":
        parquet.write_table(Table.from_pylist(list(table(outcomes))), path)
    else:
        data = io.BytesIO()
        writer: Writer = WRITERS[suffix](data)
        for row in table(outcomes):
            writer.write(row)
        writer.close()
        path.write_bytes(data.getvalue())
    assert list(summarise(read_results(path)).table()) == list(summarise(table(outcomes)).table())
    folder = tmp_path / f"r{suffix}.d"
    folder.mkdir()
    path.rename(folder / f"part-00000{suffix}")
    with pytest.raises(UsageError, match="has no _SUCCESS, so parts may be missing"):
        list(read_results(folder))
    (folder / "_SUCCESS").touch()
    assert len(list(read_results(folder))) == 8


def test_broken_results_are_refused_by_name(tmp_path: Path) -> None:
    path, header = tmp_path / "r.csv", ",".join(COLUMNS_NEEDED)
    for text, message in (
        ("a,b\n1,2\n", "has no columns path, face"),
        ("path,label,happy\nx,happy,1\n", "has no columns face, status, angry, .*; give the results that fercli classify wrote"),
        (f"{header}\nx,1{',' * 8}\ny\n", "after row 1 .line 3 has 1 cells"),
        (f'{header}\n"x,1\n', "cannot be read after row 0"),
    ):
        path.write_text(text)
        with pytest.raises(FercliError, match=message):
            list(read_results(path))
    for text, message in (('{"path": "x"}\n{"pa', "after row 1"), ('{"path": "x"}\n{"path": 3}', "after row 1 .its path is 3")):
        (tmp_path / "r.jsonl").write_text(text)
        with pytest.raises(FercliError, match=message):
            list(read_results(tmp_path / "r.jsonl", ["path"]))
    several = ('{"path": "x", "label": ["happy"]}', '{"path": "x", "time": {}}')
    for text in (
        *several,
        '{"path": 5}',
        '{"path": ["x"]}',
        '{"path": "\\ud800"}',
        '{"path": "x", "label": "\\uD800"}',
        "[" * 100_000,
        "5",
    ):
        (tmp_path / "r.jsonl").write_text(text)
        with pytest.raises(FercliError, match="cannot be read after row 0"):
            list(read_results(tmp_path / "r.jsonl", ["path"]))
    (tmp_path / "r.parquet").write_text("no")
    (tmp_path / "r.xlsx").write_text("no")
    (tmp_path / "r.txt").write_text("no")
    (tmp_path / "r").mkdir()
    for name, message in (
        ("r.parquet", "after row 0"),
        ("r.xlsx", "r.xlsx cannot be read after row 0"),
        ("r.txt", "is in a format that cannot be read here"),
        ("r", "no parts"),
        ("no.csv", "does not exist"),
    ):
        with pytest.raises(FercliError, match=message):
            list(read_results(tmp_path / name))


def test_csv_as_excel_saves_it_where_the_language_has_a_decimal_comma(tmp_path: Path) -> None:
    data = io.BytesIO()
    writer = CsvWriter(data)
    for row in table():
        writer.write(row)
    text = data.getvalue().decode().replace(",", ";").replace("0.", "0,").replace("b.jpg", "b, again.jpg")
    (tmp_path / "r.csv").write_text(f"\ufeff{text}")
    rows = list(read_results(tmp_path / "r.csv"))
    assert rows[3]["path"] == "p2/w1/b, again.jpg"
    assert list(summarise(rows).table()) == list(summarise(table()).table())
    (tmp_path / "v.csv").write_text("path;time;label\nv.mp4;61,5;happy\n")
    assert list(read_results(tmp_path / "v.csv", ["path"])) == [{"path": "v.mp4", "time": "61.5", "label": "happy"}]


def test_excel_s_sheets_go_on_in_the_next_and_others_are_the_user_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ExcelWriter, "_ROWS", 4)
    data = io.BytesIO()
    writer = ExcelWriter(data)
    for row in table():
        writer.write(row)
    writer.close()
    (tmp_path / "r.xlsx").write_bytes(data.getvalue())
    book = openpyxl.load_workbook(tmp_path / "r.xlsx")
    book.create_sheet("notes").append(["what I thought"])
    book.save(tmp_path / "r.xlsx")
    assert [row["path"] for row in read_results(tmp_path / "r.xlsx")] == [row["path"] for row in table()]


def test_promise_13_a_line_without_an_end_is_not_read_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "_LONGEST", 1000)
    for name, text in (("r.csv", "a" * 5000), ("r.csv", f"path,label\n{'a' * 5000}"), ("r.jsonl", "a" * 5000)):
        (tmp_path / name).write_text(text)
        with pytest.raises(FercliError, match="a line has over 999 characters"):
            list(read_results(tmp_path / name, ["path"]))


def test_promise_13_a_workbook_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "r.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(70_000_000))
    with pytest.raises(FercliError, match="unpacks to 70,000,000 bytes"):
        list(read_results(tmp_path / "r.xlsx"))


def test_empty_cells_as_r_writes_them_are_empty(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text('"path","time","face","label","site"\n"NA",NA,NA,NA,"NA"\n')
    assert list(read_results(tmp_path / "r.csv", ["path"])) == [
        {"path": "NA", "time": None, "face": None, "label": None, "site": "NA"}
    ]


def test_columns_of_no_name_and_of_the_user_s_own_may_be_there_twice(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("path,label,site,site,,\na.jpg,happy,x,y,,\n")
    (row,) = read_results(tmp_path / "r.csv", ["path"])
    assert (row["path"], row["label"]) == ("a.jpg", "happy")
    book = openpyxl.Workbook()
    book.active.append(["path", "label"])
    book.active.append(["a.jpg", "happy"])
    book.create_sheet("notes").append(["label", "label"])
    book.save(tmp_path / "r.xlsx")
    assert [row["path"] for row in read_results(tmp_path / "r.xlsx", ["path"])] == ["a.jpg"]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_column_that_is_there_twice_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"r{suffix}"
    if suffix == ".csv":
        path.write_text("path,label,label\n1.jpg,happy,sad\n")
    else:
        book = openpyxl.Workbook()
        for cells in (["path", "label", "label"], ["1.jpg", "happy", "sad"]):
            book.active.append(cells)
        book.save(path)
    with pytest.raises(FercliError, match="its column label is there twice"):
        list(read_results(path, ["path"]))


def test_a_row_that_is_repeated_is_refused() -> None:
    rows = list(table())
    assert list(once(rows)) == rows
    with pytest.raises(FercliError, match=r"Row 4 repeats an earlier row of p2/w1/a\.jpg; keep one of them"):
        list(once([*rows[:3], rows[1], *rows[3:]]))


def test_what_only_looks_like_a_repeated_row_is_none() -> None:
    frame = {"path": "v.mp4", "time": 3.4, "frame": 34, "face": None}
    broken = [frame | {"status": "no_face"}, frame | {"status": "rejected"}]  # a video that ends where no face is
    frames = [{"path": "v.mp4", "face": 1}] * 2  # without the column that tells them apart
    for rows in (broken, frames):
        assert list(once(rows)) == rows


def test_names_come_back_from_excel_as_they_were(tmp_path: Path) -> None:
    (row, *_) = table()
    data = io.BytesIO()
    writer = ExcelWriter(data)
    for name in ("_x0041_.jpg", "b.jpg"):
        writer.write(row | {"path": name})
    writer.close()
    (tmp_path / "r.xlsx").write_bytes(data.getvalue())
    assert [row["path"] for row in read_results(tmp_path / "r.xlsx")] == ["_x0041_.jpg", "b.jpg"]
    book = openpyxl.load_workbook(tmp_path / "r.xlsx")  # as Excel saves it, with the texts apart
    book.save(tmp_path / "r.xlsx")
    assert [row["path"] for row in read_results(tmp_path / "r.xlsx")] == ["_x0041_.jpg", "b.jpg"]
