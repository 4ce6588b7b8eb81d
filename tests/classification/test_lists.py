import io
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from fercli.classification import lists
from fercli.classification.lists import read_list
from fercli.errors import FercliError, UsageError
from fercli.files import readable


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"b.jpg\na b.jpg\n\nb.jpg\nc", [b"b.jpg", b"a b.jpg", b"c"]),
        (b"b\r\na\r\n", [b"b", b"a"]),
        (b"\xef\xbb\xbfb\na", [b"b", b"a"]),
        (b"b\nx\0 a\0\xff\0", [b"b\nx", b" a", b"\xff"]),
    ],
)
def test_names_come_in_their_order(tmp_path: Path, content: bytes, names: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    assert [bytes(path) for path in read_list(tmp_path / "list.txt")] == names
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    assert [bytes(path) for path in read_list(None)] == names


def test_a_table_gives_its_column_path(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_bytes(b"id,path\n1,z.jpg\n2,'=a.jpg\n3,\n4,caf\xe9.jpg\n5,z.jpg\n")
    assert [bytes(path) for path in read_list(tmp_path / "r.csv")] == [b"z.jpg", b"=a.jpg", b"caf\xe9.jpg"]
    (tmp_path / "r.csv").write_text("id,name\n1,z.jpg\n")
    with pytest.raises(FercliError, match="has no column path"):
        read_list(tmp_path / "r.csv")


def test_promise_18_names_that_are_not_utf_8_are_found_by_earlier_results(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))
    odd.touch()
    (tmp_path / r"tea\xe9.jpg").touch()
    listing = tmp_path / "r.csv"
    listing.write_text(f"path\n{readable(odd)}\n{tmp_path}/tea\\xe9.jpg\n{tmp_path}/gone\\xe9.jpg\n")
    assert read_list(listing) == [odd, tmp_path / r"tea\xe9.jpg", tmp_path / r"gone\xe9.jpg"]


def test_no_list_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    for path, message in ((tmp_path / "empty.txt", "lists no photos"), (tmp_path / "no.txt", "does not exist")):
        with pytest.raises(UsageError, match=message):
            read_list(path)
    with pytest.raises(FercliError, match="cannot be read"):
        read_list(tmp_path)
    for encoding in ("utf-16-le", "utf-16-be"):  # split at its zeros it would list the folders `.` and `/`
        (tmp_path / "windows.txt").write_bytes("\ufeff./a/b.jpg\r\n".encode(encoding))
        with pytest.raises(UsageError, match="a list in UTF-16"):
            read_list(tmp_path / "windows.txt")
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(UsageError, match="gives no list here"):
        read_list(None)


def test_promise_13_a_list_without_an_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "_MOST", 1000)
    with pytest.raises(UsageError, match="over 1,000 bytes"):
        read_list(Path("/dev/zero"))
    with Path("/dev/zero").open("rb") as endless:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=endless))
        with pytest.raises(UsageError, match="over 1,000 bytes"):
            read_list(None)
