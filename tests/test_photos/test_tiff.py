"""TIFF files whose samples a decoder takes for others: the right pixels, or `unsupported`."""

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fercli.errors import ImageRejected
from fercli.photos.headers import read_header
from fercli.photos.images import colour, read_gray
from tests.conftest import synthetic_faces
from tests.tiffs import directory, tiff

GREY = synthetic_faces(1)[0][0]
GREY[0, 0] = 255  # 32 bits are scaled by their largest value
DEEP = GREY.astype(np.uint16) * 257
FULL = np.full(GREY.shape, 65_535, np.uint16)
COLOUR = np.dstack([DEEP] * 3)
SEVERAL: dict[int, tuple[int, list[int]]] = {338: (3, [2])}


def read(tmp_path: Path, data: bytes) -> NDArray[np.uint8]:
    (tmp_path / "x.tif").write_bytes(data)
    return read_gray(tmp_path / "x.tif")


@pytest.mark.parametrize(
    "data",
    [
        tiff(GREY, photometric=1),
        tiff(255 - GREY, photometric=0),
        tiff(DEEP, photometric=1),
        tiff(DEEP, photometric=1, order=">"),
        tiff(65_535 - DEEP, photometric=0),
        tiff(DEEP >> 4, photometric=1),
        tiff(DEEP >> 6, photometric=1),
        tiff((DEEP >> 8), photometric=1),
        tiff(4095 - (DEEP >> 4), photometric=0),
        tiff(DEEP >> 2, photometric=1, extra={281: (3, [16_383])}),
        tiff(GREY.astype(np.uint32) * 16_843_009, photometric=1),
        tiff(DEEP.astype(np.int32), photometric=1),
        tiff((GREY / 255).astype(np.float32), photometric=1),
        tiff((1 - GREY / 255).astype(np.float32), photometric=0),
        tiff(COLOUR, photometric=2),
        tiff(np.dstack([COLOUR, FULL]), photometric=2, extra=SEVERAL),
        tiff(np.dstack([GREY] * 3), photometric=2, planes=2),
        tiff(np.dstack([GREY, FULL.astype(np.uint8)]), photometric=1, extra={338: (3, [1])}),
        tiff(DEEP, photometric=1, extra={330: (4, [0]), 65_000: (1, list(range(200)))}),
    ],
    ids=range(19),
)
def test_promise_16_deep_and_negative_and_separate_samples_are_the_right_pixels(tmp_path: Path, data: bytes) -> None:
    assert np.abs(read(tmp_path, data).astype(int) - GREY).max() <= 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (tiff(COLOUR, photometric=2, planes=2), "16 bits in separate planes"),
        (tiff((DEEP >> 1).astype(np.int16), photometric=1), "16 bits with a sign"),
        (tiff((GREY >> 1).astype(np.int8), photometric=1), "8 bits with a sign"),
        (tiff(DEEP.astype(np.int32) - 30_000, photometric=1), "below zero"),
        (tiff((GREY / 128 - 1).astype(np.float32), photometric=1), "below zero"),
        (tiff(GREY / 255, photometric=1), "unknown pixel mode"),
        (tiff((COLOUR / 65_535).astype(np.float32), photometric=2), "unknown pixel mode"),
        (tiff(np.dstack([DEEP, FULL]), photometric=1, extra=SEVERAL), "unknown pixel mode"),
        (tiff(COLOUR >> 4, photometric=2), "fewer bits"),
        (tiff(np.dstack([COLOUR >> 6, FULL]), photometric=2, extra=SEVERAL), "fewer bits"),
        (tiff(np.dstack([GREY] * 3), photometric=6), "YCbCr"),
        (tiff(np.dstack([GREY] * 4), photometric=5, extra={332: (3, [2])}), "inks"),
        (tiff(GREY, photometric=1, extra={259: (3, [34_712])}), "compression 34712"),
        (tiff(GREY, photometric=1).replace(b"II*\0", b"II+\0"), "BigTIFF"),
    ],
)
def test_promise_16_other_samples_are_unsupported(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(ImageRejected, match=reason) as caught:
        read(tmp_path, data)
    assert caught.value.code == "unsupported"


def with_sub_picture(photometric: int, side: int) -> bytes:
    whole = tiff(GREY, photometric=1, extra={330: (4, [0])})
    at = len(whole) + len(whole) % 2
    sub = directory({256: (4, [side]), 257: (4, [side]), 262: (3, [photometric])}, at)
    return tiff(GREY, photometric=1, extra={330: (4, [at])}).ljust(at, b"\0") + sub


def with_next_picture(photometric: int, *, endless: bool = False) -> bytes:
    whole = tiff(GREY, photometric=1)
    at = len(whole) + len(whole) % 2
    after = bytearray(directory({256: (4, [3000]), 257: (4, [3000]), 262: (3, [photometric])}, at))
    if endless:
        after[-4:] = struct.pack("<I", at)
    first = struct.unpack_from("<I", whole, 4)[0]
    place = first + 2 + 12 * struct.unpack_from("<H", whole, first)[0]
    return (whole[:place] + struct.pack("<I", at) + whole[place + 4 :]).ljust(at, b"\0") + bytes(after)


@pytest.mark.parametrize(
    "data",
    [
        tiff(GREY, photometric=1, extra={50706: (1, [1, 4, 0, 0])}),
        tiff(GREY, photometric=1, extra={254: (4, [1])}),
        tiff(GREY, photometric=32_803),
        tiff(GREY, photometric=1)[:8] + b"CR\2\0" + tiff(GREY, photometric=1)[12:],
        with_sub_picture(32_803, 40),
        with_sub_picture(2, 3000),
        tiff(GREY, photometric=1)[:8] + b"IIIITwaR" + tiff(GREY, photometric=1)[16:],
        with_next_picture(32_803),
    ],
    ids=["DNG", "thumbnail", "mosaic", "CR2", "sub-mosaic", "larger", "IIQ", "next-mosaic"],
)
def test_promise_16_a_camera_raw_file_is_not_its_thumbnail(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ImageRejected, match="camera's raw file") as caught:
        read(tmp_path, data)
    assert caught.value.code == "unsupported"


def test_a_smaller_sub_picture_is_no_raw_file_nor_are_several_pages(tmp_path: Path) -> None:
    assert np.array_equal(read(tmp_path, with_next_picture(2, endless=True)), GREY)
    assert np.array_equal(read(tmp_path, with_sub_picture(2, 24)), GREY)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_promise_16_a_tiff_is_upright_once(tmp_path: Path, order: str, turn: int) -> None:
    stored = GREY[:, :30]
    turned = {1: stored, 2: stored[:, ::-1], 3: stored[::-1, ::-1], 4: stored[::-1], 5: stored.T, 6: np.rot90(stored, -1),
              7: stored[::-1, ::-1].T, 8: np.rot90(stored)}  # fmt: skip
    data = tiff(stored, photometric=1, order=order, extra={274: (3, [turn])})
    assert np.array_equal(read(tmp_path, data), turned[turn])


def test_promise_13_a_tag_that_fills_memory_never_reaches_a_decoder(tmp_path: Path) -> None:
    """Pillow would copy what a tag leads to for each of them: 49,000 times a megabyte."""
    data = bytearray(tiff(GREY, photometric=1))
    at = len(data)
    data[4:8] = at.to_bytes(4, "little")
    with_many = {tag: (4, [8]) for tag in range(1000, 50_000)}
    known = {256: (4, [48]), 257: (4, [48]), 258: (3, [8]), 262: (3, [1]), 273: (4, [8]), 277: (3, [1]), 279: (4, [2304])}
    tags = bytearray(directory(known | with_many, at))
    for entry in range(2 + 12 * len(known), 2 + 12 * 49_000, 12):
        tags[entry + 2 : entry + 12] = (7).to_bytes(2, "little") + (700_000).to_bytes(4, "little") + (8).to_bytes(4, "little")
    assert np.array_equal(read(tmp_path, bytes(data + tags)), GREY)
    places = tiff(GREY, photometric=1, extra={273: (4, [8] * 3_000_000)})
    with pytest.raises(ImageRejected, match="tag 273 has 3000000 values"):
        read(tmp_path, places)


def test_promise_14_tiny_tiles_count_like_larger_ones() -> None:
    """Pillow took 700 MB and 16 seconds for two million of one pixel each."""
    tile = {322: (4, [1]), 323: (4, [1]), 324: (4, [8] * 2304), 325: (4, [1] * 2304)}
    assert read_header(tiff(GREY, photometric=1, extra=tile)).pixels == 256 * (1 + 2304)
    with pytest.raises(ImageRejected, match="tag 324 has 400000 values"):
        read_header(tiff(GREY, photometric=1, extra=tile | {324: (4, [8] * 400_000)}))


def test_promise_14_a_tile_counts_like_a_picture(tmp_path: Path) -> None:
    data = tiff(GREY, photometric=1, extra={322: (4, [60_000]), 323: (4, [60_000]), 324: (4, [8]), 325: (4, [2304])})
    with pytest.raises(ImageRejected) as caught:
        read(tmp_path, data)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize("kind", [6, 8, 9, 11])
@pytest.mark.parametrize("tag", [256, 258, 262, 284, 339])
def test_promise_16_tags_that_are_no_whole_numbers_decide_nothing(tmp_path: Path, tag: int, kind: int) -> None:
    """A decoder would take them for what they say, after all checks took them for the default."""
    value = {256: 48, 258: 8, 262: 1, 284: 1, 339: 1}[tag]
    with pytest.raises(ImageRejected) as caught:
        read(tmp_path, tiff(GREY, photometric=1, extra={tag: (kind, [value])}))
    assert caught.value.code == "damaged"


@pytest.mark.parametrize("extra", [{262: (3, [1, 1])}, {317: (3, [1, 1])}, {262: (3, [])}])
def test_promise_16_tags_of_another_count_are_not_passed_over(tmp_path: Path, extra: dict[int, tuple[int, list[int]]]) -> None:
    with pytest.raises(ImageRejected) as caught:
        read(tmp_path, tiff(GREY, photometric=1, extra=extra))
    assert caught.value.code == "damaged"


def test_promise_16_what_black_and_white_are_is_told(tmp_path: Path) -> None:
    data = tiff(GREY, photometric=1)
    assert np.array_equal(read(tmp_path, data), GREY)
    entry = struct.pack("<HHI", 262, 3, 1)
    with pytest.raises(ImageRejected) as caught:
        read(tmp_path, data.replace(entry, struct.pack("<HHI", 261, 3, 1)))
    assert caught.value.code == "damaged"


@pytest.mark.parametrize(("layers", "kind"), [(3, []), *((layers, [kind]) for layers in (1, 3) for kind in range(3))])
def test_promise_16_a_further_sample_that_is_empty_hides_nothing(tmp_path: Path, layers: int, kind: list[int]) -> None:
    samples = np.dstack([GREY] * layers + [np.zeros_like(GREY)])
    data = tiff(samples, photometric=layers // 2 + 1, extra={338: (3, kind)} if kind else {})
    if (layers, kind) == (3, [1]):  # Pillow multiplies the colours by it
        with pytest.raises(ImageRejected, match="transparent all over"):
            read(tmp_path, data)
        return
    assert np.array_equal(read(tmp_path, data), GREY)
    with colour(tmp_path / "x.tif") as found:
        assert np.array_equal(np.asarray(found.convert("L")), GREY)


def test_promise_16_a_palette_of_eight_bits_is_not_black(tmp_path: Path) -> None:
    steps = list(range(256))
    wide, narrow = (tiff(GREY, photometric=3, extra={320: (3, [factor * step for step in steps] * 3)}) for factor in (257, 1))
    assert np.array_equal(read(tmp_path, wide), GREY)
    with pytest.raises(ImageRejected) as caught:
        read(tmp_path, narrow)
    assert caught.value.code == "unsupported"
