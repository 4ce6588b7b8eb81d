import contextlib
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fercli.errors import FercliError
from fercli.preparation import archives
from fercli.preparation.archives import CsvLines
from tests.damage import damaged
from tests.promises import Did

TEXT = "a,b\n1,2\n3,4\n"


def tar_gz(path: Path, members: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content.encode()))
    return path


def zipped(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_every_packing_gives_the_same_lines_whatever_the_suffix(tmp_path: Path) -> None:
    plain, gz, xz = tmp_path / "x.csv", tmp_path / "y", tmp_path / "z.csv"
    plain.write_text(TEXT)
    gz.write_bytes(gzip.compress(TEXT.encode()))
    xz.write_bytes(lzma.compress(TEXT.encode()))
    kaggle = tar_gz(tmp_path / "fer2013.tar.gz", {"fer2013/README": "…", "fer2013/fer2013.csv": TEXT, "fer2013/fer2013.bib": "@"})
    shadowed = zipped(tmp_path / "mac.zip", {"__MACOSX/._fer2013.csv": "x", "fer2013.csv": TEXT})
    tar = tmp_path / "fer2013.tar"
    tar.write_bytes(gzip.decompress(kaggle.read_bytes()))
    for path in (plain, gz, xz, kaggle, tar, shadowed):
        lines = CsvLines(path)
        assert "".join(lines) == TEXT, path
        assert lines.complete


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(TEXT, encoding="utf-8-sig")
    assert next(iter(CsvLines(path))) == "a,b\n"


def test_promise_2_nor_of_a_line_where_files_were_joined(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("\ufeffa,b\n\ufeff1,2\n3,\ufeff4\n")
    assert list(CsvLines(path)) == ["a,b\n", "1,2\n", "3,\ufeff4\n"]


def test_a_last_line_without_an_end_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(TEXT[:-1])
    lines = CsvLines(path)
    assert list(lines)[-1] == "3,4"
    assert not lines.complete


@pytest.mark.parametrize("members", [{"readme.txt": "x"}, {"train.csv": TEXT, "test.csv": TEXT}])
def test_promise_3_no_csv_or_several_are_refused(tmp_path: Path, members: dict[str, str]) -> None:
    for path in (zipped(tmp_path / "x.zip", members), tar_gz(tmp_path / "x.tar.gz", members)):
        with pytest.raises(FercliError, match="CSV files"):
            list(CsvLines(path))


def test_promise_3_two_members_of_one_name_are_two(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("x.csv", TEXT)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("x.csv", TEXT)
    with pytest.raises(FercliError, match="2 CSV files"):
        list(CsvLines(tmp_path / "x.zip"))


def test_promise_3_a_method_that_python_cannot_unpack(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"x.csv": TEXT})
    data = bytearray(path.read_bytes())
    for signature, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(signature) + place] = 9  # deflate64
    path.write_bytes(data)
    with pytest.raises(FercliError, match="cannot be read"):
        list(CsvLines(path))


def test_promise_3_a_name_that_climbs_out_is_only_a_name(tmp_path: Path) -> None:
    path = tar_gz(tmp_path / "x.tar.gz", {"../../evil.csv": TEXT})
    assert "".join(CsvLines(path)) == TEXT
    assert list(tmp_path.iterdir()) == [path]


def test_promise_3_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "BYTE_LIMIT", 1 << 20)
    large = ("1,2\n" * 300_000,)[0]
    gz, long_line = tmp_path / "x.gz", tmp_path / "y.gz"
    gz.write_bytes(gzip.compress(large.encode()))
    long_line.write_bytes(gzip.compress(b"1" * 2_000_000))
    for path in (gz, zipped(tmp_path / "x.zip", {"x.csv": large}), tar_gz(tmp_path / "x.tar.gz", {"a": large, "x.csv": TEXT})):
        with pytest.raises(FercliError, match="more than 1 MiB"):
            list(CsvLines(path))
    with pytest.raises(FercliError, match="line 1 has more than"):
        list(CsvLines(long_line))
    monkeypatch.setattr(archives, "LINES_LIMIT", 1000)
    with pytest.raises(FercliError, match="more than 1000 lines"):
        list(CsvLines(gz))


def test_promise_3_a_name_that_is_not_the_text_it_says(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"fér2013.csv": TEXT})
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xff\xff"))
    with pytest.raises(FercliError, match="cannot be read"):
        list(CsvLines(path))


def test_promise_3_names_without_end_are_not_all_listed(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {f"{number}.csv": TEXT for number in range(1000)})
    with pytest.raises(FercliError, match=r"1000 CSV files \(0.csv, .*, …\)") as error:
        list(CsvLines(path))
    assert len(str(error.value)) < 300


@settings(max_examples=300)
@given(data=st.data())
def test_promise_3_whatever_is_damaged_is_refused_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, did: Did
) -> None:
    folder = tmp_path_factory.getbasetemp()
    did(1, "damaged archives")
    members = {"fer2013/README": "x", "fer2013/fér2013.csv": TEXT}
    whole = data.draw(st.sampled_from([tar_gz(folder / "x.tar.gz", members), zipped(folder / "x.zip", members)])).read_bytes()
    path = folder / "damaged"
    if whole[:2] == b"PK":
        path.write_bytes(data.draw(damaged(whole)))
    else:
        path.write_bytes(gzip.compress(data.draw(damaged(gzip.decompress(whole)))))
    with contextlib.suppress(FercliError):
        list(CsvLines(path))


def test_promise_3_encrypted_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"x.csv": TEXT})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the central directory's flag for encryption
    path.write_bytes(data)
    with pytest.raises(FercliError, match="encrypted"):
        list(CsvLines(path))


def test_promise_2_a_cut_archive_is_an_error_at_every_length(tmp_path: Path, did: Did) -> None:
    whole = gzip.compress(TEXT.encode() * 50)
    path = tmp_path / "x.gz"
    did(len(whole) - 2, "cuts")
    for length in range(2, len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(FercliError):
            list(CsvLines(path))
