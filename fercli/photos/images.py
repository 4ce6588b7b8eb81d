"""Image files to grey pixels, upright: one function for every command."""

import contextlib
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fercli.errors import ImageRejected
from fercli.files import MAX_PIXELS
from fercli.photos.decoding import decoded
from fercli.photos.geometry import Box, Frame
from fercli.photos.headers import Header

_BAND = 1 << 20  # pixels converted together

# What sets a picture upright that is stored with an EXIF orientation.
_TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
          5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
          8: Image.Transpose.ROTATE_90}  # fmt: skip


@dataclass(frozen=True)
class Photo:
    """A photo's grey pixels (height, width), upright, and its `scale`: its size, at most 1, in parts of the photo's own."""

    pixels: NDArray[np.uint8]
    scale: float = 1.0


def read_gray(path: Path, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Return all grey pixels of an image file; see `read_photo`."""
    return read_photo(path, max_pixels).pixels


def read_photo(path: Path, max_pixels: int = MAX_PIXELS, side: int | None = None) -> Photo:
    """Return the first frame of an image file as grey pixels, upright by its EXIF orientation.

    16-bit images are scaled, not clipped; transparent parts become white; grey is ITU-R 601 luma. The format is recognised by the
    content. With `side`, neither side of the result is longer than that, and a large JPEG is read in a fraction of the time. Errors
    as from `decoding.decoded`.
    """
    with decoded(path, max_pixels, luma=True, side=side) as (image, header):
        scale = image.width / header.width
        _set_transparency(image, header)
        upright = _turned(_to_gray(image, header, side), header)
        smaller = _shrunk(upright, side) if side else upright
        return Photo(np.asarray(smaller, np.uint8), scale * max(smaller.size) / max(image.size))


@contextlib.contextmanager
def colour(path: Path, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Give the first frame of an image file in RGB, upright; errors as from `read_photo`.

    Until the block ends, the picture counts against what all threads together may hold.
    """
    with contextlib.ExitStack() as stack:
        image, header = stack.enter_context(decoded(path, max_pixels))
        _set_transparency(image, header)
        if image.mode.startswith(("I", "F", "L", "1")):
            picture = _turned(_to_gray(image, header), header).convert("RGB")
        else:
            picture = _turned(_in_bands(image, "RGB", lambda band: _over_white(band).convert("RGB")), header)
        held = stack.pop_all()
    try:
        yield picture
    finally:
        held.close()  # told of no error: one in the block is none of decoding


def _turned(image: Image.Image, header: Header) -> Image.Image:
    return image.transpose(_TURNS[header.orientation]) if header.orientation in _TURNS else image


def _set_transparency(image: Image.Image, header: Header) -> None:
    """Let the picture tell its transparent parts, and the colours of its palette, as they were meant."""
    clear = image.info.get("transparency")
    if header.format == "PNG" and header.bits in {2, 4} and image.mode == "L" and isinstance(clear, int):
        image.info["transparency"] = clear * 255 // ((1 << header.bits) - 1)  # Pillow spreads the samples, but not this one
    last = image.getbands()[-1]
    if header.format in {"BMP", "TIFF"} and last in {"A", "a"} and image.getchannel(last).getextrema() == (0, 0):
        image.putalpha(255)  # many programs leave a further sample empty, and mean no picture that is nowhere visible
        if not _largest(image):  # multiplied by the empty sample while it was decoded
            raise ImageRejected("unsupported", "it is transparent all over, so that its colours are not known")
    if header.format == "TIFF" and image.mode == "P" and not any(image.getpalette() or ()):
        raise ImageRejected("unsupported", "its palette has 8 bits where TIFF has 16, or is all black, which is not read")


def _to_gray(image: Image.Image, header: Header, side: int | None = None) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _deep_to_gray(image, header, side)
    if header.bits > 8 and 0 < _largest(image) <= _known_top(header, 4095) >> 8:  # Pillow kept the high bytes alone
        raise ImageRejected("unsupported", "its 16-bit samples of colour hold fewer bits, which is not read")
    return _in_bands(image, "L", lambda band: _over_white(band).convert("L"))


def _known_top(header: Header, otherwise: int) -> int:
    """Return the highest value that a sample may have, or `otherwise` if the file tells nothing better than 16 or 32 bits."""
    if 255 < header.top < 65_535:
        return header.top
    return otherwise if header.bits in {16, 32} else (1 << header.bits) - 1


def _largest(image: Image.Image) -> int:
    extrema = np.reshape(image.getextrema(), (-1, 2))
    return max(int(largest) for name, (_, largest) in zip(image.getbands(), extrema, strict=True) if name not in {"A", "a"})


def _in_bands(image: Image.Image, mode: str, convert: Callable[[Image.Image], Image.Image], factor: int = 1) -> Image.Image:
    """Return the picture converted, and made smaller by `factor`: a few rows at a time, so that memory holds no further copies."""
    if image.mode == mode and "transparency" not in image.info:
        return image
    result = Image.new(mode, (math.ceil(image.width / factor), math.ceil(image.height / factor)))
    for top, band in _bands(image, factor):
        converted = convert(band)
        result.paste(converted.reduce(factor) if factor > 1 else converted, (0, top // factor))
    return result


def _bands(image: Image.Image, factor: int = 1) -> Iterator[tuple[int, Image.Image]]:
    """Yield the picture a few rows at a time, a multiple of `factor`, with the number of the first of them."""
    width, height = image.size
    rows = max(1, _BAND // width // factor) * factor
    for top in range(0, height, rows):
        yield top, image.crop((0, top, width, min(top + rows, height)))


def _over_white(image: Image.Image) -> Image.Image:
    if image.mode == "La":  # multiplied by its own transparency
        image = image.convert("LA")
    if image.mode == "P" or "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image


def _deep_to_gray(image: Image.Image, header: Header, side: int | None) -> Image.Image:
    """Scale whole numbers by the range of their bits, as far as that is known, and floats by 1 or 255, both of which are in use."""

    def values(band: Image.Image) -> NDArray[np.float64]:
        stored = np.asarray(band)
        if image.mode == "I" and header.bits == 32 and header.unsigned:
            stored = stored.view(np.uint32)
        return stored.astype(np.float64)

    least, largest = np.inf, 0.0
    for _, band in _bands(image):
        found = values(band)
        if not np.isfinite(found).all():
            raise ValueError("it holds values that are not finite")
        least, largest = min(least, found.min()), max(largest, found.max())
    if least < (-largest / 20 if image.mode == "F" else 0):  # floats that were resized overshoot a little
        raise ImageRejected("unsupported", "its samples are below zero, so that black and white are not known")
    # In practice, files hold 8, 10 or 12 bits in samples of 16 without saying so.
    steps = (1.0, 255.0) if image.mode == "F" else (_known_top(header, 255), 255, 1023, 4095, 65_535)
    highest = next((step for step in steps if largest <= step), largest)

    clear = image.info.get("transparency")

    def convert(band: Image.Image) -> Image.Image:
        stored = values(band)
        scaled = np.clip(stored * (255.0 / highest) + 0.5, 0, 255).astype(np.uint8)
        if header.white_is_zero:
            scaled = 255 - scaled
        if isinstance(clear, int):
            scaled[stored == clear] = 255
        return Image.fromarray(scaled)

    return _in_bands(image, "L", convert, max(1, max(image.size) // side) if side else 1)


def _shrunk(image: Image.Image, side: int) -> Image.Image:
    scale = side / max(image.size)
    if scale >= 1:
        return image
    width, height = (max(1, round(length * scale)) for length in image.size)
    return image.resize((width, height), Image.Resampling.BOX, reducing_gap=1.5)


def recompressed(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return what becomes of grey pixels (height, width) when they are stored as a JPEG of this quality, 1 to 95."""
    stored = io.BytesIO()
    picture = Image.fromarray(pixels)
    picture.save(stored, "JPEG", quality=quality)
    return np.asarray(Image.open(stored, formats=["JPEG"]), np.uint8)


def square_around(photo: NDArray[np.uint8]) -> Frame:
    """Return the smallest centred square that holds a whole image (height, width); it reaches beyond the longer edges."""
    height, width = photo.shape
    side = max(height, width)
    return Frame.of(Box((width - side) // 2, (height - side) // 2, side, side))


def shrunk(photo: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return a grey photo (height, width) averaged down so that neither side exceeds `side` pixels; a smaller one as it is."""
    return photo if max(photo.shape) <= side else np.asarray(_shrunk(Image.fromarray(photo), side), np.uint8)


def halved(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a grey photo at half its size, each pixel the mean of four."""
    return np.asarray(Image.fromarray(photo).reduce(2), np.uint8)


def turned(photo: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """Return a grey photo (height, width) turned clockwise about its centre, on a canvas that holds it all, with black corners."""
    return np.asarray(Image.fromarray(photo).rotate(-degrees, Image.Resampling.BILINEAR, expand=True), np.uint8)


def crop(photo: NDArray[np.uint8], frame: Frame, side: int) -> NDArray[np.uint8]:
    """Return the face in a frame of a grey photo (height, width), upright, as (side, side) pixels.

    Beyond the photo's edges its border is repeated. Shrinking averages over areas, so that detail does not alias. The frame must
    overlap the photo.
    """
    if frame.roll == 0.0:
        return _upright(photo, frame.box, side)
    # The square around the circle in which the frame turns, at twice the resolution, so that turning costs no sharpness.
    around = _upright(photo, replace(frame, side=frame.side * math.sqrt(2), roll=0.0).box, round(2 * side * math.sqrt(2)))
    middle, margin = around.shape[0] / 2, (around.shape[0] - 2 * side) // 2
    cosine, sine = math.cos(math.radians(frame.roll)), math.sin(math.radians(frame.roll))
    first = middle + (margin - middle) * (cosine - sine), middle + (margin - middle) * (cosine + sine)  # of the result's corner
    inside = Image.fromarray(around).transform(
        (2 * side, 2 * side), Image.Transform.AFFINE, (cosine, -sine, first[0], sine, cosine, first[1]), Image.Resampling.BICUBIC
    )
    return np.asarray(inside.reduce(2), np.uint8)


def _upright(photo: NDArray[np.uint8], box: Box, side: int) -> NDArray[np.uint8]:
    height, width = photo.shape
    scale = side / box.width
    columns = _inside(box.x, box.width, width)
    rows = _inside(box.y, box.height, height)
    inside = photo[rows, columns]
    # Only the part inside is resized, and padded afterwards: a strip of 65,000 x 10 pixels must not become so large a square.
    left, top = round((columns.start - box.x) * scale), round((rows.start - box.y) * scale)
    size = (max(1, min(side - left, round(inside.shape[1] * scale))), max(1, min(side - top, round(inside.shape[0] * scale))))
    if inside.shape != size[::-1]:
        method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
        inside = np.asarray(Image.fromarray(inside).resize(size, method), np.uint8)
    if inside.shape == (side, side):
        return inside
    left, top = min(left, side - size[0]), min(top, side - size[1])
    return np.pad(inside, ((top, side - top - size[1]), (left, side - left - size[0])), mode="edge")


def _inside(start: int, length: int, limit: int) -> slice:
    return slice(max(0, start), min(limit, start + length))
