"""Files made to take minutes or gigabytes before their first pixel: labelled as the photo that they hold, or rejected, at once."""

import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.errors import ImageRejected
from fercli.photos.headers import read_header
from fercli.photos.images import colour, read_gray, read_photo
from tests.hostile import FACE, RGB, encoded, png, png_chunk

EXIF = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 274, 3, 1, 6, 0, 0)  # to be turned to the right


def segment(marker: int, data: bytes) -> bytes:
    return bytes([255, marker]) + struct.pack(">H", len(data) + 2) + data


def code_of(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(ImageRejected) as caught:
        read_gray(path)
    return caught.value.code


def gray(path: Path, data: bytes) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    path.write_bytes(data)
    return read_gray(path)


def progressive(scans: int) -> bytes:
    """A progressive JPEG of 64 x 64 pixels in which all scans but the first say that nothing is new."""
    tables = segment(0xC4, b"\0" + bytes([1] + [0] * 15) + b"\0") + segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\0")
    frame = segment(0xDB, bytes(1) + b"\1" * 64) + segment(0xC2, struct.pack(">BHHB", 8, 64, 64, 1) + b"\1\x11\0")
    first = segment(0xDA, b"\1\1\0\0\0\0") + bytes(8)
    return b"\xff\xd8" + frame + tables + first + (segment(0xDA, b"\1\1\0\1\x3f\0") + bytes(8)) * (scans - 1) + b"\xff\xd9"


def test_promise_13_a_jpeg_of_endless_scans_is_too_large(tmp_path: Path) -> None:
    assert gray(tmp_path / "x", progressive(100)).shape == (64, 64)
    assert code_of(tmp_path / "x", progressive(101)) == "too_large"


def test_promise_14_a_jpeg_whose_layers_come_one_after_another_counts_as_a_whole() -> None:
    """Its decoder keeps every layer at full size, also for a small result."""
    together = encoded(RGB, "JPEG")
    scan = together.index(b"\xff\xda")
    one_by_one = together[:scan] + segment(0xDA, b"\1\1\0\0\x3f\0") + together[scan + 14 :]
    assert not read_header(together).at_once
    assert read_header(one_by_one).at_once


def test_promise_13_what_looks_like_scans_in_metadata_or_behind_the_end_is_none(tmp_path: Path) -> None:
    """Such as the film behind a phone's photo."""
    whole = encoded(RGB, "JPEG")
    assert np.array_equal(gray(tmp_path / "x", whole + b"\xff\xda" * 500), gray(tmp_path / "y", whole))
    start = whole.index(b"\xff\xda")
    inside = whole[:start] + segment(0xFE, b"\xff\xda" * 500) + whole[start:]
    assert np.array_equal(gray(tmp_path / "x", inside), gray(tmp_path / "y", whole))


def jpeg_with(data: bytes) -> bytes:
    whole = encoded(RGB, "JPEG")
    return whole[:2] + data + whole[2:]


def gif_with(data: bytes) -> bytes:
    whole = encoded(FACE, "GIF")
    start = 13 + (3 << (whole[10] & 7) + 1)
    return whole[:start] + data + whole[start:]


def png_with(data: bytes) -> bytes:
    whole = encoded(FACE, "PNG")
    return whole[:33] + data + whole[33:]


METADATA: dict[str, tuple[Callable[[bytes], bytes], bytes]] = {
    "Exif": (jpeg_with, segment(0xE1, b"Exif\0\0x")),
    "JPEG comments": (jpeg_with, segment(0xFE, b"x" * 200)),
    "Photoshop": (jpeg_with, segment(0xED, b"Photoshop 3.0\0" + b"8BIM" * 20)),
    "GIF comments": (gif_with, b"\x21\xfe\x64" + b"x" * 100 + b"\0"),
    "PNG texts": (png_with, png_chunk(b"tEXt", b"a\0" + b"b" * 100)),
    "PNG names": (png_with, png_chunk(b"abCd", b"")),
}


@pytest.mark.parametrize("kind", METADATA)
def test_promise_13_metadata_never_costs_more_than_the_photo(tmp_path: Path, kind: str) -> None:
    """Pillow takes time that grows with the square of the number of some of these."""
    make, part = METADATA[kind]
    started = time.process_time()
    assert np.array_equal(gray(tmp_path / "x", make(part * 40_000)), gray(tmp_path / "y", make(b"")))
    assert code_of(tmp_path / "x", make(part * 100_001)) == "too_large"
    assert time.process_time() - started < 5


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_promise_16_the_orientation_is_read_among_much_else(tmp_path: Path, form: str) -> None:
    whole = encoded(RGB.crop((0, 0, 48, 24)), form, exif=EXIF, lossless=True)
    assert read_header(whole).orientation == 6
    assert gray(tmp_path / "x", whole).shape == (48, 24)


def test_promise_14_a_frame_outside_a_gif_is_rejected_before_its_canvas_is_made(tmp_path: Path) -> None:
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + b"\x21\xf9\x04\x08\0\0\0\0"
    data = head + b"," + struct.pack("<HHHHB", 36_000, 36_000, 36_000, 36_000, 0) + b"\x02\x02\x44\x01\0;"
    assert code_of(tmp_path / "x.gif", data) == "too_large"


@pytest.mark.parametrize(
    "data",
    [
        b"VP8X" + struct.pack("<II", 10, 0) + b"\xff\xff\xff" + b"\xff\xff\0",
        b"VP8L" + struct.pack("<IBI", 5, 0x2F, 0x0FFFFFFF) + b"\0",
    ],
)
def test_promise_14_a_webp_is_rejected_by_its_header(tmp_path: Path, data: bytes) -> None:
    assert code_of(tmp_path / "x", b"RIFF" + struct.pack("<I", len(data) + 4) + b"WEBP" + data) == "too_large"


@pytest.mark.parametrize("first", [b"IHDR", b"tEXt"])
def test_promise_14_a_png_of_two_sizes_is_decoded_by_neither(tmp_path: Path, first: bytes) -> None:
    """The second header is the one that a decoder goes by, and may be a bomb."""
    small, large = (struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0) for side in (10, 20_000))
    chunks = ((first, small), (b"IHDR", large), (b"IDAT", zlib.compress(bytes(20_001 * 300))), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, content) for kind, content in chunks)
    path = tmp_path / "x.png"
    path.write_bytes(data)
    with pytest.raises(ImageRejected, match="states one size and its pixels have another"):
        read_gray(path)


def run_length_bmp(side: int, runs: bytes) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(runs), 0, 0, 256, 0)
    palette = bytes(value for grey in range(256) for value in (grey, grey, grey, 0))
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 54 + len(palette)) + head + palette + runs


def test_promise_13_run_length_bmp_is_read_if_it_is_small(tmp_path: Path) -> None:
    assert set(gray(tmp_path / "x", run_length_bmp(8, b"\x08\x63\0\0" * 8 + b"\0\1")).ravel()) == {0x63}
    assert code_of(tmp_path / "x", run_length_bmp(9000, b"\0\0" * 9000)) == "too_large"
    assert code_of(tmp_path / "x", run_length_bmp(1100, b"\1\5" * 1_100_000)) == "too_large"


@pytest.mark.parametrize("bits", [12, 16])
def test_promise_15_a_jpeg_of_another_kind_is_unsupported(tmp_path: Path, bits: int) -> None:
    whole = bytearray(encoded(RGB, "JPEG"))
    whole[whole.index(b"\xff\xc0") + 4] = bits
    assert code_of(tmp_path / "x", bytes(whole)) == "unsupported"


def test_promise_14_deep_grey_takes_little_more_memory_than_eight_bits(tmp_path: Path) -> None:
    """What Python and numpy take; the decoder itself needs twice as much for twice the bits."""
    rows = zlib.compress(bytes(1 + 2 * 4000) * 4000, 1)
    (tmp_path / "x").write_bytes(png(4000, 4000, png_chunk(b"IDAT", rows), depth=16))
    tracemalloc.start()
    assert read_photo(tmp_path / "x", side=1000).pixels.shape == (1000, 1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50_000_000


def test_promise_16_bands_of_a_deep_photo_join_without_a_seam(tmp_path: Path) -> None:
    wide = np.tile(np.linspace(0, 65_535, 3000).astype(np.uint16), (1200, 1))
    Image.fromarray(wide).save(tmp_path / "x.png")
    for side in (None, 1000, 700):
        pixels = read_photo(tmp_path / "x.png", side=side).pixels
        assert (pixels == pixels[0]).all()
        assert (np.diff(pixels[0].astype(int)) >= 0).all()
        assert pixels[0, -1] > 250


def test_promise_16_bands_of_colour_and_transparency_are_as_the_whole(tmp_path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (1500, 1500, 4), np.uint8))
    for mode in ("RGB", "RGBA", "P", "CMYK", "LA"):
        picture = noise.convert(mode) if mode in {"RGBA", "LA"} else noise.convert("RGB").convert(mode)
        path = tmp_path / ("x.tif" if mode == "CMYK" else "x.png")
        picture.save(path)
        if "A" in mode:
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
        assert np.array_equal(read_gray(path), np.asarray(picture.convert("L"))), mode
        if mode != "LA":
            with colour(path) as found:
                assert np.array_equal(np.asarray(found), np.asarray(picture.convert("RGB"))), mode


def test_promise_16_a_jpeg_in_colour_has_colours_where_they_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(encoded(RGB, "JPEG"))
    with colour(tmp_path / "x.jpg") as found:
        assert np.array_equal(np.asarray(found), np.asarray(Image.open(tmp_path / "x.jpg")))
