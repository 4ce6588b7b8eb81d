import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fercli.files import readable
from fercli.photos.walk import Walk
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
    assert walk.passed_over == 1


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
