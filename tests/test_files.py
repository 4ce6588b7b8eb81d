import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fercli.errors import FercliError, UsageError
from fercli.files import (
    Kind,
    Walk,
    atomic_write,
    exclusive,
    kind_of,
    readable,
    refuse_existing,
    refuse_filled,
    refuse_missing,
    write_atomically,
)
from tests.conftest import PHOTOS
from tests.promises import Did

PNG = b"\x89PNG\r\n\x1a\n0000"


def test_promise_9_the_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "x.csv"
    write_atomically(path, b"old")
    with pytest.raises(KeyboardInterrupt):
        _break_off(path)
    assert path.read_bytes() == b"old"
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_promise_9_what_a_killed_run_left_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    (tmp_path / ".x.csv.fercli-part").write_bytes(b"a long half-written file")
    write_atomically(path, b"new")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("x.csv", b"new")]


def _break_off(path: Path) -> None:
    with atomic_write(path) as handle:
        handle.write(b"half")
        handle.flush()
        assert path.read_bytes() == b"old"
        raise KeyboardInterrupt


@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_promise_10_a_full_disk_is_a_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "x.csv"
    write_atomically(path, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(FercliError, match="No space left"):
        write_atomically(path, b"new")
    monkeypatch.undo()
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("x.csv", b"old")]


def test_promise_23_two_writers_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    with atomic_write(path) as handle:
        handle.write(b"first")
        with pytest.raises(FercliError, match="another run"):
            write_atomically(path, b"second")
    assert path.read_bytes() == b"first"


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FercliError, match="cannot be written"):
        write_atomically(tmp_path / "file" / "x.csv", b"")


def test_promise_20_existing_files_need_overwrite(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(UsageError, match="--overwrite"):
        refuse_existing(tmp_path / "x", overwrite=False)
    with pytest.raises(UsageError, match="folder"):
        refuse_existing(tmp_path, overwrite=True)
    refuse_existing(tmp_path / "x", overwrite=True)
    refuse_existing(tmp_path / "y", overwrite=False)


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


def test_a_file_named_singly_is_taken_whatever_it_is_and_once(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("x")
    assert list(Walk([text, text])) == [text]


def test_missing_inputs_are_usage_errors_and_links_to_nowhere_are_not(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    refuse_missing([tmp_path, tmp_path / "dangling"], "")
    with pytest.raises(UsageError, match=r"no does not exist; look again\."):
        refuse_missing([tmp_path / "dangling", tmp_path / "no"], "look again")


def test_promise_17_kinds_never_raise(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    kinds = {name: kind_of(tmp_path / name) for name in (".", "file", "pipe", "loop", "dangling", "x" * 300, "nul\0", "file/x")}
    assert kinds == {
        ".": Kind.FOLDER,
        "file": Kind.FILE,
        "pipe": Kind.OTHER,
        "loop": Kind.UNREADABLE,
        "dangling": Kind.MISSING,
        "x" * 300: Kind.UNREADABLE,
        "nul\0": Kind.UNREADABLE,
        "file/x": Kind.MISSING,
    }


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
    assert walk.passed_over == 1


def test_promise_20_pipes_inputs_and_filled_folders_are_no_outputs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "in").touch()
    (tmp_path / "same").symlink_to("in")
    with pytest.raises(UsageError, match="no file"):
        refuse_existing(tmp_path / "pipe", overwrite=True)
    with pytest.raises(UsageError, match="also an input"):
        refuse_existing(tmp_path / "same", overwrite=True, inputs=[tmp_path / "in"])
    with pytest.raises(UsageError, match="holds files"):
        refuse_filled(tmp_path, overwrite=False)
    with pytest.raises(UsageError, match="no folder"):
        refuse_filled(tmp_path / "in", overwrite=True)
    refuse_filled(tmp_path, overwrite=True)
    refuse_filled(tmp_path / "new", overwrite=False)


def test_promise_23_a_folder_is_held_by_one_run(tmp_path: Path) -> None:
    with exclusive(tmp_path / "run"), pytest.raises(FercliError, match="in use"), exclusive(tmp_path / "run"):
        pass
    with exclusive(tmp_path / "run"):
        assert not list((tmp_path / "run").iterdir())


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


def test_promise_18_names_that_are_not_utf8_stay_readable() -> None:
    assert readable(Path(os.fsdecode(b"caf\xe9.jpg"))) == "caf\\xe9.jpg"
    assert readable(Path("café.jpg")) == "café.jpg"


def test_the_test_photos_are_found() -> None:
    assert [path.name for path in Walk([PHOTOS])] == ["astronaut.jpg", "grace_hopper.jpg"]
