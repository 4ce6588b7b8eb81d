import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from fercli.errors import REJECT_CODES, ImageRejected
from fercli.photos.geometry import Box, Frame
from fercli.photos.images import crop, read_gray, read_photo, square_around
from tests.conftest import PHOTOS
from tests.promises import Did


def ramp() -> Image.Image:
    return Image.fromarray(np.add.outer(np.arange(40) * 3, np.arange(60)).astype(np.uint8))


def rejected(path: Path, **options: int) -> str:
    with pytest.raises(ImageRejected) as caught:
        read_gray(path, **options)
    assert caught.value.code in REJECT_CODES
    return caught.value.code


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp", "gif", "tiff"])
def test_promise_15_every_format_whatever_the_suffix(tmp_path: Path, suffix: str) -> None:
    ramp().save(tmp_path / f"x.{suffix}")
    path = (tmp_path / f"x.{suffix}").rename(tmp_path / "x.txt")
    pixels = read_gray(path)
    assert pixels.shape == (40, 60)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - np.asarray(ramp())).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_promise_16_all_orientations_give_the_same_upright_pixels(tmp_path: Path, orientation: int) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose values that store an upright picture so turned
    stored = ramp() if orientation == 1 else ramp().transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "x.png", exif=exif)
    assert np.array_equal(read_gray(tmp_path / "x.png"), np.asarray(ramp()))


def test_promise_16_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    deep = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    for name in ("x.png", "x.tiff"):
        Image.fromarray(deep).save(tmp_path / name)
        pixels = read_gray(tmp_path / name)
        assert np.array_equal(pixels.ravel(), np.arange(256))


def test_promise_16_thirty_two_bits_are_scaled_by_their_largest_value(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 70_000], [35_000, 70_000]], np.int32)).save(tmp_path / "x.tiff")
    assert read_gray(tmp_path / "x.tiff").tolist() == [[0, 255], [128, 255]]


@pytest.mark.parametrize("top", [1.0, 255.0])
def test_promise_16_float_tiff(tmp_path: Path, top: float) -> None:
    Image.fromarray(np.linspace(0, top, 256, dtype=np.float32).reshape(16, 16)).save(tmp_path / "x.tiff")
    assert np.abs(read_gray(tmp_path / "x.tiff").ravel().astype(int) - np.arange(256)).max() <= 1


def test_promise_16_transparent_is_white_and_palettes_and_cmyk_are_colours(tmp_path: Path) -> None:
    clear = np.zeros((8, 8, 4), np.uint8)
    clear[:4] = (10, 10, 10, 255)
    Image.fromarray(clear).save(tmp_path / "alpha.png")
    pixels = read_gray(tmp_path / "alpha.png")
    assert pixels[0, 0] == 10
    assert pixels[7, 7] == 255
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 200, 200, 200])
    palette.save(tmp_path / "palette.png")
    palette.save(tmp_path / "clear.png", transparency=1)
    assert set(read_gray(tmp_path / "palette.png").ravel()) == {200}
    assert set(read_gray(tmp_path / "clear.png").ravel()) == {255}
    Image.new("CMYK", (8, 8), (0, 0, 0, 255)).save(tmp_path / "cmyk.jpg")
    assert read_gray(tmp_path / "cmyk.jpg").max() < 40
    Image.new("LA", (4, 4), (50, 255)).save(tmp_path / "la.png")
    assert set(read_gray(tmp_path / "la.png").ravel()) == {50}
    Image.new("1", (4, 4), 1).save(tmp_path / "bits.png")
    assert set(read_gray(tmp_path / "bits.png").ravel()) == {255}


@pytest.mark.parametrize(("bits", "clear"), [(1, 0), (2, 1), (4, 3), (8, 100), (16, 40_000)])
def test_promise_16_the_one_grey_that_is_transparent_is_white(tmp_path: Path, bits: int, clear: int) -> None:
    top = (1 << bits) - 1
    samples = [0, top, clear, 0, top, clear, 0, 0]
    packed = sum(value << bits * (7 - place) for place, value in enumerate(samples)).to_bytes(bits)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 8, 1, bits, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"tRNS", clear.to_bytes(2)) + chunk(b"IDAT", zlib.compress(b"\0" + packed))
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + parts + chunk(b"IEND", b""))
    assert read_gray(tmp_path / "x.png").tolist() == [[255 if value in {clear, top} else 0 for value in samples]]


def test_promise_16_a_bmp_whose_alpha_nobody_set_is_no_white_page(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (9, 9), (50, 50, 50, 0))
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 124, 9, 9, 1, 32, 3, 9 * 9 * 4, 0, 0, 0, 0) + masks + bytes(68)
    (tmp_path / "x.bmp").write_bytes(b"BM" + struct.pack("<IHHI", 138 + 324, 0, 0, 138) + header + picture.tobytes("raw", "BGRA"))
    assert set(read_gray(tmp_path / "x.bmp").ravel()) == {50}


def test_promise_14_the_first_frame_only(tmp_path: Path) -> None:
    frames = [Image.new("L", (9, 9), value) for value in (10, 200, 30)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert abs(int(read_gray(tmp_path / "x.gif")[4, 4]) - 10) < 3


def test_promise_13_a_photo_cut_anywhere_is_a_reject(tmp_path: Path, did: Did) -> None:
    for name in ("astronaut.jpg", "grace_hopper.jpg"):
        whole = (PHOTOS / name).read_bytes()
        for tenth in range(10):
            path = tmp_path / name
            path.write_bytes(whole[: len(whole) * tenth // 10])
            assert rejected(path) in {"empty", "not_an_image", "damaged"}
            did(1, "files")


@pytest.mark.parametrize(
    "content", [b"%PDF-1.7\n", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<svg/>", b"hello", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"]
)
def test_promise_15_other_content_never_reaches_a_parser(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.jpg").write_bytes(content)
    assert rejected(tmp_path / "x.jpg") in {"not_an_image", "damaged"}


def png_header(width: int, height: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + b"\0\0\xff\xffIDAT"


@pytest.mark.parametrize(("width", "height"), [(50_000, 50_000), (1, 70_000), (2**31 - 1, 2**31 - 1)])
def test_promise_14_a_bomb_is_rejected_by_its_header(tmp_path: Path, width: int, height: int) -> None:
    (tmp_path / "x.png").write_bytes(png_header(width, height) + bytes(100))
    assert rejected(tmp_path / "x.png") in {"too_large", "damaged"}


def test_promise_14_max_pixels(tmp_path: Path) -> None:
    ramp().save(tmp_path / "x.png")
    assert rejected(tmp_path / "x.png", max_pixels=2399) == "too_large"
    assert read_gray(tmp_path / "x.png", max_pixels=2400).size == 2400


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "link.png").symlink_to("nowhere")
    assert rejected(tmp_path / "empty.png") == "empty"
    assert rejected(tmp_path / "link.png") == "unreadable"
    assert rejected(tmp_path) == "unreadable"


def test_promise_13_damage_in_the_middle_never_raises_anything_else(tmp_path: Path, did: Did) -> None:
    generator = np.random.default_rng(0)
    for kind in ("png", "jpeg", "webp", "gif", "tiff", "bmp"):
        data = io.BytesIO()
        ramp().save(data, kind)
        for _ in range(60):
            broken = bytearray(data.getvalue())
            for position in generator.integers(0, len(broken), 4):
                broken[position] = generator.integers(256)
            (tmp_path / "x").write_bytes(broken)
            did(1, "files")
            try:
                assert read_gray(tmp_path / "x", max_pixels=10**6).ndim == 2
            except ImageRejected as reject:
                assert reject.code in REJECT_CODES


def test_crop_repeats_the_border() -> None:
    photo = np.arange(16, dtype=np.uint8).reshape(4, 4)
    assert crop(photo, Frame.of(Box(1, 1, 2, 2)), 2).tolist() == [[5, 6], [9, 10]]
    assert crop(photo, Frame.of(Box(-1, -1, 3, 3)), 3).tolist() == [[0, 0, 1], [0, 0, 1], [4, 4, 5]]
    assert crop(photo, Frame.of(Box(2, 2, 4, 4)), 4)[-1].tolist() == [14, 15, 15, 15]


def test_crop_averages_when_it_shrinks() -> None:
    stripes = np.tile(np.array([0, 200], np.uint8), (96, 48))
    assert crop(stripes, Frame.of(Box(0, 0, 96, 96)), 48).tolist() == [[100] * 48] * 48
    assert crop(np.full((10, 10), 7, np.uint8), Frame.of(Box(0, 0, 10, 10)), 48).tolist() == [[7] * 48] * 48


def test_a_whole_image_keeps_its_proportions_in_the_square() -> None:
    wide = np.tile(np.array([[10], [200]], np.uint8), (1, 4))
    assert square_around(wide).box == Box(0, -1, 4, 4)
    assert crop(wide, square_around(wide), 4).tolist() == [[10] * 4, [10] * 4, [200] * 4, [200] * 4]


@pytest.mark.parametrize("shape", [(65_000, 3), (3, 65_000)])
def test_promise_13_a_strip_does_not_become_a_huge_square(shape: tuple[int, int]) -> None:
    tracemalloc.start()
    strip = np.full(shape, 9, np.uint8)
    assert crop(strip, square_around(strip), 48).tolist() == [[9] * 48] * 48
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_promise_13_deep_grey_is_in_memory_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(np.full((1500, 1500), 65_535, np.uint16)).save(tmp_path / "deep.png")
    made: list[int] = []
    new = Image.new

    def counted(mode: str, size: tuple[int, int], *more: int) -> Image.Image:
        made.append(size[0] * size[1])
        return new(mode, size, *more)

    monkeypatch.setattr(Image, "new", counted)
    assert (read_photo(tmp_path / "deep.png", side=500).pixels == 255).all()
    assert 0 < max(made) < 1500 * 1500 // 2


@given(st.integers(-30, 50), st.integers(-30, 50), st.integers(1, 90), st.integers(1, 60), st.integers(1, 60), st.integers(1, 64))
def test_any_box_that_overlaps_gives_a_face(x: int, y: int, width: int, rows: int, columns: int, side: int) -> None:
    assume(x < columns and y < rows and x + width > 0 and y + width > 0)
    photo = np.full((rows, columns), 7, np.uint8)
    assert crop(photo, Frame.of(Box(x, y, width, width)), side).tolist() == [[7] * side] * side
