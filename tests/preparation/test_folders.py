from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.errors import FercliError, UsageError
from fercli.labels import LABELS
from fercli.preparation.classes import Classes
from fercli.preparation.faces import NO_SPLIT
from fercli.preparation.sources import read_faces
from tests.conftest import synthetic_faces


def folders(root: Path, splits: dict[str, int], class_names: tuple[str, ...] = LABELS) -> Path:
    for split, count in splits.items():
        pixels, labels = synthetic_faces(count, seed=len(split))
        for number, (face, label) in enumerate(zip(pixels, labels, strict=True)):
            folder = root / split / class_names[label]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(face).save(folder / f"{number:03}.png")
    return root


def test_image_folders_with_synonyms_and_a_broken_file(tmp_path: Path) -> None:
    names = ("Anger", "Disgust", "FEAR", "Happiness", "sad", "surprised", "neutral")
    root = folders(tmp_path / "faces", {"Train": 14, "val": 7, "private": 7}, names)
    broken = root / "Train" / "Anger" / "zzz.jpg"
    broken.write_text("no image")
    faces = read_faces(root)
    assert sorted(set(faces.splits.tolist())) == ["test", "train", "validation"]
    assert np.bincount(faces.labels).tolist() == [4] * 7
    assert [item.place for item in faces.rejected] == ["Train/Anger/zzz.jpg"]
    assert faces.names[faces.rows[0]].endswith(".png")
    assert len(faces.names) == 29


def test_larger_images_are_scaled_to_48(tmp_path: Path) -> None:
    folder = tmp_path / "train" / "happy"
    folder.mkdir(parents=True)
    Image.new("RGB", (96, 96), (10, 10, 10)).save(folder / "x.png")
    assert read_faces(tmp_path).pixels.tolist() == [[[10] * 48] * 48]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["trian/happy", "test/happy"], "trian/happy is in no split"),
        (["train/hapy"], r"train/hapy is not an expression\. Did you mean 'happy'. .*--leave-out hapy.*--classes"),
        (["1"], "1 is not an expression"),
        (["contempt"], "--leave-out contempt"),
    ],
)
def test_unknown_folders_are_named(tmp_path: Path, names: list[str], message: str) -> None:
    for name in names:
        face(tmp_path / name / "x.png")
    with pytest.raises(FercliError, match=message):
        read_faces(tmp_path)


def face(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (48, 48), np.uint8)).save(path)


def test_folders_without_splits_have_none_and_a_folder_around_all_tells_nothing(tmp_path: Path) -> None:
    for name in ("CK+48/anger", "CK+48/Suprise", "CK+48/contempt"):
        face(tmp_path / name / "x.png")
    faces = read_faces(tmp_path, classes=Classes.parse(None, ["Contempt"]))
    assert [LABELS[label] for label in faces.labels] == ["surprise", "angry"]
    assert faces.splits.tolist() == [NO_SPLIT] * 2
    assert faces.persons.tolist() == [""] * 2
    assert faces.left_out == {"contempt": 1}
    assert faces.names[faces.rows[0]] == "CK+48/Suprise/x.png"


def test_folders_by_number(tmp_path: Path) -> None:
    for number in range(1, 8):
        face(tmp_path / "train" / str(number) / "x.png")
    faces = read_faces(tmp_path, classes=Classes.parse("rafdb"))
    assert [LABELS[label] for label in faces.labels] == ["surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"]


@pytest.mark.parametrize("order", ["{person}/happy/{n}.png", "happy/{person}/{n}.png", "x/{person}/happy/{n}.png"])
def test_a_folder_of_a_person_tells_whose_face_it_is(tmp_path: Path, order: str) -> None:
    for n, person in enumerate(["anna", "ben", "anna"]):
        face(tmp_path / order.format(person=person, n=n), n)
    assert [person.removeprefix("x/") for person in sorted(read_faces(tmp_path).persons)] == ["anna", "anna", "ben"]


def test_a_pattern_of_file_names_tells_it_too(tmp_path: Path) -> None:
    for name in ("S010_001.png", "S010_002.png", "S011_001.png", "other.png"):
        face(tmp_path / "happy" / name)
    expected = ["S010", "S010", "S011", ""]
    assert read_faces(tmp_path, person="S[0-9]+").persons.tolist() == expected
    assert read_faces(tmp_path, person="(S[0-9]+)_[0-9]+").persons.tolist() == expected
    with pytest.raises(UsageError, match="not a regular expression"):
        read_faces(tmp_path, person="(")
    with pytest.raises(UsageError, match=r"matches no file name, such as S010_001\.png"):
        read_faces(tmp_path, person="T[0-9]+")


def test_promise_17_an_image_outside_of_the_folders_is_named(tmp_path: Path) -> None:
    face(tmp_path / "train" / "happy" / "x.png")
    face(tmp_path / "train" / "stray.png")
    face(tmp_path / "cover.png")
    assert [reject.place for reject in read_faces(tmp_path).rejected] == ["cover.png", "train/stray.png"]


def test_promise_18_a_reject_is_one_line_whatever_its_name(tmp_path: Path) -> None:
    face(tmp_path / "happy" / "x.png")
    (tmp_path / "happy" / "two\nlines.png").write_text("no image")
    assert [reject.place for reject in read_faces(tmp_path).rejected] == ["happy/two\\nlines.png"]


def test_promise_17_every_name_of_an_image_is_one_and_a_folder_that_is_not_read_is_named(tmp_path: Path) -> None:
    face(tmp_path / "train" / "happy" / "x.png")
    (tmp_path / "test" / "happy").mkdir(parents=True)
    (tmp_path / "test" / "happy" / "hard.png").hardlink_to(tmp_path / "train" / "happy" / "x.png")
    (tmp_path / "test" / "happy" / "soft.png").symlink_to("../../train/happy/x.png")
    (tmp_path / "train" / "joy").symlink_to("happy")
    (tmp_path / "val").mkdir()
    (tmp_path / "val" / ".fercli-copies").touch()
    faces = read_faces(tmp_path)
    assert faces.names == ["test/happy/hard.png", "test/happy/soft.png", "train/happy/x.png"]
    assert faces.splits.tolist() == ["test", "test", "train"]
    assert {reject.place: reject.reason for reject in faces.rejected} == {
        "train/joy": "it leads to a folder that was already read",
        "val": "it holds .fercli-copies, so it is a folder of annotated copies",
    }
