from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli import classification
from fercli.classification import classify
from fercli.faces import Auto, WholeImage
from tests.conftest import PHOTOS, FakeLabeller


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
    monkeypatch.setattr(classification, "PHOTOS_TOGETHER", 2)
    paths = crops(tmp_path, [250, 5, 120, 250, 5])
    found, labeller = labels(paths, batch_size=2)
    assert found == ["neutral", "angry", "happy", "neutral", "angry"]
    assert labeller.batches == [2, 2, 1]


def test_rejects_do_not_shift_labels(tmp_path: Path) -> None:
    paths = crops(tmp_path, [250, 5, 120])
    paths[1].write_text("broken")
    assert labels(paths, batch_size=2)[0] == ["neutral", "rejected", "happy"]


def test_photos_with_one_face_or_none(tmp_path: Path) -> None:
    Image.new("L", (300, 200), 90).save(tmp_path / "nobody.png")
    paths = [PHOTOS / "astronaut.jpg", tmp_path / "nobody.png", PHOTOS / "grace_hopper.jpg"]
    outcomes = list(classify(paths, FakeLabeller(), Auto()))  # type: ignore[arg-type]
    assert [(outcome.status, len(outcome.faces)) for outcome in outcomes] == [("ok", 1), ("no_face", 0), ("ok", 1)]


def test_promise_21_outcomes_come_before_the_walk_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = crops(tmp_path, [5])
    walked = 0

    def endless() -> Iterator[Path]:
        nonlocal walked
        while True:
            walked += 1
            yield path

    assert next(classify(endless(), FakeLabeller(), WholeImage(), batch_size=8)).status == "ok"  # type: ignore[arg-type]
    assert walked < 50
    path.write_text("broken: no faces, so no batch would ever fill")
    monkeypatch.setattr(classification, "PHOTOS_IN_FLIGHT", 20)
    assert next(classify(endless(), FakeLabeller(), WholeImage())).status == "rejected"  # type: ignore[arg-type]
    assert walked < 130


def test_no_photos() -> None:
    assert list(classify([], FakeLabeller(), WholeImage())) == []  # type: ignore[arg-type]
