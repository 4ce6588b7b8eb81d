from collections.abc import Iterator
from pathlib import Path

import pytest

from fercli.classification import stretches
from fercli.classification.job import Options
from fercli.classification.pipeline import classify
from fercli.classification.records import Outcome, Reject
from fercli.classification.stretches import End, Stretch, cut, joined
from fercli.photos.faces import WholeImage
from fercli.photos.geometry import Moment
from tests.clips import gray_steps, write_clip
from tests.fakes import FakeLabeller


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretches, "SECONDS", 1.5)


def in_one(path: Path, every: float) -> list[Outcome]:
    return list(classify([path], FakeLabeller(), WholeImage(), Options(every=every)))


def in_stretches(parts: list[Outcome | Path | Stretch], every: float) -> list[Outcome]:
    def results() -> Iterator[Outcome | End]:
        for part in parts:
            if isinstance(part, Outcome):
                yield part
                continue
            yield from classify([part], FakeLabeller(), WholeImage(), Options(every=every))
            if isinstance(part, Stretch):
                yield End(part.path, part.following)

    return list(joined(results()))


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".avi"])
@pytest.mark.parametrize(("every", "count"), [(0.0, 5), (0.3, 5), (1.0, 3), (2.0, 3)])
def test_stretches_together_are_the_whole(tmp_path: Path, suffix: str, every: float, count: int) -> None:
    clip = write_clip(tmp_path / f"clip{suffix}", gray_steps(78))
    parts = list(cut([clip], every, lambda _: ()))
    assert len(parts) == (1 if suffix == ".avi" else count)
    assert in_stretches(parts, every) == in_one(clip, every)


@pytest.mark.parametrize("done", [1, 7, 39, 40])
def test_what_is_known_is_not_done_again(tmp_path: Path, done: int) -> None:
    clip = write_clip(tmp_path / "clip.mp4", gray_steps(40))
    whole = in_one(clip, 0.0)
    parts = list(cut([clip], 0.0, lambda _: whole[:done]))
    assert parts[:done] == whole[:done]
    work = [part for part in parts if isinstance(part, Stretch)]
    assert work[0].start == whole[done - 1].moment
    assert in_stretches(parts, 0.0) == whole


def test_one_that_breaks_off_has_one_reject_and_nothing_after_it(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", gray_steps(78))
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) // 2])
    whole = in_one(clip, 0.5)
    assert [outcome.status for outcome in whole].count("rejected") == 1
    parts = list(cut([clip], 0.5, lambda _: ()))
    assert len(parts) > 1
    assert in_stretches(parts, 0.5) == whole


def test_photos_and_what_has_another_name_are_left_whole(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", gray_steps(60)).rename(tmp_path / "clip")
    photo, text = tmp_path / "a.png", tmp_path / "text.mp4"
    text.write_text("no video")
    assert list(cut([clip, photo, text], 1.0, lambda _: ())) == [clip, photo, text]


def test_numbers_begin_anew_with_each_file() -> None:
    a, b = Path("a"), Path("b")
    moment = Moment(0.0, 3)
    found = joined(
        [Outcome(a, moment=moment), End(a, 10), Outcome(a, moment=moment), End(a, 5), Outcome(b, moment=moment), End(b, 9)]
    )
    assert [outcome.moment and outcome.moment.frame for outcome in found] == [3, 13, 3]
    broken = joined([Outcome(a, reject=Reject("damaged", "x")), Outcome(a), End(a, 5), Outcome(b)])
    assert [outcome.status for outcome in broken] == ["rejected", "no_face"]


def test_a_stretch_is_told_as_text() -> None:
    for stretch in (Stretch(Path("a")), Stretch(Path("a"), Moment(1 / 3, 7), 2.5, after=True)):
        assert Stretch.of(Path("a"), stretch.text()) == stretch
