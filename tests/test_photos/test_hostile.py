"""Files that nobody should have to read: each becomes a row or a reject of the closed list, in bounded time and memory."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fercli.errors import REJECT_CODES
from fercli.files import kind_of, readable
from fercli.photos.walk import Walk
from tests import hostile
from tests.conftest import Ran
from tests.promises import Did

MEMORY = 3 << 30
SECONDS = 5.0  # of processor time, a file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile") / "photos"
    hostile.make(folder)
    return folder


def read_all(folder: Path) -> dict[str, tuple[str, float]]:
    """Read every photo of a folder in a child with a memory limit; return by path what came of it, and the seconds it took."""
    code = (
        "import json, resource, sys, time\n"
        "from pathlib import Path\n"
        "from fercli.classification.loading import WORK_SIDE\n"
        "from fercli.errors import ImageRejected\n"
        "from fercli.files import readable\n"
        "from fercli.photos.walk import Walk\n"
        "from fercli.photos.images import read_photo\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))\n"
        "for path in Walk([Path(sys.argv[1])]):\n"
        "    started = time.process_time()\n"
        "    try:\n"
        "        shape = read_photo(path, side=WORK_SIDE).pixels.shape\n"
        "        code = 'ok' if len(shape) == 2 and min(shape) > 0 else 'wrong shape'\n"
        "    except ImageRejected as error:\n"
        "        code = error.code\n"
        "    print(json.dumps([readable(path), code, time.process_time() - started]))\n"
    )
    child = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    return {path: (code, seconds) for path, code, seconds in map(json.loads, child.stdout.splitlines())}


def check(results: dict[str, tuple[str, float]]) -> None:
    wrong = {path: code for path, (code, _) in results.items() if code != "ok" and code not in REJECT_CODES}
    slow = {path: seconds for path, (_, seconds) in results.items() if seconds > SECONDS}
    assert not wrong
    assert not slow


def test_promise_13_hostile_files_are_photos_or_rejects(folder: Path, did: Did) -> None:
    results = read_all(folder)
    check(results)
    assert len(results) >= 110
    did(len(results), "files")
    codes = {Path(path).name: code for path, (code, _) in results.items()}
    for name in hostile.odd_but_whole():
        assert codes[name] == "ok", name
    for name in (*hostile.nothing_there(), *hostile.damaged()):
        # Of some, the first page, the first frame or the first half is whole.
        assert codes[name] != "ok" or name in {"loop.tif", "zero.gif", "early-end.jpg"}, name
    for name in hostile.bombs():
        assert (codes[name] == "ok") == (name == "bomb-just-allowed.png"), name
    assert {codes["pipe.png"], codes["socket.png"], codes["loop.png"], codes["nowhere.png"]} == {"unreadable"}
    assert codes["text.jpg"] == "not_an_image"


@pytest.mark.usefixtures("fake_labeller")
def test_promise_13_a_batch_of_them_ends_with_a_row_for_each(fercli: Callable[..., Ran], folder: Path, tmp_path: Path) -> None:
    ran = fercli("classify", folder, "-o", tmp_path / "r.csv", "--detector", "none", "--annotate", tmp_path / "copies")
    assert ran.code == 3
    assert "Traceback" not in ran.talk
    with (tmp_path / "r.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["path"].removeprefix("'") for row in rows] == [readable(path) for path in Walk([folder])]
    for row in rows:
        assert row["status"] in {"ok", "rejected"}
        if row["status"] == "rejected":
            code, reason = row["reason"].split(": ", 1)
            assert code in REJECT_CODES
            assert reason


def test_promise_13_the_folder_that_fercli_hostile_names(did: Did) -> None:
    name = os.environ.get("FERCLI_HOSTILE")
    if not name:
        pytest.skip("FERCLI_HOSTILE names no folder")
    results = read_all(Path(name))
    assert results, kind_of(Path(name))
    did(len(results), "files")
    check(results)
