import json
import os
from pathlib import Path

import pytest

from fercli.classification.places import Places, listed
from fercli.files import folded
from fercli.photos.walk import COPIES

NAMES = ("a.png", "a.png.jpg", "a.png.jpg.jpg", "a.jpg", "a.JPG", "a.jpeg", "a", "a.jpg.jpg", "a.dat", "a.dat.jpg", "a.gif")
FOLDERS = ("", "..", "__up__", "___up__", "__root__", "/", "a.png.jpg", "a.png.jpg_", "a.jpg.jpg", "a.png", "../__up__", "A.jpg")


def test_promise_20_every_photo_has_a_copy_of_its_own() -> None:
    """Also where names that differ in case alone are one."""
    paths = {Path(folder) / name for folder in FOLDERS for name in NAMES}
    places = Places(Path("out"))
    found = {places.of(path).relative_to("out") for path in sorted(paths)}
    files = {folded(str(place)) for place in found}
    assert len(files) == len(paths)
    assert not files & {folded(str(above)) for place in found for above in place.parents}
    assert all(".." not in place.parts and not place.is_absolute() for place in found)


def test_names_of_copies() -> None:
    """They are told in the documentation of `Places`; `..` is renamed."""
    places = Places(Path("out"))
    names = ("IMG.JPG", "p/a.png", "b.jpeg", "../photo.jpg", "noise", "a.png.jpg", "x.jpg/y.jpg")
    found = [str(places.of(Path(name)).relative_to("out")) for name in names]
    assert found == ["IMG.JPG", "p/a.png.jpg", "b.jpeg", "__up__/photo.jpg", "noise.jpg.jpg", "a.png.jpg.jpg", "x.jpg_/y.jpg"]
    assert places.of(Path("v.mov"), video=True) == Path("out/v.mov.mp4")


@pytest.mark.parametrize(
    ("first", "second"),
    [("a.JPG", "a.jpg"), ("caf\u00e9.jpg", "cafe\u0301.jpg"), ("A/b.png", "a/B.PNG"), ("x./a.jpg", "x/a.jpg"), ("v.MOV", "v.mov")],
)
def test_promise_20_names_that_some_file_system_takes_for_one_do_not_meet(first: str, second: str) -> None:
    """The first keeps its name; the second's follows from its path, so that it is the same in the next run."""
    video = first.lower().endswith(".mov")
    runs = Places(Path("out")), Places(Path("out"))
    found = [[places.of(Path(name), video=video) for name in (first, second)] for places in runs]
    assert found[0] == found[1]
    one, other = found[0]
    assert one.name.startswith(Path(first).name)
    assert folded(str(one)) != folded(str(other))
    assert one.parent.name.casefold().rstrip(".") == other.parent.name.casefold()


def test_promise_18_no_copy_has_a_name_or_path_that_is_too_long(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    long = ["é" * 120 + "a.png", "é" * 120 + "b.png", "n" * 251 + ".jpg", "k" * 247 + ".png.jpg/x.jpg", "d/" * 2200 + "x.jpg"]
    places = Places(folder)
    found = {places.of(Path(name)) for name in long}
    assert len(found) == len(long)
    for place in found:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.with_name(f".{place.name}.fercli-part").touch()


def make(folder: Path, *names: str, owner: str = "../r.csv") -> list[tuple[Path, str]]:
    """Make copies of photos of these names, as a run does, and return what is amiss."""
    amiss: list[tuple[Path, str]] = []
    folder.mkdir(exist_ok=True)
    with listed(folder, owner, lambda *item: amiss.append(item)) as places:
        for name in names:
            place = places.of(Path(name))
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"copy")
    return amiss


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != COPIES}


def test_copies_of_photos_that_are_gone_are_removed(tmp_path: Path) -> None:
    """Of people who have withdrawn: with the folders that are empty then."""
    make(tmp_path / "c", "p1/week1/a.jpg", "p1/week2/a.jpg", "p2/a.jpg")
    (tmp_path / "c" / "notes.txt").touch()
    assert make(tmp_path / "c", "p1/week2/a.jpg") == []
    assert files(tmp_path / "c") == {"p1", "p1/week2", "p1/week2/a.jpg", "notes.txt"}


def test_copies_of_a_run_that_was_stopped_are_known(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _stopped(tmp_path / "c")
    with (tmp_path / "c" / COPIES).open("ab") as listing:
        listing.write(b'"half a li')
    make(tmp_path / "c", "b.jpg")
    assert files(tmp_path / "c") == {"b.jpg"}
    make(tmp_path / "c", "c.jpg")
    assert files(tmp_path / "c") == {"c.jpg"}


def _stopped(folder: Path) -> None:
    folder.mkdir()
    with listed(folder, "../r.csv", lambda *_: None) as places:
        places.of(Path("a.jpg")).write_bytes(b"copy")
        raise KeyboardInterrupt


def test_promise_20_copies_of_other_results_stay(tmp_path: Path) -> None:
    make(tmp_path / "c", "a.jpg")
    make(tmp_path / "c", "b.jpg", owner="../other.csv")
    assert files(tmp_path / "c") == {"a.jpg", "b.jpg"}


@pytest.mark.parametrize(
    "place", ["../precious.jpg", "/precious.jpg", "link/precious.jpg", "notes.txt", ["a"], {}, "a\0.jpg", "gone.jpg"]
)
def test_promise_20_an_odd_list_removes_nothing_else(tmp_path: Path, place: object) -> None:
    make(tmp_path / "c", "a.jpg")
    (tmp_path / "c" / "notes.txt").touch()
    (tmp_path / "c" / "link").symlink_to(tmp_path)
    (tmp_path / "precious.jpg").touch()
    text = json.dumps(str(tmp_path / "precious.jpg") if place == "/precious.jpg" else place)
    with (tmp_path / "c" / COPIES).open("a") as listing:
        listing.write(f"{text}\n[[[[\n\xff\n")
    assert make(tmp_path / "c", "a.jpg") == []
    assert {path.name for path in tmp_path.rglob("*")} >= {"precious.jpg", "notes.txt", "a.jpg"}


@pytest.mark.parametrize("kind", ["link", "second name", "pipe"])
def test_promise_9_what_stands_in_the_place_of_the_list_is_not_written_to(tmp_path: Path, kind: str) -> None:
    (precious := tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "c").mkdir()
    marker = tmp_path / "c" / COPIES
    if kind == "link":
        marker.symlink_to(precious)
    elif kind == "second name":
        marker.hardlink_to(precious)
    else:
        os.mkfifo(marker)
    make(tmp_path / "c", "a.jpg")
    assert precious.read_bytes() == b"precious"
    assert marker.is_file()


def test_a_copy_that_cannot_be_removed_is_told(tmp_path: Path) -> None:
    make(tmp_path / "c", "a.jpg", "b.jpg")
    (tmp_path / "c" / "a.jpg").unlink()
    (tmp_path / "c" / "a.jpg").mkdir()
    ((copy, amiss),) = make(tmp_path / "c", "b.jpg")
    assert copy == tmp_path / "c" / "a.jpg"
    assert amiss.startswith("is left over from an earlier run and cannot be removed")
