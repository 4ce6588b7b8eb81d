import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.classification.job import Job
from fercli.classification.outputs import Output
from fercli.classification.records import Outcome
from fercli.classification.run import Run
from fercli.errors import FercliError, UsageError

pytestmark = pytest.mark.usefixtures("fake_labeller")
JOB = Job(detector="none")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for value in range(5):
        Image.fromarray(np.full((48, 48), 50 * value, np.uint8)).save(folder / f"{value}.png")
    return folder


def test_without_outputs_only_outcomes_come(photos: Path, tmp_path: Path) -> None:
    run = Run([photos], JOB)
    labels = [face.label for outcome in run for face in outcome.faces]
    assert labels == ["angry", "disgust", "fear", "sad", "surprise"]
    assert [outcome.path.name for outcome in run] == ["0.png", "1.png", "2.png", "3.png", "4.png"]
    assert list(tmp_path.iterdir()) == [photos]
    (tmp_path / "empty").mkdir()
    assert list(Run([tmp_path / "empty"], JOB)) == []


def test_a_run_that_is_left_early_publishes_nothing_and_is_resumed(photos: Path, tmp_path: Path) -> None:
    output = Output(tmp_path / "r.csv")
    outcomes = iter(Run([photos], JOB, output, report=tmp_path / "r.html"))
    assert len(list(itertools.islice(outcomes, 2))) == 2
    outcomes.close()
    assert [path.name for path in tmp_path.iterdir() if path != photos] == [".r.csv.fercli-journal"]
    with pytest.raises(UsageError, match="add --resume to go on"):
        Run([photos], JOB, output)
    assert len(list(Run([photos], JOB, output, report=tmp_path / "r.html", resume=True))) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "r.csv", "r.html"]


def test_what_is_complete_yields_nothing(photos: Path, tmp_path: Path) -> None:
    output = Output(tmp_path / "r.csv")
    assert not Run([photos], JOB, output, resume=True).complete
    assert len(list(Run([photos], JOB, output))) == 5
    again = Run([photos], JOB, output, resume=True)
    assert again.complete
    assert list(again) == []
    assert not Run([photos], JOB, output, resume=True, overwrite=True).complete


def test_nothing_but_rejects_is_not_published(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("no image")
    output = Output(tmp_path / "r.csv")
    with pytest.raises(FercliError, match="None of the 1 photos could be read"):
        list(Run([tmp_path / "bad.jpg"], JOB, output))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "x.txt").write_text("notes")
    with pytest.raises(FercliError, match=r"There are no photos in .*notes: only 1 of other kinds"):
        list(Run([tmp_path / "notes"], JOB, output))
    seen: list[Outcome] = []
    with pytest.raises(FercliError, match=r"bad\.jpg was rejected and --strict allows none"):
        seen.extend(Run([tmp_path / "bad.jpg", photos], JOB, output, strict=True))
    assert [outcome.path.name for outcome in seen] == ["bad.jpg"]
    assert not output.path.exists()


def test_standard_output_that_takes_no_bytes_is_refused(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook."""
    monkeypatch.setattr("sys.stdout", io.StringIO())
    with pytest.raises(UsageError, match="takes no bytes here"):
        Run([photos], JOB, Output.parse("-"))
