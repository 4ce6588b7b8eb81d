import contextlib
import errno
import os
from pathlib import Path

import pytest

from fercli.errors import FercliError, UsageError
from fercli.writing import atomic_write, exclusive, together, write_atomically
from tests.promises import Did
from tests.seam import Seam, contents, fails_with


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
    with together() as first:
        opening = first.claim(path, overwrite=False)
        with together() as second, pytest.raises(FercliError, match="another run"):
            second.claim(path)
        with opening() as handle:
            handle.write(b"first")
    with together() as second, pytest.raises(UsageError, match="exists already"):
        second.claim(path, overwrite=False)
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


@pytest.mark.parametrize("before", [{}, {"a": b"old"}, {"a": b"old", "b": b"old"}], ids=["new", "one old", "old"])
@pytest.mark.parametrize("overwrite", [True, False])
def test_promise_9_and_10_outputs_appear_together_or_not_at_all(tmp_path: Path, before: dict[str, bytes], overwrite: bool) -> None:
    """Whichever operation fails, also the renaming of the last of them."""
    if not overwrite:
        before = {}
    new = {"a": b"new", "b": b"new"}
    at = 0
    while True:
        at += 1
        folder = tmp_path / str(at)
        folder.mkdir()
        for name, data in before.items():
            (folder / name).write_bytes(data)
        seam, failed = Seam(at, fails_with(errno.EIO)), False
        try:
            with seam.in_place(), together() as outputs:
                for name in new:
                    outputs.claim(folder / name, overwrite=overwrite)
                outputs.write_all(folder, new)
        except FercliError:
            failed = True
        if not seam.reached:
            break
        found = contents(folder)
        if seam.operations[at - 1] == "unlink":  # what cannot be removed is left
            found = {name: data for name, data in found.items() if not name.startswith(".")}
        assert found == (before if failed else new), (at, seam.operations)
    assert failed is False
    assert seam.operations.count("fsync") == 4
    assert at > 12


def test_promise_9_one_output_cannot_be_two(tmp_path: Path) -> None:
    with together() as outputs:
        outputs.claim(tmp_path / "x.csv")
        with pytest.raises(UsageError, match="name two files"):
            outputs.claim(tmp_path / "y" / ".." / "x.csv")


@pytest.mark.parametrize("instead", [None, "link"])
def test_promise_9_what_takes_the_place_of_the_file_aside_is_not_published(tmp_path: Path, instead: str | None) -> None:
    def write() -> None:
        with atomic_write(tmp_path / "x.csv") as handle:
            handle.write(b"ours")
            temporary = tmp_path / ".x.csv.fercli-part"
            temporary.unlink()
            if instead:
                temporary.symlink_to("elsewhere")

    with pytest.raises(FercliError, match="moved or removed in the meantime"):
        write()
    assert "x.csv" not in os.listdir(tmp_path)


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
    with together() as outputs:
        outputs.claim(tmp_path / "x.csv", overwrite=False)
        with pytest.raises(FileNotFoundError):
            (tmp_path / "nothing").read_bytes()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FercliError, match="cannot be written"):
        write_atomically(tmp_path / "file" / "x.csv", b"")


def test_promise_23_a_folder_is_held_by_one_run(tmp_path: Path) -> None:
    with exclusive(tmp_path / "run"), pytest.raises(FercliError, match="in use"), exclusive(tmp_path / "run"):
        pass
    with exclusive(tmp_path / "run"):
        assert not list((tmp_path / "run").iterdir())
