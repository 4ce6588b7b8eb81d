import ctypes
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fercli.classification import loading
from fercli.classification.job import Options
from fercli.classification.loading import Picture, ahead, beside, expected, pictures
from fercli.classification.records import Outcome
from fercli.classification.stretches import Stretch
from fercli.files import identity_of
from fercli.photos.geometry import Moment
from tests.clips import gray_steps, write_clip


def test_ahead_keeps_order_and_never_runs_further_than_told() -> None:
    taken = done = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(200):
            taken += 1
            yield number

    def work(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return number

    for result in ahead(work, items(), 10):
        assert result == done
        done += 1
        assert taken - done < 10
    assert done == 200


def test_an_error_in_a_thread_reaches_the_consumer_and_ends_the_threads() -> None:
    def work(number: int) -> int:
        if number == 5:
            raise RuntimeError("five")
        return number

    before = set(threading.enumerate())  # such as those that compute, which stay for the next batch
    results = ahead(work, range(1000), 8)
    with pytest.raises(RuntimeError, match="five"):
        list(results)
    for _ in range(200):  # they end as soon as they may
        if before.issuperset(threading.enumerate()):
            return
        time.sleep(0.05)
    raise AssertionError("threads are left")


def test_beside_takes_items_in_its_own_thread_and_not_far_ahead() -> None:
    threads, taken = set(), 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(100):
            threads.add(threading.current_thread())
            taken += 1
            yield number

    some = beside(items(), 5)
    assert [next(some) for _ in range(20)] == list(range(20))
    time.sleep(0.05)
    assert taken <= 25
    assert list(some) == list(range(20, 100))
    assert len(threads) == 1
    assert threading.current_thread() not in threads


def test_an_error_of_an_item_comes_after_those_before_it() -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise RuntimeError("three")

    some = beside(items(), 5)
    assert [next(some) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(RuntimeError, match="three"):
        next(some)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.fromarray(np.full((30, 40), 7, np.uint8)).save(tmp_path / "a.png")
    write_clip(tmp_path / "b.mp4", gray_steps(25))
    (tmp_path / "c.png").write_text("no photo")
    return tmp_path


def read(folder: Path, *sources: Path | Stretch, known: dict[Path, list[Outcome]] | None = None) -> list[Picture]:
    before = known or {}
    return list(pictures(sources, Options(every=0.5), lambda path: before.get(path, [])))


def test_photos_and_frames_come_in_order(folder: Path) -> None:
    found = read(folder, *(folder / name for name in ("a.png", "b.mp4", "c.png", "a.png")))
    assert [picture.path.name for picture in found] == ["a.png", *["b.mp4"] * 5, "c.png", "a.png"]
    assert [picture.moment.frame for picture in found if picture.moment] == [0, 5, 10, 15, 20]
    assert [picture.photo.pixels.shape if picture.photo else None for picture in found[:2]] == [(30, 40), (48, 64)]
    assert [picture.reject.code for picture in found if picture.reject] == ["not_an_image"]
    assert {picture.identity for picture in found[1:6]} == {identity_of(folder / "b.mp4")}


def test_what_is_known_of_a_video_is_followed_by_the_rest(folder: Path) -> None:
    clip = folder / "b.mp4"
    moments = [picture.moment for picture in read(folder, clip)]
    for count in range(6):
        known = [Outcome(clip, moment=moment) for moment in moments[:count]]
        found = read(folder, clip, known={clip: known})
        assert [picture.known for picture in found] == [*known, *[None] * (5 - count)]
        assert [picture.known.moment if picture.known else picture.moment for picture in found] == moments


def test_a_stretch_says_where_the_next_one_begins(folder: Path) -> None:
    clip = folder / "b.mp4"
    stretch = Stretch(clip, Moment(1.0, 10), end=2.0, after=True)
    assert [picture.moment and picture.moment.frame for picture in read(folder, stretch)] == [15]
    assert stretch.following == 20


def test_a_frame_larger_than_is_worked_on_is_made_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fercli.classification.loading.WORK_SIDE", 32)
    (picture,) = read(tmp_path, write_clip(tmp_path / "b.avi", gray_steps(1)))
    assert picture.photo
    assert (picture.photo.pixels.shape, picture.photo.scale) == ((24, 32), 0.5)


def test_how_many_pictures_a_file_will_give(folder: Path) -> None:
    assert [expected(folder / name, 0.5) for name in ("a.png", "b.mp4", "c.png", "gone.avi")] == [1, 5, 1, 1]
    assert [expected(folder / "b.mp4", every) for every in (0.0, 0.01, 60.0)] == [25, 25, 1]


def test_large_blocks_are_returned_where_the_c_library_can(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=lambda *values: calls.append(values)))
    loading.release_blocks(8 << 20)
    assert calls == [(-3, 8 << 20)]
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    loading.release_blocks(8 << 20)
