import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from fercli.classification import pictures
from fercli.classification.loading import ahead
from fercli.classification.pictures import Spot, annotate, thumbnails
from fercli.classification.records import Face, Outcome
from fercli.errors import FercliError, ImageRejected
from fercli.files import identity_of
from fercli.labels import LABELS
from fercli.photos import decoding
from fercli.photos.geometry import Box
from tests.conftest import PHOTOS

HAPPY = tuple(0.94 if name == "happy" else 0.01 for name in LABELS)
LIMIT = 10**8


def yellow(path: Path) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return (pixels[..., 0] > 200) & (pixels[..., 1] > 150) & (pixels[..., 2] < 90)


@pytest.mark.parametrize("orientation", [1, 6])
def test_the_box_is_drawn_upright_where_the_face_is(tmp_path: Path, orientation: int) -> None:
    turned = {1: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}
    picture = Image.new("RGB", (400, 300), "navy")
    exif = Image.Exif()
    exif[0x0112] = orientation
    (picture.transpose(turned[6]) if orientation == 6 else picture).save(tmp_path / "a.png", exif=exif)
    annotate(Outcome(tmp_path / "a.png", (Face(Box(100, 120, 90, 90), 0.9, HAPPY),)), tmp_path / "copy.jpg", LIMIT)
    found = yellow(tmp_path / "copy.jpg")
    assert found.shape == (300, 400)
    rows, columns = np.nonzero(found)
    assert (rows.max(), columns.min()) == pytest.approx((209, 100), abs=2)
    assert rows.min() < 118  # the words stand above


@pytest.mark.parametrize("box", [Box(-20, -20, 60, 60), Box(370, 280, 80, 80), Box(0, 0, 400, 400), Box(5, 5, 1, 1)])
def test_a_box_over_the_edge_is_drawn_as_far_as_it_goes(tmp_path: Path, box: Box) -> None:
    Image.new("L", (400, 300), 40).save(tmp_path / "a.png")
    annotate(Outcome(tmp_path / "a.png", (Face(box, None, HAPPY),)), tmp_path / "copy.jpg", LIMIT)
    assert yellow(tmp_path / "copy.jpg").sum() > 50


def test_promise_13_a_copy_counts_against_the_budget_until_it_is_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = [tmp_path / f"{number}.png" for number in range(6)]
    for photo in photos:
        Image.new("RGB", (400, 300)).save(photo)
    budget = decoding._Budget(150_000)  # for one of these photos at a time
    monkeypatch.setattr(decoding, "_pixels", budget)
    save, left = Image.Image.save, []

    def noting(*arguments: Any, **options: Any) -> None:
        left.append(budget._left)
        save(*arguments, **options)

    monkeypatch.setattr(Image.Image, "save", noting)
    list(ahead(lambda photo: annotate(Outcome(photo), tmp_path / "out" / photo.name, LIMIT), photos, 6, threads=3))
    assert left == [30_000] * 6
    assert budget._left == 150_000


def test_promise_13_no_picture_stays_in_memory_while_its_copy_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (400, 300)).save(tmp_path / "a.png")
    drawn: list[weakref.ref[Image.Image]] = []
    mark = pictures._mark_all

    def noting(picture: Image.Image, outcome: Outcome, least: float) -> None:
        drawn.append(weakref.ref(picture))
        mark(picture, outcome, least)

    def write(_: Path, data: bytes) -> None:
        assert data
        assert drawn[0]() is None

    monkeypatch.setattr(pictures, "_mark_all", noting)
    monkeypatch.setattr(pictures, "write_atomically", write)
    annotate(Outcome(tmp_path / "a.png"), tmp_path / "copy.jpg", LIMIT)
    assert drawn


def test_what_fails_while_a_copy_is_drawn_is_no_fault_of_the_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (400, 300)).save(tmp_path / "a.png")

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(MemoryError):
        annotate(Outcome(tmp_path / "a.png"), tmp_path / "copy.jpg", LIMIT)
    assert decoding._pixels._left == LIMIT


def test_promise_20_a_copy_is_never_written_over_its_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    Path("out").mkdir()
    Path("photos/a.jpg").write_bytes((PHOTOS / "astronaut.jpg").read_bytes())
    Path("out/photos").symlink_to(tmp_path / "photos")
    with pytest.raises(FercliError, match="is the input itself"):
        annotate(Outcome(Path("photos/a.jpg")), Path("out/photos/a.jpg"), LIMIT)
    assert Path("photos/a.jpg").read_bytes() == (PHOTOS / "astronaut.jpg").read_bytes()


def test_comments_do_not_reach_copies_and_unsure_faces_are_named_so(tmp_path: Path) -> None:
    extra = PngImagePlugin.PngInfo()
    extra.add_text("comment", "secret" * 20_000)
    Image.new("L", (400, 300), 40).save(tmp_path / "a.png", pnginfo=extra)
    face = Face(Box(100, 100, 90, 90), 0.9, HAPPY)
    for least in (0.0, 0.99):
        annotate(Outcome(tmp_path / "a.png", (face,)), tmp_path / f"{least}.jpg", LIMIT, least)
    sure, unsure = ((tmp_path / f"{least}.jpg").read_bytes() for least in (0.0, 0.99))
    assert sure != unsure
    assert b"secret" not in sure


def test_a_thumbnail_of_what_cannot_be_read_is_empty(tmp_path: Path) -> None:
    outside, edge = Spot(PHOTOS / "astronaut.jpg", Box(900, 900, 50, 50)), Spot(PHOTOS / "astronaut.jpg", Box(-50, -50, 80, 80))
    gone = Spot(tmp_path / "gone.jpg", Box(0, 0, 5, 5))
    found = thumbnails([outside, gone, edge], LIMIT)
    assert found[gone] == found[outside] == ""
    assert found[edge].startswith("data:image/jpeg;base64,")


def test_promise_22_the_face_of_another_photo_is_not_shown(tmp_path: Path) -> None:
    """Neither in the report, which is written at the end of a run, nor with the frames of the first photo around it."""
    photo = tmp_path / "a.jpg"
    photo.write_bytes((PHOTOS / "astronaut.jpg").read_bytes())
    outcome = Outcome(photo, (Face(Box(170, 58, 110, 110), 0.9, HAPPY),), identity=identity_of(photo))
    spot = Spot.of(outcome.faces[0], outcome)
    assert thumbnails([spot], LIMIT)[spot]
    photo.write_bytes((PHOTOS / "grace_hopper.jpg").read_bytes())
    assert thumbnails([spot], LIMIT) == {spot: ""}
    with pytest.raises(ImageRejected, match="has changed since it was labelled"):
        annotate(outcome, tmp_path / "copy.jpg", LIMIT)
