import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from pyarrow import parquet

from fercli.classification.outputs import Output, publishing, suffix_of
from fercli.classification.records import Face, Outcome, Reject, rows
from fercli.classification.results import COMPLETE
from fercli.errors import UsageError
from fercli.photos.geometry import Box
from fercli.writing import together
from tests.conftest import Ran, crop

FACE = Face(Box(0, 0, 48, 48), None, (0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1))


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fercli.classification.outputs.PART_ROWS", 3)


def write(output: Output, faces: list[int], *, stop: bool = False) -> None:
    """Write photos of as many faces each, a reject for none; then stop, if so wished, before the end."""
    with together() as outputs, publishing(output, outputs, io.BytesIO()) as writer:
        for number, count in enumerate(faces):
            outcome = Outcome(Path(f"{number}.png"), (FACE,) * count, None if count else Reject("damaged", "it is cut off"))
            for row in rows(outcome, "deep"):
                writer.write(row)
        if stop:
            raise KeyboardInterrupt


def parts(folder: Path) -> dict[str, list[str]]:
    """Return the photos of each part."""
    return {path.name: photos(path) for path in sorted(folder.glob("part-*"))}


def photos(path: Path) -> list[str]:
    return [row["path"] for row in csv.DictReader(path.read_text().splitlines())]


def test_what_a_text_stands_for() -> None:
    assert Output.parse("-").stream
    assert Output.parse("a/b.csv") == Output(Path("a/b.csv"))
    assert Output.parse("a/b/") == Output(Path("a/b"), parts=True)
    assert [suffix_of(Output.parse(text)) for text in ("-", "x.CSV", "x.jsonl", "x.parquet", "x/", "x.jsonl/", "x.d/")] == [
        ".csv", ".csv", ".jsonl", ".parquet", ".csv", ".jsonl", ".csv",
    ]  # fmt: skip
    assert not Output.parse("-/").stream
    for text in ("./", "/"):
        with pytest.raises(UsageError, match="without a name of its own"):
            Output.parse(text)
    with pytest.raises(
        UsageError, match=r"end the name in \.csv, \.jsonl, \.parquet or \.xlsx \(for Excel: \.xlsx\), or in / for a folder"
    ):
        suffix_of(Output.parse("x.txt"))


def test_parquet_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fercli.classification.outputs.find_spec", lambda _: None)
    for text in ("x.parquet", "x.parquet/"):
        with pytest.raises(UsageError, match=r"pip install 'fercli\[parquet\]'"):
            suffix_of(Output.parse(text))


@pytest.mark.usefixtures("short_parts")
def test_parts_hold_whole_photos_and_a_sign_ends_them(tmp_path: Path) -> None:
    output = Output.parse(f"{tmp_path}/r/")
    assert not output.published
    write(output, [1, 0, 4, 1, 1, 2])
    assert parts(output.path) == {
        "part-00000.csv": ["0.png", "1.png", *["2.png"] * 4],
        "part-00001.csv": ["3.png", "4.png", "5.png", "5.png"],
    }
    assert {path.name for path in output.path.iterdir()} == {"part-00000.csv", "part-00001.csv", COMPLETE}
    assert output.published


@pytest.mark.usefixtures("short_parts")
def test_promise_9_a_part_is_whole_and_the_sign_comes_last(tmp_path: Path) -> None:
    output = Output.parse(f"{tmp_path}/r/")
    write(output, [1] * 12)
    (output.path / "part-00007.jsonl").write_text("of an earlier run")
    (output.path / "mine.txt").write_text("not ours")
    with pytest.raises(KeyboardInterrupt):
        write(output, [1], stop=True)
    assert output.published  # for nothing there was touched
    with pytest.raises(KeyboardInterrupt):
        write(output, [3, 1, 1], stop=True)
    assert not output.published
    assert not list(output.path.glob(".*"))
    assert parts(output.path)["part-00000.csv"] == ["0.png"] * 3
    assert parts(output.path)["part-00001.csv"] == ["3.png", "4.png", "5.png"]  # the old one: the new one was not complete
    write(output, [1] * 4)
    assert {path.name for path in output.path.iterdir()} == {"part-00000.csv", "part-00001.csv", COMPLETE, "mine.txt"}


def test_no_rows_are_one_part_with_a_header(tmp_path: Path) -> None:
    write(Output.parse(f"{tmp_path}/r.parquet/"), [])
    assert parquet.read_table(tmp_path / "r.parquet" / "part-00000.parquet").num_rows == 0


@pytest.mark.usefixtures("short_parts", "fake_labeller")
def test_classify_into_parts(fercli: Callable[..., Ran], tmp_path: Path) -> None:
    (folder := tmp_path / "photos").mkdir()
    for number in range(7):
        Image.fromarray(crop(30 * number)).save(folder / f"{number}.png")
    output = f"{tmp_path}/r.parquet/"
    assert fercli("classify", folder, "-o", output).code == 0
    assert fercli("classify", folder, "-o", tmp_path / "r.csv").code == 0
    assert len(list(Path(output).glob("part-0000[012].parquet"))) == 3
    one = parquet.read_table(Path(output)).to_pylist()  # pyarrow reads such a folder as one table
    assert [row["path"] for row in one] == photos(tmp_path / "r.csv")
    again = fercli("classify", folder, "-o", output)
    assert (again.code, "exists already; add --update" in again.talk) == (2, True)
    assert "is complete" in fercli("classify", folder, "-o", output, "--resume").talk
    (folder / "8.png").write_bytes(b"")
    assert fercli("classify", folder, "-o", output, "--overwrite").code == 3
