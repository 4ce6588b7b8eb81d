import contextlib
import os
from pathlib import Path

import pytest

from fercli.errors import FercliError, UsageError
from fercli.files import (
    Kind,
    atomic_write,
    claimed,
    exclusive,
    kind_of,
    readable,
    refuse_existing,
    refuse_filled,
    refuse_missing,
    shown_name,
    write_atomically,
)
from tests.promises import Did
from tests.seam import Seam


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
        assert not path.exists() or path.read_bytes() in (b"old", b"new")
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


def test_promise_23_of_two_runs_one_wins_and_the_other_is_told(tmp_path: Path) -> None:
    """Whenever the second comes: while the first works, or when it is done."""
    path = tmp_path / "x.csv"
    with claimed(path, overwrite=False) as opening:
        with pytest.raises(FercliError, match="another run"), claimed(path, overwrite=True):
            pass
        with opening() as handle:
            handle.write(b"first")
        assert path.read_bytes() == b"first"
        with pytest.raises(UsageError, match="exists already"), claimed(path, overwrite=False):
            pass
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("x.csv", b"first")]


@pytest.mark.parametrize("hard_links", [True, False])
def test_promise_20_what_another_program_puts_there_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool
) -> None:
    path = tmp_path / "x.csv"
    if not hard_links:

        def link(*_: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", link)
    with pytest.raises(UsageError, match="exists already"), atomic_write(path, overwrite=False):
        path.write_bytes(b"theirs")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("x.csv", b"theirs")]
    write_atomically(tmp_path / "y.csv", b"ours", overwrite=False)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["x.csv", "y.csv"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the dead do not close their files
def test_promise_9_killed_at_any_operation_of_a_new_file(tmp_path: Path, did: Did) -> None:
    """Also between its two names: the next run's temporary must not be the published file."""
    at = 0
    while True:
        at += 1
        path = tmp_path / str(at) / "x.csv"

        def dies(_: str) -> None:
            seam.at += 1  # noqa: B023 (so that each later operation dies, too)
            raise KeyboardInterrupt

        seam = Seam(at, dies)
        with seam.in_place(), contextlib.suppress(KeyboardInterrupt):
            write_atomically(path, b"new", overwrite=False)
        if at > len(seam.operations):
            break
        assert not path.exists() or path.read_bytes() == b"new"
        with pytest.raises(KeyboardInterrupt):
            _break_off(path)
        write_atomically(path, b"new")
        assert [(file.name, file.read_bytes()) for file in path.parent.iterdir()] == [("x.csv", b"new")]
    did(at - 1, "deaths")


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_promise_9_what_stands_in_the_temporarys_place_is_not_written_to(tmp_path: Path, kind: str) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    temporary = tmp_path / ".x.csv.fercli-part"
    if kind == "link":
        temporary.symlink_to("precious")
    else:
        os.mkfifo(temporary)
    write_atomically(tmp_path / "x.csv", b"new")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"precious": b"precious", "x.csv": b"new"}


def test_what_fails_beside_the_output_is_not_its_fault(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), claimed(tmp_path / "x.csv", overwrite=False):
        (tmp_path / "nothing").read_bytes()
    assert not list(tmp_path.iterdir())


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
    (tmp_path / "y").symlink_to("nowhere")
    with pytest.raises(UsageError, match="--overwrite"):
        refuse_existing(tmp_path / "y", overwrite=False)


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


def test_promise_20_pipes_inputs_and_filled_folders_are_no_outputs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "in").touch()
    (tmp_path / "same").symlink_to("in")
    with pytest.raises(UsageError, match="not a file"):
        refuse_existing(tmp_path / "pipe", overwrite=True)
    with pytest.raises(UsageError, match="also an input"):
        refuse_existing(tmp_path / "same", overwrite=True, inputs=[tmp_path / "in"])
    with pytest.raises(UsageError, match="holds files"):
        refuse_filled(tmp_path, overwrite=False)
    with pytest.raises(UsageError, match="not a folder"):
        refuse_filled(tmp_path / "in", overwrite=True)
    refuse_filled(tmp_path, overwrite=True)
    refuse_filled(tmp_path / "new", overwrite=False)


def test_promise_23_a_folder_is_held_by_one_run(tmp_path: Path) -> None:
    with exclusive(tmp_path / "run"), pytest.raises(FercliError, match="in use"), exclusive(tmp_path / "run"):
        pass
    with exclusive(tmp_path / "run"):
        assert not list((tmp_path / "run").iterdir())


def test_promise_18_names_that_are_not_utf8_stay_readable() -> None:
    assert readable(Path(os.fsdecode(b"caf\xe9.jpg"))) == "caf\\xe9.jpg"
    assert readable(Path("café.jpg")) == "café.jpg"


def test_a_shown_name_has_no_control_characters() -> None:
    assert shown_name(Path("a\x1b[31m\n.jpg")) == "a\\x1b[31m\\n.jpg"
