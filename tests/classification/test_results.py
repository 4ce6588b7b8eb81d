import io
from pathlib import Path

import pytest
from pyarrow import Table, parquet

from fercli.classification.records import Outcome
from fercli.classification.results import read_results
from fercli.classification.summary import summarise
from fercli.classification.writers import CsvWriter, JsonLinesWriter, Writer
from fercli.errors import FercliError
from tests.classification.test_summary import STUDY, face, table


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_every_format_gives_the_same_summary(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"r{suffix}"
    outcomes = [Outcome(Path("=odd/x.jpg"), (face(0.5),)), *STUDY]
    if suffix == ".parquet":
        parquet.write_table(Table.from_pylist(list(table(outcomes))), path)
    else:
        data = io.BytesIO()
        writer: Writer = CsvWriter(data) if suffix == ".csv" else JsonLinesWriter(data)
        for row in table(outcomes):
            writer.write(row)
        path.write_bytes(data.getvalue())
    assert list(summarise(read_results(path)).table()) == list(summarise(table(outcomes)).table())
    folder = tmp_path / f"r{suffix}.d"
    folder.mkdir()
    path.rename(folder / f"part-00000{suffix}")
    assert len(list(read_results(folder))) == 8


def test_broken_results_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    for text, message in (
        ("a,b\n1,2\n", "has no column path"),
        ("path,face\nx,1\ny\n", "after row 1 .line 3 has 1 cells"),
        ('path,face\n"x,1\n', "cannot be read after row 0"),
    ):
        path.write_text(text)
        with pytest.raises(FercliError, match=message):
            list(read_results(path))
    (tmp_path / "r.jsonl").write_text('{"path": "x"}\n{"pa')
    with pytest.raises(FercliError, match="after row 1"):
        list(read_results(tmp_path / "r.jsonl"))
    (tmp_path / "r.jsonl").write_text('{"path": "x"}\n{"path": 3}')
    with pytest.raises(FercliError, match=r"after row 1 .its path is 3"):
        list(read_results(tmp_path / "r.jsonl"))
    for text in ('{"path": 5}', '{"path": ["x"]}', '{"path": "\\ud800"}', '{"path": "x", "label": "\\uD800"}', "[" * 100_000, "5"):
        (tmp_path / "r.jsonl").write_text(text)
        with pytest.raises(FercliError, match="cannot be read after row 0"):
            list(read_results(tmp_path / "r.jsonl"))
    (tmp_path / "r.parquet").write_text("no")
    (tmp_path / "r.txt").write_text("no")
    (tmp_path / "r").mkdir()
    for name, message in (
        ("r.parquet", "after row 0"),
        ("r.txt", "not of a format"),
        ("r", "no parts"),
        ("no.csv", "does not exist"),
    ):
        with pytest.raises(FercliError, match=message):
            list(read_results(tmp_path / name))
