import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from fercli.classification import pictures
from fercli.classification.loading import ahead
from fercli.classification.pictures import Spot, _place, annotate, thumbnails
from fercli.classification.records import Face, Outcome, Reject
from fercli.errors import FercliError
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
    marked = annotate(Outcome(tmp_path / "a.png", (Face(Box(100, 120, 90, 90), 0.9, HAPPY),)), tmp_path / "out", LIMIT)
    assert marked
    found = yellow(marked)
    assert found.shape == (300, 400)
    rows, columns = np.nonzero(found)
    assert (rows.max(), columns.min()) == pytest.approx((209, 100), abs=2)
    assert rows.min() < 118  # the words stand above


@pytest.mark.parametrize("box", [Box(-20, -20, 60, 60), Box(370, 280, 80, 80), Box(0, 0, 400, 400), Box(5, 5, 1, 1)])
def test_a_box_over_the_edge_is_drawn_as_far_as_it_goes(tmp_path: Path, box: Box) -> None:
    Image.new("L", (400, 300), 40).save(tmp_path / "a.png")
    marked = annotate(Outcome(tmp_path / "a.png", (Face(box, None, HAPPY),)), tmp_path / "out", LIMIT)
    assert marked
    assert yellow(marked).sum() > 50


def test_copies_stay_inside_the_folder_and_rejects_have_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "photo.jpg").write_bytes((PHOTOS / "astronaut.jpg").read_bytes())
    monkeypatch.chdir(tmp_path / "in")
    marked = annotate(Outcome(Path("../photo.jpg")), Path("out"), LIMIT)
    assert marked == Path("out/__up__/photo.jpg")
    absolute = annotate(Outcome(tmp_path / "photo.jpg"), Path("out"), LIMIT)
    assert absolute
    assert absolute.resolve().is_relative_to(tmp_path / "in" / "out")
    assert annotate(Outcome(Path("../photo.jpg"), reject=Reject("empty", "no bytes")), Path("out"), LIMIT) is None
    assert annotate(Outcome(Path("gone.jpg")), Path("out"), LIMIT) is None


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
    assert all(ahead(lambda photo: annotate(Outcome(photo), tmp_path / "out", LIMIT), photos, 6, threads=3))
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
    assert annotate(Outcome(tmp_path / "a.png"), tmp_path / "out", LIMIT)


def test_what_fails_while_a_copy_is_drawn_is_no_fault_of_the_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (400, 300)).save(tmp_path / "a.png")

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(MemoryError):
        annotate(Outcome(tmp_path / "a.png"), tmp_path / "out", LIMIT)
    assert decoding._pixels._left == LIMIT


def test_promise_20_every_photo_has_a_copy_of_its_own() -> None:
    names = ("a.png", "a.png.jpg", "a.png.jpg.jpg", "a.jpg", "a.JPG", "a.jpeg", "a", "a.jpg.jpg", "a.dat", "a.dat.jpg", "a.gif")
    folders = ("", "..", "__up__", "___up__", "__root__", "/", "a.png.jpg", "a.png.jpg_", "a.jpg.jpg", "a.png", "../__up__")
    paths = {Path(folder) / name for folder in folders for name in names}
    places = {_place(path) for path in paths}
    assert len(places) == len(paths)
    assert not places & {above for place in places for above in place.parents}
    assert all(".." not in place.parts and not place.is_absolute() for place in places)
    assert [str(_place(Path(name))) for name in ("IMG.JPG", "p/a.png", "b.jpeg")] == ["IMG.JPG", "p/a.png.jpg", "b.jpeg"]


def test_promise_20_a_copy_is_never_written_over_its_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    Path("out").mkdir()
    Path("photos/a.jpg").write_bytes((PHOTOS / "astronaut.jpg").read_bytes())
    Path("out/photos").symlink_to(tmp_path / "photos")
    with pytest.raises(FercliError, match="is the input itself"):
        annotate(Outcome(Path("photos/a.jpg")), Path("out"), LIMIT)
    assert Path("photos/a.jpg").read_bytes() == (PHOTOS / "astronaut.jpg").read_bytes()


def test_long_names_are_shortened_and_stay_distinct(tmp_path: Path) -> None:
    copies = set()
    for last in "ab":
        path = tmp_path / f"{'é' * 120}{last}.png"
        Image.new("L", (9, 9)).save(path)
        copies.add(annotate(Outcome(path), tmp_path / "out", LIMIT))
    assert len(copies) == 2


def test_comments_do_not_reach_copies_and_unsure_faces_are_named_so(tmp_path: Path) -> None:
    extra = PngImagePlugin.PngInfo()
    extra.add_text("comment", "secret" * 20_000)
    Image.new("L", (400, 300), 40).save(tmp_path / "a.png", pnginfo=extra)
    face = Face(Box(100, 100, 90, 90), 0.9, HAPPY)
    copies = [annotate(Outcome(tmp_path / "a.png", (face,)), tmp_path / str(least), LIMIT, least) for least in (0.0, 0.99)]
    sure, unsure = (copy.read_bytes() for copy in copies if copy)
    assert sure != unsure
    assert b"secret" not in sure


def test_a_thumbnail_of_what_cannot_be_read_is_empty(tmp_path: Path) -> None:
    outside, edge = Spot(PHOTOS / "astronaut.jpg", Box(900, 900, 50, 50)), Spot(PHOTOS / "astronaut.jpg", Box(-50, -50, 80, 80))
    gone = Spot(tmp_path / "gone.jpg", Box(0, 0, 5, 5))
    found = thumbnails([outside, gone, edge], LIMIT)
    assert found[gone] == found[outside] == ""
    assert found[edge].startswith("data:image/jpeg;base64,")
