import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.errors import FercliError
from fercli.labels import LABELS
from fercli.preparation.sources import read_faces
from tests.conftest import csv_text, synthetic_faces


def zipped(path: Path, names: list[str], **others: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, face in zip(names, synthetic_faces(len(names))[0], strict=True):
            data = io.BytesIO()
            Image.fromarray(face).save(data, "PNG")
            archive.writestr(name, data.getvalue())
        for name, text in others.items():
            archive.writestr(name, text)
    return path


def test_zipped_folders_are_read_as_folders_are(tmp_path: Path) -> None:
    names = [f"faces/{split}/{label}/x.png" for split in ("test", "train") for label in sorted(LABELS)]
    path = zipped(tmp_path / "faces.zip", names, **{"__MACOSX/faces/._x.png": "", "faces/labels.csv": "", "faces/more.csv": ""})
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "unpacked")
    faces, unpacked = read_faces(path), read_faces(tmp_path / "unpacked")
    assert faces.names == unpacked.names == names
    for name in ("pixels", "labels", "splits", "rows", "persons"):
        assert np.array_equal(getattr(faces, name), getattr(unpacked, name))
    assert len(faces.labels) == 14
    assert faces.rejected == []


def test_a_zip_with_one_csv_is_that_csv(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", ["sample/happy.png"], **{"fer2013.csv": csv_text()})
    assert len(read_faces(path).labels) == 77


def test_promise_3_names_that_climb_out_and_backslashes_are_only_names(tmp_path: Path) -> None:
    faces = read_faces(zipped(tmp_path / "x.zip", ["../../happy/x.png", "..\\..\\sad\\y.png"]))
    assert [LABELS[label] for label in faces.labels] == ["happy", "sad"]
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


def test_promise_3_a_broken_or_encrypted_member_is_a_reject(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", ["happy/a.png", "happy/b.png", "happy/c.png"], **{"happy/d.png": "no image"})
    data = bytearray(path.read_bytes())
    data[data.index(b"happy/a.png") + 40] ^= 255
    data[data.rindex(b"happy/b.png") - 46 + 8] |= 1  # the central directory's flag for encryption
    path.write_bytes(data)
    faces = read_faces(path)
    assert [(reject.place, reject.code) for reject in faces.rejected] == [
        ("happy/a.png", "unreadable"),
        ("happy/b.png", "unreadable"),
        ("happy/d.png", "not_an_image"),
    ]
    assert len(faces.labels) == 1


def test_promise_3_bombs_of_images_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path / "x.zip", [], **{"happy/large.bmp": "0" * (1 << 20)})
    monkeypatch.setattr("fercli.photos.decoding.FILE_LIMIT", 1 << 19)
    assert [reject.code for reject in read_faces(path).rejected] == ["too_large"]
    monkeypatch.setattr("fercli.preparation.zips.SIZE_LIMIT", 1 << 19)
    with pytest.raises(FercliError, match="unpacks to more than"):
        read_faces(path)
