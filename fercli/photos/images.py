"""Image files to grey pixels, upright: one function for every command; with `pictures`, the only module that imports PIL."""

import io
import math
import struct
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from fercli.errors import ImageRejected
from fercli.files import MAX_PIXELS, Kind, kind_of
from fercli.photos.geometry import Box, Frame
from fercli.photos.walk import has_image_signature

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF")
FILE_LIMIT = 256 << 20
_SIDE_LIMIT = 65_500  # libjpeg's own limit; also keeps thin, endless images out

# What Pillow's decoders raise for broken files: more than OSError (seen with Pillow 13.0.0: SyntaxError, ValueError and others).
_DECODER_ERRORS = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, NotImplementedError,
                   OverflowError, struct.error, MemoryError, AttributeError, ZeroDivisionError)  # fmt: skip

# What sets a picture upright that is stored with an EXIF orientation.
_TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
          5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
          8: Image.Transpose.ROTATE_90}  # fmt: skip

warnings.filterwarnings("ignore", module=r"PIL\.")  # of odd metadata; the pixels are what counts
Image.MAX_IMAGE_PIXELS = None  # `read_gray` has its own limit, checked before anything is decoded


@dataclass(frozen=True)
class Photo:
    """A photo's grey pixels (height, width), upright; `scale` of them stand for one of the photo's own, 1 or less."""

    pixels: NDArray[np.uint8]
    scale: float = 1.0


def read_gray(path: Path, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Return all grey pixels of an image file; see `read_photo`."""
    return read_photo(path, max_pixels).pixels


def read_photo(path: Path, max_pixels: int = MAX_PIXELS, least_side: int | None = None) -> Photo:
    """Return the first frame of an image file as grey pixels, upright by its EXIF orientation.

    16-bit images are scaled, not clipped; transparent parts become white; grey is ITU-R 601 luma. The format is told by the
    content. With `least_side`, a JPEG is decoded at the half, quarter or eighth of its size that leaves its longer side no shorter
    than that, at a fraction of the time. Raises ImageRejected for anything that is not a whole image within the limits.
    """
    data = _read_bytes(path)
    with _opened(data, max_pixels) as image:
        try:
            width = image.width
            if image.format in {"JPEG", "MPO"} and image.mode in {"RGB", "L"}:  # MPO: a phone's JPEG with a second picture inside
                _set_draft(image, least_side)
            scale = image.width / width
            return Photo(np.asarray(_to_gray(_upright_by_exif(image)), np.uint8), scale)
        except _DECODER_ERRORS as error:
            raise ImageRejected("damaged", f"it is cut off or broken ({_sentence(error)})") from error


def read_colour(path: Path, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Return the first frame of an image file in RGB, upright; errors as `read_photo`."""
    data = _read_bytes(path)
    with _opened(data, max_pixels) as image:
        try:
            upright = _upright_by_exif(image)
            gray = upright.mode.startswith(("I", "F", "L", "1"))
            picture = (_to_gray(upright) if gray else _over_white(upright)).convert("RGB")
        except _DECODER_ERRORS as error:
            raise ImageRejected("damaged", f"it is cut off or broken ({_sentence(error)})") from error
    picture.info = {}  # comments and the like must not reach a copy
    return picture


def _upright_by_exif(image: Image.Image) -> Image.Image:
    image.load()
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except _DECODER_ERRORS:  # broken metadata around whole pixels
        return image
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def _opened(data: bytes, max_pixels: int) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        if has_image_signature(data[:12]):
            raise ImageRejected("damaged", "its header is broken") from None
        raise ImageRejected("not_an_image", "its content is not PNG, JPEG, BMP, WebP, GIF or TIFF") from None
    except _DECODER_ERRORS as error:
        raise ImageRejected("damaged", f"its header is broken ({_sentence(error)})") from error
    width, height = image.size
    if width * height > max_pixels or max(width, height) > _SIDE_LIMIT:
        raise ImageRejected("too_large", f"it has {width} x {height} pixels; the limit is {max_pixels} (--max-pixels)")
    return image


def _set_draft(image: Image.Image, least_side: int | None) -> None:
    """Let the JPEG decoder give luma alone, which it stores, and shrink while it decodes."""
    least = 1.0 if least_side is None else min(1.0, least_side / max(image.size))
    image.draft("L", (math.ceil(image.width * least), math.ceil(image.height * least)))


def square_around(photo: NDArray[np.uint8]) -> Frame:
    """Return the smallest square around a whole image (height, width), centred; it reaches beyond the shorter side."""
    height, width = photo.shape
    side = max(height, width)
    return Frame.of(Box((width - side) // 2, (height - side) // 2, side, side))


def shrunk(photo: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return a grey photo area-averaged so that neither side is longer than `side`, or as it is if neither is."""
    scale = side / max(photo.shape)
    if scale >= 1:
        return photo
    height, width = (max(1, round(length * scale)) for length in photo.shape)
    return np.asarray(Image.fromarray(photo).resize((width, height), Image.Resampling.BOX, reducing_gap=2.0), np.uint8)


def turned(photo: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """Return a grey photo turned clockwise about its centre, on a canvas that holds all of it, black at the corners."""
    return np.asarray(Image.fromarray(photo).rotate(-degrees, Image.Resampling.BILINEAR, expand=True), np.uint8)


def crop(photo: NDArray[np.uint8], frame: Frame, side: int) -> NDArray[np.uint8]:
    """Return the face in a frame of a grey photo, upright (side, side); beyond the photo's edges its border is repeated.

    Area-averaged when it shrinks, so that detail does not alias. The frame must overlap the photo.
    """
    if frame.roll == 0.0:
        return _upright(photo, frame.box, side)
    # The square about the circle that the frame turns in, at twice the size, so that turning it costs no sharpness.
    around = _upright(photo, replace(frame, side=frame.side * math.sqrt(2), roll=0.0).box, round(2 * side * math.sqrt(2)))
    turned = Image.fromarray(around).rotate(frame.roll, Image.Resampling.BICUBIC)
    margin = (around.shape[0] - 2 * side) // 2
    inside = turned.crop((margin, margin, margin + 2 * side, margin + 2 * side))
    return np.asarray(inside.reduce(2), np.uint8)


def _upright(photo: NDArray[np.uint8], box: Box, side: int) -> NDArray[np.uint8]:
    height, width = photo.shape
    scale = side / box.width
    columns = _inside(box.x, box.width, width)
    rows = _inside(box.y, box.height, height)
    inside = photo[rows, columns]
    # The part inside is resized alone and padded afterwards: a strip of 65,000 x 10 pixels must not become a square of that side.
    left, top = round((columns.start - box.x) * scale), round((rows.start - box.y) * scale)
    size = (max(1, min(side - left, round(inside.shape[1] * scale))), max(1, min(side - top, round(inside.shape[0] * scale))))
    if inside.shape != size[::-1]:
        method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
        inside = np.asarray(Image.fromarray(inside).resize(size, method), np.uint8)
    left, top = min(left, side - size[0]), min(top, side - size[1])
    return np.pad(inside, ((top, side - top - size[1]), (left, side - left - size[0])), mode="edge")


def _inside(start: int, length: int, limit: int) -> slice:
    return slice(max(0, start), min(limit, start + length))


def _read_bytes(path: Path) -> bytes:
    try:
        kind = kind_of(path)
        if kind in {Kind.FOLDER, Kind.OTHER, Kind.MISSING}:
            raise ImageRejected("unreadable", "there is no file" if kind is Kind.MISSING else "it is not a regular file")
        size = path.stat().st_size
        if size > FILE_LIMIT:
            raise ImageRejected("too_large", f"the file has {size} bytes; the limit is {FILE_LIMIT}")
        data = path.read_bytes()
    except OSError as error:
        raise ImageRejected("unreadable", error.strerror or str(error)) from error
    if not data:
        raise ImageRejected("empty", "the file has no bytes")
    return data


def _to_gray(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _deep_to_gray(image)
    return _over_white(image).convert("L")


def _over_white(image: Image.Image) -> Image.Image:
    if image.mode == "P" or "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image


def _deep_to_gray(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey by its range, 32-bit grey by its largest value, floats by theirs (0 to 1 and 0 to 255 are in use)."""
    values = np.asarray(image, np.float64)
    if not np.isfinite(values).all():
        raise ValueError("it holds values that are not finite")
    largest = values.max(initial=0.0)
    steps = (1.0, 255.0) if image.mode == "F" else (65_535.0,)
    top = next((step for step in steps if largest <= step), largest)
    return Image.fromarray(np.clip(values * (255.0 / top) + 0.5, 0, 255).astype(np.uint8))


def _sentence(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
