"""What becomes of annotated copies as photos come and go."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from fercli.classification import pictures
from tests.conftest import PHOTOS, Ran, crop

Run = Callable[..., Ran]
pytestmark = pytest.mark.usefixtures("fake_labeller")


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for person in ("p1", "p2"):
        (tmp_path / "study" / person).mkdir(parents=True)
        Image.fromarray(crop(100)).save(tmp_path / "study" / person / "a.jpg")
    return tmp_path / "study"


def copies(folder: str = "copies") -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*.jpg"))


@pytest.mark.parametrize("option", ["--update", "--overwrite"])
def test_who_withdraws_leaves_no_copy(fercli: Run, study: Path, option: str) -> None:
    """README promises it: rows, journal, report and copies are brought up to date."""
    command = ["classify", "study", "-o", "r.csv", "--annotate", "copies", "--report", "r.html"]
    assert fercli(*command).code == 0
    assert copies() == ["study/p1/a.jpg", "study/p2/a.jpg"]
    (study / "p2" / "a.jpg").unlink()
    assert fercli(*command, option).code == 0
    assert copies() == ["study/p1/a.jpg"]
    assert not Path("copies/study/p2").exists()
    assert "p2" not in Path("r.csv").read_text() + Path("r.html").read_text() + Path("copies/.fercli-copies").read_text()


@pytest.mark.parametrize("goes", [True, False])
def test_promise_17_a_photo_that_goes_before_it_is_copied_is_told(
    fercli: Run, study: Path, goes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotate, left = pictures.annotate, study / "p1" / "a.jpg"

    def late(*arguments: object) -> None:
        if goes:
            left.unlink(missing_ok=True)
        else:
            left.write_bytes((PHOTOS / "astronaut.jpg").read_bytes())
        annotate(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("fercli.classification.copies.annotate", late)
    ran = fercli("classify", "study", "-o", "r.csv", "--annotate", "copies")
    assert ran.code == 3
    reason = "it is no longer there" if goes else "it has changed since it was labelled"
    assert f"annotated copies: study/p1/a.jpg has no copy: {reason}" in ran.talk
    assert copies() == ["study/p2/a.jpg"]
    assert len(Path("r.csv").read_text().splitlines()) == 3


def test_promise_18_one_long_path_does_not_end_the_run(fercli: Run, study: Path) -> None:
    photo, deep = (study / "p1" / "a.jpg").read_bytes(), study
    for _ in range(18):
        deep /= "d" * 200
        deep.mkdir()
    (deep / "a.jpg").write_bytes(photo)
    missing = os.pathconf("/", "PC_PATH_MAX") - len(str(deep.relative_to(study.parent)))
    folder = "/".join(["c" * 200] * (missing // 200 + 1))
    ran = fercli("classify", "study", "-o", "r.csv", "--annotate", folder)
    assert ran.code == 0
    assert len(copies(folder)) == 3
