import contextlib
import json
import os
import sqlite3
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from fercli.classification.journal import Journal, journal_path, open_journal
from fercli.classification.records import Face, Outcome, Reject, encoded
from fercli.errors import FercliError, IntegrityError
from fercli.files import identity_of
from fercli.photos.geometry import Box
from tests.promises import Did

SETTINGS = {"model": "deep", "detector": "auto"}
FACE = Face(Box(-1, 2, 30, 30), 0.1 + 0.2, (1 / 3, 0.0, 1e-9, 0.1, 0.2, 0.3, 0.05))


faces = st.lists(
    st.builds(
        Face,
        st.builds(Box, *[st.integers(-(2**31), 2**31 - 1)] * 2, *[st.integers(1, 2**31 - 1)] * 2),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.tuples(*[st.floats(0, 1)] * 7),
    ),
    max_size=2,
).map(tuple)


def found(journal: Journal, photo: Path) -> Outcome | None:
    return next(journal.find(photo), None)


class Runs(RuleBasedStateMachine):
    """Photos are added, changed and taken away, and the run stops and goes on: the journal knows what was added and not changed."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.photos = [Path(self.folder.name) / os.fsdecode(name) for name in (b"a.jpg", b"\xff.jpg", b"-\n.jpg")]
        self.known: dict[Path, Outcome] = {}
        self.time = 0
        for photo in self.photos:
            self.change(photo)
        self.block = self.opened(resume=False)
        self.journal = self.block.__enter__()

    def opened(self, *, resume: bool) -> contextlib.AbstractContextManager[Journal]:
        return open_journal(journal_path(Path(self.folder.name) / "r.csv"), SETTINGS, resume=resume, keep=True)

    def change(self, photo: Path) -> None:
        self.time += 1
        photo.write_bytes(b"x")
        os.utime(photo, ns=(0, self.time))
        self.known.pop(photo, None)

    @rule(number=st.integers(0, 2), faces=faces)
    def add(self, number: int, faces: tuple[Face, ...]) -> None:
        photo = self.photos[number]
        outcome = Outcome(photo, faces, identity=identity_of(photo))
        self.journal.add(outcome)
        if outcome.identity:
            self.known[photo] = outcome

    @rule(number=st.integers(0, 2))
    def change_a_photo(self, number: int) -> None:
        self.change(self.photos[number])

    @rule(number=st.integers(0, 2))
    def take_a_photo_away(self, number: int) -> None:
        self.photos[number].unlink(missing_ok=True)
        self.known.pop(self.photos[number], None)

    @rule(number=st.integers(0, 2))
    def reject(self, number: int) -> None:
        photo = self.photos[number]
        self.journal.add(Outcome(photo, reject=Reject("damaged", "x"), identity=identity_of(photo)))

    @rule()
    def stop_and_go_on(self) -> None:
        self.block.__exit__(Stop, Stop(), None)
        self.block = self.opened(resume=True)
        self.journal = self.block.__enter__()

    @invariant()
    def the_journal_knows_what_is_so(self) -> None:
        for photo in self.photos:
            assert found(self.journal, photo) == self.known.get(photo)

    def teardown(self) -> None:
        self.block.__exit__(None, None, None)
        assert not journal_path(Path(self.folder.name) / "r.csv").exists()
        self.folder.cleanup()


def test_promise_11_whatever_happens_to_photos_and_runs(did: Did) -> None:
    did(30, "histories of runs")
    run_state_machine_as_test(Runs, settings=settings(max_examples=30, stateful_step_count=20, deadline=None))


class Stop(Exception):
    pass


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / os.fsdecode(name) for name in (b"a.jpg", b"caf\xe9.jpg", b"[red]\n.jpg")]
    for number, path in enumerate(paths):
        path.write_bytes(b"x" * (number + 1))
    return paths


def stopped(path: Path, outcomes: list[Outcome]) -> None:
    with contextlib.suppress(Stop), open_journal(path, SETTINGS, resume=False) as journal:
        for outcome in outcomes:
            journal.add(outcome)
        raise Stop


def test_promise_18_a_name_too_long_for_any_file_is_simply_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite refuses to look for it, which was taken for a broken journal."""
    monkeypatch.setattr("fercli.classification.journal._LONGEST", 10_000)
    with open_journal(journal_path(tmp_path / "r.csv"), SETTINGS, resume=False) as journal:
        assert found(journal, Path("x" * 20_000)) is None


def test_what_was_added_is_found_again_to_the_last_bit(tmp_path: Path, photos: list[Path]) -> None:
    path = journal_path(tmp_path / "r.csv")
    outcomes = [
        Outcome(photos[0], (FACE, FACE), identity=identity_of(photos[0])),
        Outcome(photos[1], identity=identity_of(photos[1])),
    ]
    reject = Outcome(photos[2], reject=Reject("unreadable", "Permission denied"), identity=identity_of(photos[2]))
    stopped(path, [*outcomes, reject])
    with open_journal(path, SETTINGS, resume=True) as journal:
        assert [found(journal, photo) for photo in photos] == [*outcomes, None]
        assert found(journal, tmp_path / "other.jpg") is None
    assert not path.exists()


def test_a_changed_photo_is_not_known(tmp_path: Path, photos: list[Path]) -> None:
    path = journal_path(tmp_path / "r.csv")
    stopped(path, [Outcome(photo, (FACE,), identity=identity_of(photo)) for photo in photos])
    photos[0].write_bytes(b"another length")
    os.utime(photos[1], ns=(0, 0))
    photos[2].unlink()
    with open_journal(path, SETTINGS, resume=True) as journal:
        assert [found(journal, photo) for photo in photos] == [None, None, None]


def test_a_run_with_other_settings_is_refused(tmp_path: Path, photos: list[Path]) -> None:
    path = journal_path(tmp_path / "r.csv")
    stopped(path, [Outcome(photos[0], (FACE,), identity=identity_of(photos[0]))])
    with (
        pytest.raises(IntegrityError, match=r"is from a run without --detector haar \(now with it\)"),
        open_journal(path, SETTINGS | {"detector": "haar"}, resume=True),
    ):
        pass
    assert path.exists()
    with open_journal(path, SETTINGS | {"detector": "haar"}, resume=False) as journal:
        assert found(journal, photos[0]) is None


def test_a_broken_journal_is_refused_and_kept(tmp_path: Path) -> None:
    path, content = tmp_path / "journal", b"no database at all, but long enough to be read as one" * 10
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match="not a journal that fercli can read"), open_journal(path, SETTINGS, resume=True):
        pass
    assert path.read_bytes() == content
    with open_journal(path, SETTINGS, resume=False):
        pass
    assert not path.exists()


@pytest.mark.parametrize("resume", [False, True])
def test_promise_23_a_journal_in_use_is_left_alone(tmp_path: Path, photos: list[Path], resume: bool) -> None:
    path = journal_path(tmp_path / "r.csv")
    outcome = Outcome(photos[0], (FACE,), identity=identity_of(photos[0]))
    with open_journal(path, SETTINGS, resume=False) as journal:
        journal.add(outcome)
        with pytest.raises(FercliError, match="in use by another run"), open_journal(path, SETTINGS, resume=resume):
            pass
        assert found(journal, photos[0]) == outcome


def test_promise_23_of_two_that_begin_at_once_one_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, did: Did) -> None:
    monkeypatch.setattr("fercli.classification.journal._PATIENCE", 0.1)
    path, both = tmp_path / "j", threading.Barrier(2)
    won: list[Journal] = []

    def begin() -> None:
        both.wait()
        with contextlib.suppress(sqlite3.OperationalError):
            won.append(Journal(path, {}, resume=False))

    for number in range(1, 21):
        runs = [threading.Thread(target=begin) for _ in range(2)]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
        assert len(won) == number
        won[-1].commit()
        with pytest.raises(sqlite3.OperationalError, match="locked"):  # between its transactions, too
            Journal(path, {}, resume=False)
        won[-1].close(keep=True)
        did(1, "pairs of runs")


def test_an_outcome_that_was_tampered_with_is_refused(tmp_path: Path, photos: list[Path]) -> None:
    path = journal_path(tmp_path / "r.csv")
    stopped(path, [Outcome(photos[0], (FACE,), identity=identity_of(photos[0]))])
    with sqlite3.connect(path) as database:
        database.execute("UPDATE picture SET outcome = '[{}]'")
    database.close()
    with pytest.raises(IntegrityError), open_journal(path, SETTINGS, resume=True) as journal:
        found(journal, photos[0])


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_that_did_nothing_leaves_nothing(tmp_path: Path, photos: list[Path], resume: bool) -> None:
    path = journal_path(tmp_path / "r.csv")
    with contextlib.suppress(Stop), open_journal(path, SETTINGS, resume=resume) as journal:
        journal.add(Outcome(photos[0], reject=Reject("empty", "no bytes"), identity=identity_of(photos[0])))
        raise Stop
    assert not path.exists()


def test_a_stop_over_an_old_output_leaves_word_of_it(tmp_path: Path) -> None:
    path = journal_path(tmp_path / "r.csv")
    with contextlib.suppress(Stop), open_journal(path, SETTINGS, resume=False, keep=True):
        raise Stop
    assert path.exists()
    with open_journal(path, SETTINGS, resume=True, keep=True):
        pass
    assert not path.exists()


def test_a_file_of_the_year_2300_is_kept(tmp_path: Path, photos: list[Path]) -> None:
    path = journal_path(tmp_path / "r.csv")
    os.utime(photos[0], ns=(0, 10_413_792_000_000_000_000))
    outcome = Outcome(photos[0], (FACE,), identity=identity_of(photos[0]))
    stopped(path, [outcome])
    with open_journal(path, SETTINGS, resume=True) as journal:
        assert found(journal, photos[0]) == outcome


@pytest.mark.parametrize("size", [100, 4096, 8192])
def test_a_journal_cut_off_is_refused_but_may_be_begun_anew(tmp_path: Path, photos: list[Path], size: int) -> None:
    path = journal_path(tmp_path / "r.csv")
    stopped(path, [Outcome(photo, (FACE,) * 50, identity=identity_of(photo)) for photo in photos])
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(IntegrityError), open_journal(path, SETTINGS, resume=True) as journal:
        found(journal, photos[0])
    with open_journal(path, SETTINGS, resume=False) as journal:
        assert found(journal, photos[0]) is None
    assert not path.exists()


def test_what_was_added_is_on_disk_soon_even_if_nothing_follows(
    tmp_path: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fercli.classification.journal._COMMIT_EVERY", 0.01)
    path, copy = journal_path(tmp_path / "r.csv"), tmp_path / "copy"
    outcome = Outcome(photos[0], (FACE,), identity=identity_of(photos[0]))
    with open_journal(path, SETTINGS, resume=False) as journal:
        journal.add(outcome)
        time.sleep(0.3)
        copy.write_bytes(path.read_bytes())  # as after kill -9
    with open_journal(copy, SETTINGS, resume=True) as journal:
        assert found(journal, photos[0]) == outcome


def test_a_disk_that_fills_up_stops_the_run(tmp_path: Path, photos: list[Path]) -> None:
    outcome = Outcome(photos[0], (FACE,), identity=identity_of(photos[0]))

    def run() -> None:
        with open_journal(journal_path(tmp_path / "r.csv"), SETTINGS, resume=False) as journal:
            journal._failure = sqlite3.OperationalError("database or disk is full")
            journal.add(outcome)

    with pytest.raises(FercliError, match="cannot be written"):
        run()


def test_promise_11_another_photo_moved_into_place_is_not_known(tmp_path: Path, photos: list[Path]) -> None:
    """Not even one of the same size and time, as copies that keep their times often are."""
    path = journal_path(tmp_path / "r.csv")
    stopped(path, [Outcome(photo, (FACE,), identity=identity_of(photo)) for photo in photos])
    before = photos[0].stat()
    other = tmp_path / "other"
    other.write_bytes(b"y" * before.st_size)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(photos[0])
    with open_journal(path, SETTINGS, resume=True) as journal:
        assert found(journal, photos[0]) is None
        assert found(journal, photos[1]) is not None


ODD: dict[str, list[Any]] = {
    "settings": ["[]", "5", "null", "[" * 100_000, "{", "NaN"],
    "probabilities": [[0.5], [], ["a"] * 7, [float("nan")] * 7, [1e999] * 7, [-0.1] * 7, [True] * 7, "1234567", None, [2] * 7],
    "detection_score": ["=1+1", True, float("inf"), [1], 10**400],
    "box": [None, {"x": "=cmd", "y": 1, "width": 1, "height": 1}, {"x": 1}, {"x": 1.5, "y": 1, "width": 1, "height": 1},
            {"x": 10**400, "y": 1, "width": 1, "height": 1}, {"x": True, "y": 1, "width": 1, "height": 1},
            {"x": 2**31, "y": 1, "width": 1, "height": 1}, {"x": 1, "y": 1, "width": 0, "height": 1}],
    "faces": [None, 5, "ab", {"a": 1}, [[]], [5]],
    "person": [0, -1, "1", True, 1.5, 2**31],
    "moment": [5, {"time": 1.0}, {"time": "1", "frame": 0}, {"time": -1.0, "frame": 0}, {"time": float("nan"), "frame": 0},
               {"time": 10**400, "frame": 0},
               {"time": 1.0, "frame": 1.5}, {"time": 1.0, "frame": 2**31}],
    "identity": [5, {"size": "1", "changed": 1}, {"size": 1}, []],
    "reject": [5, {"code": "none such", "reason": "x"}, {"code": "empty", "reason": 5}, {"code": ["empty"], "reason": "x"}],
    "outcome": ["[" * 200_000, "{}", "5", "null", '"x"', b"\xff\xfe", 7, "[{}]"],
}  # fmt: skip


@pytest.mark.parametrize("kind", ODD)
def test_promise_11_odd_values_in_a_journal_are_a_sentence(tmp_path: Path, photos: list[Path], kind: str, did: Did) -> None:
    good = json.loads(encoded(Outcome(photos[0], (FACE,), identity=identity_of(photos[0]))))
    for value in ODD[kind]:
        path = journal_path(tmp_path / "r.csv")
        stopped(path, [Outcome(photos[0], (FACE,), identity=identity_of(photos[0]))])
        face = good["faces"][0]
        texts = {"settings": value, "outcome": value}
        if kind in {"probabilities", "detection_score", "box", "person"}:
            texts["outcome"] = json.dumps(good | {"faces": [face | {kind: value}]})
        elif kind in good:
            texts["outcome"] = json.dumps(good | {kind: value})
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            if kind == "settings":
                database.execute("UPDATE run SET settings = ?", (value,))
            else:
                database.execute("UPDATE picture SET outcome = ?", (texts["outcome"],))
        with pytest.raises(FercliError, match="journal"), open_journal(path, SETTINGS, resume=True) as journal:
            found(journal, photos[0])
        did(1, "odd values")
        path.unlink()


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW run AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT x AS settings FROM c WHERE x<0",
        "CREATE TABLE run (settings TEXT NOT NULL, more TEXT)",
        "CREATE TABLE accounts (name TEXT)",
    ],
)
@pytest.mark.parametrize("resume", [False, True])
def test_promise_11_a_database_of_something_else_is_left_as_it_is(tmp_path: Path, statement: str, resume: bool) -> None:
    path = journal_path(tmp_path / "r.csv")
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)
    before = path.read_bytes()
    with pytest.raises(IntegrityError, match="database of something else"), open_journal(path, SETTINGS, resume=resume):
        pass
    assert path.read_bytes() == before


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("link", ["symbolic", "hard", "broken", "behind", "log"])
def test_promise_9_a_link_in_the_journal_s_place_is_not_followed(tmp_path: Path, resume: bool, link: str) -> None:
    path, target = journal_path(tmp_path / "r.csv"), tmp_path / "precious.db"
    with contextlib.closing(sqlite3.connect(target)) as database, database:
        database.execute("CREATE TABLE photo (path TEXT)")
    before = target.read_bytes()
    if link == "hard":
        path.hardlink_to(target)
    elif link == "behind":
        path.with_name(f"{path.name}-journal").symlink_to(target)
    elif link == "log":  # which SQLite writes for a journal that somebody has set so
        path.with_name(f"{path.name}-wal").hardlink_to(target)
    else:
        path.symlink_to(target if link == "symbolic" else tmp_path / "nothing")
    with pytest.raises(IntegrityError, match="remove it"), open_journal(path, SETTINGS, resume=resume):
        pass
    assert target.read_bytes() == before
    assert not (tmp_path / "nothing").exists()


def test_promise_10_a_journal_that_finds_no_room_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Journal, "_compared", full)
    path = journal_path(tmp_path / "r.csv")
    with pytest.raises(FercliError, match="cannot be written"), open_journal(path, SETTINGS, resume=False):
        pass
    assert list(tmp_path.iterdir()) == []


def test_promise_10_a_disk_that_is_full_as_the_first_outcomes_are_kept_is_told(tmp_path: Path) -> None:
    def fill_up() -> None:
        with open_journal(journal_path(tmp_path / "r.csv"), SETTINGS, resume=False) as journal:
            journal._database.execute("ROLLBACK")  # as SQLite does by itself then
            journal._database.execute("BEGIN")
            raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(FercliError, match="full"):
        fill_up()
    assert list(tmp_path.iterdir()) == []
