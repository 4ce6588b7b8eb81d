import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.classification import loading, pipeline
from fercli.classification.pipeline import classify
from fercli.classification.records import SMALL_WITHOUT, WHOLE, Outcome
from fercli.photos.faces import WholeImage, overlap
from fercli.photos.faces.auto import Auto
from fercli.photos.faces.mtcnn import Mtcnn
from fercli.photos.images import Photo
from tests.conftest import PHOTOS
from tests.fakes import FakeLabeller
from tests.promises import Did
from tests.scenes import FACE_FREE, compose, empty


def crops(folder: Path, values: list[int]) -> list[Path]:
    paths = []
    for number, value in enumerate(values):
        paths.append(folder / f"{number}.png")
        Image.fromarray(np.full((48, 48), value, np.uint8)).save(paths[-1])
    return paths


def labels(paths: list[Path], **options: int) -> tuple[list[str], FakeLabeller]:
    labeller = FakeLabeller()
    outcomes = list(classify(paths, labeller, WholeImage(), **options))  # type: ignore[arg-type]
    assert [outcome.path for outcome in outcomes] == paths
    return [outcome.faces[0].label if outcome.faces else outcome.status for outcome in outcomes], labeller


def test_order_is_kept_and_faces_are_batched_across_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "AHEAD", 2)
    paths = crops(tmp_path, [250, 5, 120, 250, 5])
    found, labeller = labels(paths, batch_size=2)
    assert found == ["neutral", "angry", "happy", "neutral", "angry"]
    assert labeller.batches == [1, 2, 2]  # the first result at once


def test_rejects_do_not_shift_labels(tmp_path: Path) -> None:
    paths = crops(tmp_path, [250, 5, 120])
    paths[1].write_text("broken")
    assert labels(paths, batch_size=2)[0] == ["neutral", "rejected", "happy"]


def test_photos_with_one_face_or_none(tmp_path: Path) -> None:
    Image.new("L", (300, 200), 90).save(tmp_path / "nobody.png")
    paths = [PHOTOS / "astronaut.jpg", tmp_path / "nobody.png", PHOTOS / "grace_hopper.jpg"]
    outcomes = list(classify(paths, FakeLabeller(), Auto()))
    assert [(outcome.status, len(outcome.faces)) for outcome in outcomes] == [("ok", 1), ("no_face", 0), ("ok", 1)]


def test_only_a_small_image_that_shows_something_may_be_a_crop(tmp_path: Path) -> None:
    Image.new("L", (100, 100), 90).save(tmp_path / "flat.png")
    Image.fromarray(np.add.outer(np.arange(100), np.arange(100)).astype(np.uint8)).save(tmp_path / "ramp.png")
    paths = [tmp_path / "flat.png", tmp_path / "ramp.png"]
    assert [outcome.remark for outcome in classify(paths, FakeLabeller(), Mtcnn())] == [None, SMALL_WITHOUT]
    assert [outcome.remark for outcome in classify(paths, FakeLabeller(), WholeImage())] == [WHOLE, WHOLE]


def test_promise_21_outcomes_come_before_the_walk_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = crops(tmp_path, [5])
    walked = 0

    def endless() -> Iterator[Path]:
        nonlocal walked
        while True:
            walked += 1
            yield path

    assert next(classify(endless(), FakeLabeller(), WholeImage(), batch_size=8)).status == "ok"
    assert walked < 100
    path.write_text("broken: no faces, so no batch would ever fill")
    monkeypatch.setattr(pipeline, "IN_FLIGHT", 20)
    assert next(classify(endless(), FakeLabeller(), WholeImage())).status == "rejected"
    assert walked < 180


def test_promise_21_memory_does_not_grow_with_the_photos(monkeypatch: pytest.MonkeyPatch, did: Did) -> None:
    """A fake walk, a fake decoder and a fake network; `tests/bench/million.py` does the same a million times."""
    monkeypatch.setattr(loading, "read_photo", lambda *_: Photo(np.full((48, 48), 7, np.uint8)))
    count = 8_000  # whose crops have 18 MB
    tracemalloc.start()
    paths = (Path(f"/nowhere/{number}.png") for number in range(count))
    done = sum(1 for _ in classify(paths, FakeLabeller(), WholeImage()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert done == count
    did(count, "photos")
    assert peak < 9_000_000  # how far the threads are ahead of one another differs from moment to moment


def test_no_photos() -> None:
    assert list(classify([], FakeLabeller(), WholeImage())) == []


def test_boxes_of_a_large_photo_are_in_its_own_upright_pixels(tmp_path: Path) -> None:
    large = Image.open(PHOTOS / "astronaut.jpg").resize((5120, 5120)).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to see it upright
    large.save(tmp_path / "large.jpg", exif=exif)
    (outcome,) = classify([tmp_path / "large.jpg"], FakeLabeller(), Auto())
    (face,) = outcome.faces
    assert face.box.x + face.box.width / 2 == pytest.approx(2240, abs=60)
    assert face.box.y + face.box.height / 2 == pytest.approx(1130, abs=60)
    assert face.box.width == pytest.approx(1095, abs=90)


def test_what_is_known_is_passed_on_in_its_place(tmp_path: Path) -> None:
    paths = crops(tmp_path, [250, 5, 120])
    known = Outcome(paths[1])
    labeller = FakeLabeller()
    found = list(classify(paths, labeller, WholeImage(), known=lambda path: [known] if path == paths[1] else []))
    assert [outcome.status for outcome in found] == ["ok", "no_face", "ok"]
    assert found[1] is known
    assert sum(labeller.batches) == 2


def test_composed_scenes_faces_are_found_with_their_frames() -> None:
    scenes = [compose(seed, roll=15) for seed in range(12)]
    auto = Auto()
    found = [auto.find(scene.gray) for scene in scenes]
    true = [face for scene in scenes for face in scene.faces]
    hits = [
        any(overlap(face.frame, known) > 0.5 for face in faces)
        for scene, faces in zip(scenes, found, strict=True)
        for known in scene.faces
    ]
    assert sum(hits) >= 0.9 * len(true)
    assert sum(map(len, found)) <= len(true)


def test_no_face_is_found_where_there_is_none() -> None:
    auto = Auto()
    assert [name for name in FACE_FREE if auto.find(empty(name).gray)] == []
