import os
from pathlib import Path

import pytest

from fercli.errors import UsageError
from fercli.files import (
    Kind,
    folded,
    kind_of,
    readable,
    refuse_all_but_files,
    refuse_existing,
    refuse_filled,
    refuse_missing,
    shown_name,
)


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
    with pytest.raises(UsageError, match="is a link; name the file that it leads to"):
        refuse_existing(tmp_path / "y", overwrite=True)


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


def test_promise_18_names_that_are_not_utf8_stay_readable() -> None:
    assert readable(Path(os.fsdecode(b"caf\xe9.jpg"))) == "caf\\xe9.jpg"
    assert readable(Path("café.jpg")) == "café.jpg"


def test_a_shown_name_has_no_control_characters() -> None:
    assert shown_name(Path("a\x1b[31m\n.jpg")) == "a\\x1b[31m\\n.jpg"


def test_promise_18_names_that_some_file_system_takes_for_one() -> None:
    alike = ("Straße.JPG", "STRASSE.jpg", "strasse.jpg"), ("caf\u00e9.png", "cafe\u0301.PNG"), ("a\udcff.jpg", "A\udcff.jpg")
    for names in alike:
        assert len(set(map(folded, names))) == 1
    assert len({folded(names[0]) for names in alike}) == len(alike)


def test_what_is_no_file_is_told_by_its_kind(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    told = {"pipe": "is a pipe or a device, not a file", "gone": "does not exist", "loop": "cannot be looked at", "": "is a folder"}
    for name, fault in told.items():
        with pytest.raises(UsageError, match=f"{fault}; give a file[.]$"):
            refuse_all_but_files(tmp_path / name, "give a file")
