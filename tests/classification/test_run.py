import itertools
import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fercli.classification.job import Job
from fercli.classification.journal import Journal, finished_path, journal_path
from fercli.classification.outputs import Output
from fercli.classification.records import Outcome
from fercli.classification.run import Run
from fercli.errors import FercliError, UsageError
from tests.clips import gray_steps, write_clip

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
    assert sorted(path.name for path in tmp_path.iterdir()) == [".r.csv.fercli-finished", "photos", "r.csv", "r.html"]


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
    with pytest.raises(FercliError, match=r"bad.jpg could not be read .* so no results were written"):
        list(Run([tmp_path / "bad.jpg"], JOB, output))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "x.txt").write_text("notes")
    with pytest.raises(FercliError, match=r"There are no photos or videos in .*notes, only files of other kinds: .*, so no"):
        list(Run([tmp_path / "notes"], JOB, output))
    seen: list[Outcome] = []
    with pytest.raises(FercliError, match=r"bad\.jpg was rejected and --strict allows none"):
        seen.extend(Run([tmp_path / "bad.jpg", photos], JOB, output, strict=True))
    assert [outcome.path.name for outcome in seen] == ["bad.jpg"]
    assert not output.path.exists()


def updated(photos: Path, output: Output, fresh: Path, **options: Any) -> tuple[int, str]:
    """Update, see that the bytes are those of a new run, and return how many photos were known and why all were done again."""
    run = Run([photos], options.pop("job", JOB), output, update=True, **options)
    count = len(list(run))
    again = Run([photos], run.job, Output(fresh), overwrite=True, **options)
    assert len(list(again)) == count
    assert output.path.read_bytes() == fresh.read_bytes()
    return run.kept, run.redone


def test_promise_17_an_update_counts_whose_rows_it_drops(photos: Path, tmp_path: Path) -> None:
    clip = write_clip(photos / "clip.mp4", gray_steps(45))

    def gone() -> int:
        update = [Run([photos], JOB, Output(tmp_path / "r.csv"), update=True) for _ in range(2)]
        stopped = iter(update[0])
        next(stopped)
        stopped.close()
        list(update[1])
        return update[1].gone

    assert gone() == 0
    (photos / "0.png").unlink()
    Image.fromarray(np.full((48, 48), 7, np.uint8)).save(photos / "1.png")  # one that has changed is not gone
    (photos / "2.png").write_text("no image")  # nor is one that is now rejected
    assert gone() == 1
    assert gone() == 0
    clip.unlink()
    assert gone() == 1


def test_promise_17_photos_that_are_no_longer_named_are_not_called_gone(photos: Path, tmp_path: Path) -> None:
    output = Output(tmp_path / "r.csv")
    list(Run([photos], JOB, output))
    (photos / "0.png").unlink()
    run = Run([photos / "1.png", photos / "2.png"], JOB, output, update=True)
    assert len(list(run)) == run.kept == 2
    assert (run.gone, run.unnamed) == (1, 2)


def test_promise_17_an_update_drops_nothing_for_a_folder_that_cannot_be_listed(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = Output(tmp_path / "r.csv")
    (photos / "locked").mkdir()
    (photos / "4.png").rename(photos / "locked" / "4.png")
    list(Run([photos], JOB, output))
    before = output.path.read_bytes()
    real = os.listdir

    def listdir(folder: Path) -> list[str]:
        if folder.name == "locked":
            raise PermissionError(13, "Permission denied")
        return real(folder)

    with monkeypatch.context() as patch:
        patch.setattr("fercli.photos.walk.os.listdir", listdir)
        with pytest.raises(
            FercliError,
            match=r"locked cannot be read \(Permission denied\), so its photos would be dropped",
        ):
            list(Run([photos], JOB, output, update=True))
        with pytest.raises(FercliError, match="locked cannot be read"):
            list(Run([photos], JOB, output, resume=True))
    assert output.path.read_bytes() == before
    run = Run([photos], JOB, output, update=True)
    assert len(list(run)) == run.kept == 5


def test_a_journal_that_cannot_be_kept_fails_no_run(photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    finished_path(tmp_path / "r.csv").mkdir()
    assert len(list(Run([photos], JOB, Output(tmp_path / "r.csv")))) == 5
    assert "The results are complete, but --update cannot go on from them" in caplog.text
    assert sorted(path.name for path in tmp_path.iterdir()) == [".r.csv.fercli-finished", "photos", "r.csv"]


def test_an_update_shows_results_to_nobody_else(photos: Path, tmp_path: Path) -> None:
    output, page = Output(tmp_path / "r.csv"), tmp_path / "r.html"
    list(Run([photos], JOB, output, report=page))
    for path in (output.path, page):
        path.chmod(0o600)
    list(Run([photos], JOB, output, report=page, update=True))
    files = (output.path, page, finished_path(output.path))
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600] * 3


def test_promise_20_an_update_loses_nothing_that_others_wrote(photos: Path, tmp_path: Path) -> None:
    output, finished = Output(tmp_path / "r.csv"), finished_path(tmp_path / "r.csv")
    output.path.write_text("path,label\n0.png,angry\n")
    with pytest.raises(UsageError, match=r"no results to update: .*r\.csv has no columns face, .*; give the results"):
        Run([photos], JOB, output, update=True)
    list(Run([photos], JOB, output, overwrite=True))
    written = output.path.read_bytes()
    for changed, message in (
        (
            written.replace(b",model", b",model,mine").replace(b",fake\n", b",fake,1\n"),
            "has columns .*, such as mine, .* move it away",
        ),
        (written.replace(b",angry,0", b",sad,0"), "was changed after fercli wrote it, .* move it away"),
    ):
        output.path.write_bytes(changed)
        with pytest.raises(UsageError, match=message):
            list(Run([photos], JOB, output, update=True))
        assert output.path.read_bytes() == changed
    output.path.rename(tmp_path / "mine.csv")
    run = Run([photos], JOB, output, update=True)  # as the message says; what is known stays known
    assert len(list(run)) == run.kept == 5
    assert (run.gone, run.unnamed, run.redone) == (0, 0, "")
    assert output.path.read_bytes() == written
    output.path.write_bytes(changed)
    finished.unlink()
    assert len(list(Run([photos], JOB, output, update=True))) == 5  # nothing tells of the change


@pytest.mark.parametrize("again", ["update", "resume"])
def test_promise_20_nor_does_one_that_was_stopped_meanwhile(photos: Path, tmp_path: Path, again: str) -> None:
    output = Output(tmp_path / "r.csv")
    list(Run([photos], JOB, output))
    Image.fromarray(np.full((48, 48), 7, np.uint8)).save(photos / "new.png")
    stopped = iter(Run([photos], JOB, output, update=True))
    next(stopped)
    stopped.close()
    changed = output.path.read_bytes().replace(b",angry,0", b",sad,0")
    output.path.write_bytes(changed)
    options: Any = {again: True}
    with pytest.raises(UsageError, match="was changed after fercli wrote it"):
        list(Run([photos], JOB, output, **options))
    assert output.path.read_bytes() == changed
    assert len(list(Run([photos], JOB, output, overwrite=True))) == 6


def test_promise_10_no_room_to_tell_what_was_written_fails_no_run(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    output = Output(tmp_path / "r.csv")
    commit = Journal.commit
    with monkeypatch.context() as patch:

        def last_room(journal: Journal) -> None:
            commit(journal)
            patch.setattr(Journal, "_tell", full)

        patch.setattr(Journal, "commit", last_room)
        assert len(list(Run([photos], JOB, output))) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == [".r.csv.fercli-finished", "photos", "r.csv"]
    run = Run([photos], JOB, output, update=True)
    assert len(list(run)) == run.kept == 5


def test_an_update_names_the_pages_and_copies_that_it_does_not_bring_up_to_date(photos: Path, tmp_path: Path) -> None:
    output, page, copies = Output(tmp_path / "r.csv"), tmp_path / "r.html", tmp_path / "copies"

    def outdated(**options: Any) -> list[str]:
        run = Run([photos], JOB, output, update=True, **options)
        list(run)
        return run.outdated

    assert outdated(report=page, annotate=copies) == []
    assert outdated() == [str(page), str(copies)]
    assert outdated(report=page) == [str(copies)]
    page.unlink()
    assert outdated() == [str(copies)]
    assert outdated(annotate=copies) == []


def test_results_that_go_as_their_update_begins_are_made_again(photos: Path, tmp_path: Path) -> None:
    output = Output(tmp_path / "r.csv")
    list(Run([photos], JOB, output))
    run = Run([photos], JOB, output, update=True)
    output.path.unlink()
    assert len(list(run)) == run.kept == 5


def test_promise_11_an_update_goes_on_if_it_was_killed_as_it_ended(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its results in place, and what tells of the change not yet."""
    output, finished, journal = Output(tmp_path / "r.csv"), finished_path(tmp_path / "r.csv"), journal_path(tmp_path / "r.csv")
    list(Run([photos], JOB, output))
    before = finished.read_bytes()
    (photos / "0.png").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "tell_written", lambda *_: None)
        list(Run([photos], JOB, output, update=True))
    journal.write_bytes(finished.read_bytes())
    finished.write_bytes(before)
    run = Run([photos], JOB, output, update=True)
    assert len(list(run)) == run.kept == 4
    assert not journal.exists()


def test_an_update_that_finds_no_photos_says_what_stays(photos: Path, tmp_path: Path) -> None:
    output = Output(tmp_path / "r.csv")
    list(Run([photos], JOB, output))
    before = {path: path.read_bytes() for path in tmp_path.glob("*r.csv*")}
    assert len(before) == 2
    for photo in photos.iterdir():
        photo.unlink()
    with pytest.raises(FercliError, match=r"no file was found, so .*r\.csv stays as it was .* delete it and .*finished\)"):
        list(Run([photos], JOB, output, update=True))
    assert {path: path.read_bytes() for path in tmp_path.glob("*r.csv*")} == before


def test_promise_22_an_update_gives_the_bytes_of_a_new_run(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output, fresh = Output(tmp_path / "r.csv"), tmp_path / "fresh.csv"
    assert updated(photos, output, fresh) == (0, "")  # the first run may be called so, too
    assert updated(photos, output, fresh) == (5, "")
    Image.fromarray(np.full((48, 48), 255, np.uint8)).save(photos / "new.png")
    Image.fromarray(np.full((48, 48), 99, np.uint8)).save(photos / "1.png")
    (photos / "0.png").unlink()
    (photos / "bad.jpg").write_text("no image")
    assert updated(photos, output, fresh) == (3, "")
    assert updated(photos, output, fresh, min_confidence=0.9, skip_no_face=True) == (5, "")  # a reject is tried again
    assert updated(photos, output, fresh, job=Job(detector="none", tta=True)) == (
        0,
        "the results were made with the model fake (now fake+tta)",
    )
    monkeypatch.setattr("fercli.classification.job.__version__", "9")
    kept, reason = updated(photos, output, fresh)
    assert (kept, reason.split("made with ")[1].split(", with fercli")[0]) == (0, "the model fake+tta (now fake)")
    finished = finished_path(output.path)
    finished.write_text("no database, but as long as one would be " * 100)
    assert updated(photos, output, fresh)[1] == f"{finished} cannot be read (file is not a database)"
    finished.unlink()
    assert updated(photos, output, fresh)[1] == f"{finished}, which knows what the results were made of, is not there"
    assert updated(photos, output, fresh)[0] == 5


def test_promise_11_a_stopped_update_goes_on_and_an_update_of_a_stopped_run_too(photos: Path, tmp_path: Path) -> None:
    output = Output(tmp_path / "r.csv")
    list(Run([photos], JOB, output))
    before = output.path.read_bytes()
    for number in range(5, 9):
        Image.fromarray(np.full((48, 48), 25 * number, np.uint8)).save(photos / f"{number}.png")
    for _ in range(2):
        outcomes = iter(Run([photos], JOB, output, update=True))
        list(itertools.islice(outcomes, 7))
        outcomes.close()
        assert output.path.read_bytes() == before
    run = Run([photos], JOB, output, update=True)
    list(run)
    assert run.kept == 7
    other = Output(tmp_path / "s.csv")
    list(Run([photos], JOB, other))
    assert output.path.read_bytes() == other.path.read_bytes()


def test_what_goes_with_an_update(photos: Path, tmp_path: Path) -> None:
    output = Output(tmp_path / "r.csv")
    for options, message in (
        ({"output": output, "overwrite": True}, "without --overwrite"),
        ({}, "goes with an output"),
        ({"output": Output.parse("-")}, "cannot be resumed or updated"),
    ):
        with pytest.raises(UsageError, match=message):
            Run([photos], JOB, update=True, **options)
    list(Run([photos], JOB, output))
    with pytest.raises(UsageError, match="add --update to label what was added or changed since"):
        Run([photos], JOB, output)


def test_parts_are_updated(photos: Path, tmp_path: Path) -> None:
    output = Output.parse(f"{tmp_path}/r/")
    list(Run([photos], JOB, output))
    (photos / "4.png").unlink()
    run = Run([photos], JOB, output, update=True)
    assert (len(list(run)), run.kept, run.redone) == (4, 4, "")


@pytest.mark.parametrize("name", ["r.csv", "parts/"])
def test_promise_23_a_run_that_began_before_another_was_done_does_not_replace_it(photos: Path, tmp_path: Path, name: str) -> None:
    output = Output(tmp_path / name, parts=name.endswith("/"))
    late = Run([photos], JOB, output)
    assert len(list(Run([photos / "0.png"], JOB, output))) == 1
    first = [path.read_bytes() for path in sorted(tmp_path.rglob("*.csv"))]
    with pytest.raises(UsageError, match="add --overwrite"):
        list(late)
    assert [path.read_bytes() for path in sorted(tmp_path.rglob("*.csv"))] == first
    assert len(list(Run([photos], JOB, output, overwrite=True))) == 5


@pytest.mark.parametrize("others", [{"report": "page.html"}, {"annotate": "copies"}])
def test_promise_23_outputs_beside_the_rows_are_held_too(photos: Path, tmp_path: Path, others: dict[str, str]) -> None:
    paths = {option: tmp_path / name for option, name in others.items()}
    late = Run([photos], JOB, Output(tmp_path / "late.csv"), **paths)  # type: ignore[arg-type]
    busy = iter(Run([photos], JOB, Output(tmp_path / "first.csv"), **paths))  # type: ignore[arg-type]
    next(busy)
    with pytest.raises(FercliError, match="by another run"):
        list(late)
    assert len(list(busy)) == 4
    with pytest.raises(UsageError, match="--overwrite"):
        list(Run([photos], JOB, Output(tmp_path / "later.csv"), **paths))  # type: ignore[arg-type]
    assert not (tmp_path / "late.csv").exists()


def test_promise_20_a_page_that_another_program_puts_there_meanwhile_stays(photos: Path, tmp_path: Path) -> None:
    run = iter(Run([photos], JOB, Output(tmp_path / "r.csv")))
    next(run)
    (tmp_path / "r.csv").write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        list(run)
    assert (tmp_path / "r.csv").read_text() == "mine"


def test_promise_17_strict_takes_a_folder_that_cannot_be_listed_for_a_reject(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.listdir

    def listdir(folder: Path) -> list[str]:
        if folder.name == "locked":
            raise PermissionError(13, "Permission denied")
        return real(folder)

    (photos / "locked").mkdir()
    monkeypatch.setattr("fercli.photos.walk.os.listdir", listdir)
    with pytest.raises(FercliError, match=r"locked cannot be read \(Permission denied\) and --strict"):
        list(Run([photos], JOB, Output(tmp_path / "r.csv"), strict=True))
    run = Run([photos], JOB, Output(tmp_path / "r.csv"), resume=True)
    assert len(list(run)) == 5
    assert [reason for _, reason in run.walk.unreadable] == ["Permission denied"]
    with pytest.raises(FercliError, match=r"locked cannot be read"):
        list(Run([photos / "locked"], JOB, Output(tmp_path / "s.csv")))


def test_promise_10_a_journal_that_finds_no_room_at_the_end_publishes_nothing(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Journal) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Journal, "commit", full)
    with pytest.raises(FercliError, match="full"):
        list(Run([photos], JOB, Output(tmp_path / "r.csv")))
    assert not (tmp_path / "r.csv").exists()
    monkeypatch.undo()


def test_promise_10_a_journal_without_bytes_is_no_run(photos: Path, tmp_path: Path) -> None:
    """As a full disk leaves it, or a kill at the very beginning."""
    (tmp_path / ".r.csv.fercli-journal").touch()
    assert len(list(Run([photos], JOB, Output(tmp_path / "r.csv")))) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == [".r.csv.fercli-finished", "photos", "r.csv"]
