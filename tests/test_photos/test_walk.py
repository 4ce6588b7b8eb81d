import os
import tempfile
import time
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fercli.errors import ImageRejected
from fercli.files import readable
from fercli.photos.images import read_gray
from fercli.photos.walk import COPIES, Walk
from tests.conftest import PHOTOS
from tests.promises import Did

PNG = b"\x89PNG\r\n\x1a\n0000"


def tree(root: Path) -> Path:
    (root / "b" / "c").mkdir(parents=True)
    (root / ".hidden").mkdir()
    for name in ("a.jpg", "b/2.PNG", "b/10.png", "b/c/no-suffix", ".hidden/x.jpg", ".x.jpg", "z.tiff"):
        (root / name).write_bytes(PNG)
    (root / "notes.txt").write_text("BMW and other words")
    (root / "b" / "loop").symlink_to(root)
    (root / "b" / "again.png").symlink_to(root / "a.jpg")
    (root / "dangling.jpg").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    return root


def names(walk: Walk, root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in walk]


@pytest.mark.timeout(10)
def test_promise_17_each_real_photo_once_in_order_without_a_hang(tmp_path: Path) -> None:
    walk = Walk([tree(tmp_path)])
    assert names(walk, tmp_path) == ["a.jpg", "b/10.png", "b/2.PNG", "b/c/no-suffix", "dangling.jpg", "z.tiff"]
    assert walk.passed_over == 2
    assert [path.name for path in walk.second_names] == ["again.png", "loop"]


def test_promise_17_second_names_are_told(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    for name in ("store/1", "z.jpg"):
        (tmp_path / name).write_bytes(PNG)
    (tmp_path / "a.jpg").symlink_to(tmp_path / "store" / "1")
    os.link(tmp_path / "z.jpg", tmp_path / "zz.jpg")
    walk = Walk([tmp_path, tmp_path, tmp_path / "z.jpg"])
    assert names(walk, tmp_path) == ["a.jpg", "z.jpg"]
    assert [str(path.relative_to(tmp_path)) for path in walk.second_names] == ["store/1", "zz.jpg", "z.jpg"]


def test_promise_17_a_number_given_to_a_new_file_is_no_second_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on ext4, where a file written aside and renamed may get the number of one that was replaced before it."""
    for name in "abc":
        (tmp_path / f"{name}.jpg").write_bytes(PNG)
        (tmp_path / f"in-{name}").mkdir()
        (tmp_path / f"in-{name}" / "x.jpg").write_bytes(PNG)
    real = Path.stat

    def stat(path: Path, **options: bool) -> os.stat_result:
        found = real(path, **options)
        times = {"st_ctime_ns": time.monotonic_ns(), "st_mtime_ns": 0}
        return os.stat_result((found.st_mode, 7, *found[2:10]), times)

    monkeypatch.setattr(Path, "stat", stat)
    walk = Walk([tmp_path])
    assert names(walk, tmp_path) == ["a.jpg", "b.jpg", "c.jpg", "in-a/x.jpg", "in-b/x.jpg", "in-c/x.jpg"]
    assert not walk.second_names


def test_promise_17_photos_rewritten_meanwhile_have_their_place(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number:03}.jpg").write_bytes(PNG)
    found = []
    for path in Walk([tmp_path]):
        found.append(path.name)
        for other in sorted(tmp_path.iterdir())[:3]:
            (tmp_path / ".new").write_bytes(PNG)
            (tmp_path / ".new").replace(other)
    assert found == [f"{number:03}.jpg" for number in range(200)]


@pytest.mark.timeout(20)
def test_promise_17_what_is_too_deep_or_closed_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(PNG)
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        for _ in range(25):  # a path may have 4,096 bytes
            Path("d" * 200).mkdir()
            os.chdir("d" * 200)
        Path("deep.jpg").write_bytes(PNG)
    finally:
        os.chdir(here)
    walk = Walk([tmp_path])
    assert names(walk, tmp_path) == ["a.jpg"]
    assert [reason for _, reason in walk.unreadable] == ["File name too long"]


def test_promise_17_a_photo_without_suffix_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.jpg", "locked"):
        (tmp_path / name).write_bytes(PNG)

    def refuse(path: Path) -> IO[bytes]:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("fercli.photos.walk.opened", refuse)
    walk = Walk([tmp_path])
    assert names(walk, tmp_path) == ["a.jpg"]
    assert walk.unreadable == [(tmp_path / "locked", "Permission denied")]


def test_promise_17_a_folder_of_copies_is_told(tmp_path: Path) -> None:
    for name in ("a.jpg", "b/b.jpg", f"b/{COPIES}"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(PNG)
    walk = Walk([tmp_path])
    assert names(walk, tmp_path) == ["a.jpg"]
    assert walk.copies == [tmp_path / "b"]
    assert names(Walk([tmp_path / "b"]), tmp_path) == ["b/b.jpg"]


@pytest.mark.timeout(10)
def test_promise_17_files_that_say_they_are_empty_are_not_opened(tmp_path: Path) -> None:
    """Such as the kernel's own, of which some keep their reader waiting for ever."""
    (tmp_path / "pages").symlink_to("/proc/self/pagemap")
    (tmp_path / "pages.jpg").symlink_to("/proc/self/pagemap")
    walk = Walk([tmp_path])
    assert names(walk, tmp_path) == ["pages.jpg"]
    assert walk.passed_over == 1
    with pytest.raises(ImageRejected, match="no bytes"):
        read_gray(tmp_path / "pages.jpg")


def test_a_file_named_singly_is_taken_whatever_it_is_and_once(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("x")
    assert list(Walk([text, text])) == [text]


def test_promise_17_a_folder_that_may_be_listed_but_not_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.jpg", "locked/b.jpg", "locked/c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(PNG)
    real = Path.stat

    def stat(path: Path, **options: bool) -> os.stat_result:
        if path.parent.name == "locked":
            raise PermissionError(13, "Permission denied")
        return real(path, **options)

    monkeypatch.setattr(Path, "stat", stat)
    walk = Walk([tmp_path])
    assert [path.name for path in walk] == ["a.jpg", "b.jpg"]
    assert [(path.name, reason) for path, reason in walk.unreadable] == [("c", "Permission denied")]
    assert walk.passed_over == 0


def test_promise_18_any_legal_name(tmp_path: Path) -> None:
    strange = [b"\xff.png", "é.png".encode(), b"[red].png", b"new\nline.png", b"-o.png", b"\x1b[2J.png"]
    for name in strange:
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).write_bytes(PNG)  # noqa: PTH118
    assert sorted(os.fsencode(path.name) for path in Walk([tmp_path])) == sorted(strange)


LEGAL = st.binary(min_size=1, max_size=200).filter(lambda name: not name.startswith(b".") and not {0, ord("/")} & set(name))


@settings(max_examples=60)
@given(names=st.lists(LEGAL, min_size=1, max_size=4, unique=True))
def test_promise_18_any_bytes_that_a_file_system_takes(names: list[bytes], did: Did) -> None:
    did(len(names), "names")
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            (Path(folder) / os.fsdecode(name)).write_bytes(PNG)
        found = list(Walk([Path(folder)]))
        assert [os.fsencode(path.name) for path in found] == sorted(names)
        for path in found:
            assert readable(path).encode("utf-8").decode("utf-8") == readable(path)
            assert "�" not in readable(path) or "�".encode() in os.fsencode(path)  # nothing is replaced, only spelt out


def test_the_test_photos_are_found() -> None:
    assert [path.name for path in Walk([PHOTOS])] == ["astronaut.jpg", "grace_hopper.jpg"]


def test_promise_17_what_goes_once_it_is_listed_is_told(tmp_path: Path) -> None:
    """It may have been a folder full of photos, so it is not counted among files of other kinds."""
    for name in ("a.jpg", "b/1.jpg", "c/1.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(PNG)
    (tmp_path / "d").symlink_to("nowhere")
    walk = Walk([tmp_path])
    found = iter(walk)
    assert next(found).name == "a.jpg"
    (tmp_path / "b").rename(tmp_path / "0")
    (tmp_path / "c" / "1.jpg").unlink()
    (tmp_path / "c").rmdir()
    assert list(found) == []
    assert walk.unreadable == [(tmp_path / name, "No such file or directory") for name in ("b", "c")]
    assert walk.passed_over == 1


def test_promise_17_a_current_folder_that_goes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: object) -> str:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr("os.getcwd", gone)
    monkeypatch.setattr("os.path.realpath", gone)
    walk = Walk([tmp_path])
    assert list(walk) == []
    assert walk.unreadable == [(tmp_path, "No such file or directory")]
