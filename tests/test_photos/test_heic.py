"""AVIF, and HEIC where pillow-heif is installed: photos as phones write them."""

import io
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.errors import ImageRejected
from fercli.photos.headers import read_header
from fercli.photos.images import colour, read_gray, read_photo
from fercli.photos.walk import Walk
from tests.conftest import PHOTOS
from tests.promises import Did

# What an orientation undoes, by which the stored picture has to be turned.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


def upright() -> Image.Image:
    with Image.open(PHOTOS / "astronaut.jpg") as photo:
        return photo.convert("RGB").crop((100, 0, 300, 250))


def stored(kind: str, orientation: int = 1) -> bytes:
    if kind == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    exif = Image.Exif()
    exif[274] = orientation
    turn = STORED[orientation]
    picture = upright() if turn is None else upright().transpose(turn)
    data = io.BytesIO()
    picture.save(data, {"heic": "HEIF", "avif": "AVIF"}[kind], exif=exif.tobytes(), quality=90)
    return data.getvalue()


@pytest.mark.parametrize("kind", ["avif", "heic"])
@pytest.mark.parametrize("orientation", STORED)
def test_promises_15_and_16_the_right_pixels_whatever_the_suffix(tmp_path: Path, kind: str, orientation: int) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(stored(kind, orientation))
    gray = read_gray(path)
    expected = np.asarray(upright().convert("L"), float)
    assert gray.shape == expected.shape
    assert np.abs(gray - expected).mean() < 3
    with colour(path) as picture:
        assert picture.size == upright().size
    small = read_photo(path, side=125)
    assert (max(small.pixels.shape), small.scale) == (125, 0.5)


@pytest.mark.parametrize("kind", ["avif", "heic"])
def test_promise_13_cut_or_damaged_it_is_a_photo_or_a_reject(tmp_path: Path, kind: str, did: Did) -> None:
    data, path = stored(kind), tmp_path / "x.jpg"
    generator = np.random.default_rng(0)
    cuts = [data[:end] for end in range(0, len(data), len(data) // 40)]
    for _ in range(60):
        damaged = bytearray(data)
        for place in generator.integers(0, min(len(data), 600), 3):
            damaged[place] = generator.integers(256)
        cuts.append(bytes(damaged))
    for content in cuts:
        path.write_bytes(content)
        try:
            assert read_gray(path).ndim == 2
        except ImageRejected as reject:
            assert reject.code in {"empty", "not_an_image", "damaged", "unsupported", "too_large"}
    did(len(cuts), "damaged files")


@pytest.mark.parametrize("kind", ["avif", "heic"])
def test_promise_14_too_many_pixels_are_told_by_the_header(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.heic"
    path.write_bytes(stored(kind))
    with pytest.raises(ImageRejected, match=r"200 x 250 pixels; the limit is 49999"):
        read_gray(path, max_pixels=49_999)
    path.write_bytes(stored(kind).replace((250).to_bytes(4, "big"), (250_000).to_bytes(4, "big")))
    with pytest.raises(ImageRejected) as caught:
        read_gray(path, max_pixels=10**8)
    assert caught.value.code == "too_large"


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


@pytest.mark.parametrize(
    "added",
    [
        box(b"meta", bytes(4) + box(b"iinf", b"\1\0\0\0" + struct.pack(">I", 5000) + box(b"infe", bytes(14)) * 5000)),
        box(b"meta", bytes(4) + box(b"iprp", box(b"ipma", bytes(60_000)) * 2)),
        box(b"moov", bytes(500_000)),
    ],
    ids=["pictures", "properties", "sequence"],
)
def test_promise_13_avif_and_heic_list_only_so_much(added: bytes) -> None:
    """libavif compares each entry with all others: 60,000 of them, 1.5 MB, took it ten seconds, and more could not be stopped."""
    with pytest.raises(ImageRejected, match="lists more") as caught:
        read_header(stored("avif") + added)
    assert caught.value.code == "too_large"


def test_promise_15_a_box_of_64_bits_before_the_others_hides_nothing() -> None:
    whole = stored("avif")
    end = int.from_bytes(whole[:4])
    wide = struct.pack(">I4sQ", 1, b"free", 20) + bytes(4)
    header = read_header(whole[:end] + wide + whole[end:])
    assert (header.width, header.height) == upright().size


def test_heic_without_its_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "IMG_1.jpg"
    path.write_bytes(stored("heic"))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageRejected, match=r"it is HEIC.*pip install 'fercli\[heic\]'") as caught:
        read_gray(path)
    assert caught.value.code == "unsupported"


def test_the_walk_takes_them_by_content_and_names_raw_files(tmp_path: Path) -> None:
    for name, content in (
        ("a", stored("avif")),
        ("b.CR3", b"\0\0\0\x18ftypcrx " + bytes(99)),
        ("c.raf", b"FUJIFILM"),
        ("d.txt", b"x"),
    ):
        (tmp_path / name).write_bytes(content)
    walk = Walk([tmp_path])
    assert [path.name for path in walk] == ["a"]
    assert (walk.passed_over, walk.passed_over_raw) == (3, 2)
