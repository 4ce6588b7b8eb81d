"""Image files to decoded pictures, within limits of size, time and memory that hold for all threads together."""

import contextlib
import io
import math
import re
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from fercli.errors import ImageRejected
from fercli.files import MAX_PIXELS, Kind, kind_of
from fercli.photos.headers import Header, read_header
from fercli.photos.walk import opened

FILE_LIMIT = 256 << 20
SECONDS = 20.0  # of processor time that a decoder may take for a photo; `headers` bounds what it does between two reads
_SIDE_LIMIT = 65_500  # libjpeg's own limit; it also keeps out thin, endless images


def _heic(source: io.BytesIO) -> ImageFile.ImageFile:
    try:
        from pillow_heif import HeifImageFile  # an extra
    except ImportError:
        raise ImageRejected(
            "unsupported", "it is HEIC, as phones write it; to read it: pip install 'fercli[heic]', then label it with --update"
        ) from None
    image: ImageFile.ImageFile = HeifImageFile(source)
    return image


# Called directly rather than through `Image.open`, whose guard against large images belongs to the whole process.
_DECODERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "HEIC": _heic,
}
_ISO = ("AVIF", "HEIC")

# What Pillow's decoders raise for broken files: more than OSError (seen with Pillow 13.0.0: SyntaxError, ValueError and others).
_DECODER_ERRORS = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, RuntimeError,
                   OverflowError, struct.error, MemoryError, AttributeError, ZeroDivisionError)  # fmt: skip
_NOT_KNOWN = re.compile("unsupported|not (yet )?supported|unknown pixel mode|cannot handle", re.IGNORECASE)  # in Pillow's words


class _Budget:
    """What all threads together may hold at a time: asking for more than is left waits, asking for more than all takes all."""

    def __init__(self, total: int) -> None:
        self._total = self._left = total
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def taken(self, amount: int) -> Iterator[None]:
        amount = min(amount, self._total)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= amount)
            self._left -= amount
        try:
            yield
        finally:
            with self._changed:
                self._left += amount
                self._changed.notify_all()


# Bytes are always taken before pixels, so that no two threads wait for each other.
_bytes, _pixels = _Budget(FILE_LIMIT), _Budget(MAX_PIXELS)


class _Source(io.BytesIO):
    """A file's content for a decoder, which can read from it until its time is up."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._end = time.thread_time() + SECONDS

    def read(self, size: int | None = -1) -> bytes:
        if time.thread_time() > self._end:
            raise ImageRejected("too_large", f"decoding it takes more than {SECONDS:g} seconds")
        return super().read(size)


@contextlib.contextmanager
def decoded(path: Path, max_pixels: int, *, luma: bool = False, side: int | None = None) -> Iterator[tuple[Image.Image, Header]]:
    """Give an image file's first picture, as it is stored, and its header; a failure to decode within the block is a reject, too.

    With `luma`, a JPEG in colour is decoded to its grey part alone and, with `side`, at a half, quarter or eighth of its size, as
    long as the longer side keeps at least `side` pixels. All threads share a budget of bytes and of pixels, of which the picture
    holds its part until the block ends.

    Raises ImageRejected for anything that is not a whole image within the limits, and for kinds whose pixels would come out wrong.
    """
    with _content(path) as data:
        header = read_header(data)
        with _decoder(header, max_pixels, luma, side) as image:
            yield image, _as_decoded(header, image) if header.format in _ISO else header


def _as_decoded(header: Header, image: Image.Image) -> Header:
    """Return the header with the size and orientation that the decoder found in the file's boxes; libheif turns pictures itself."""
    turn = image.getexif().get(ExifTags.Base.Orientation, 1) if header.format == "AVIF" else 1
    return replace(header, width=image.width, height=image.height, orientation=turn)


@contextlib.contextmanager
def _content(path: Path) -> Iterator[bytes]:
    kind = kind_of(path)
    if kind in {Kind.FOLDER, Kind.OTHER, Kind.MISSING}:
        raise ImageRejected("unreadable", "there is no file" if kind is Kind.MISSING else "it is not a regular file")
    try:
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        raise ImageRejected("unreadable", getattr(error, "strerror", None) or str(error)) from error
    if not size:  # the kernel's own files, too, claim to be empty; some keep whoever opens them waiting for ever
        raise ImageRejected("empty", "the file has no bytes")
    if size > FILE_LIMIT:
        raise ImageRejected("too_large", f"the file has {size} bytes; the limit is {FILE_LIMIT}")
    with _bytes.taken(size):
        try:
            with opened(path) as handle:
                data = handle.read(size)
        except OSError as error:
            raise ImageRejected("unreadable", error.strerror or str(error)) from error
        if not data:
            raise ImageRejected("empty", "the file has no bytes")
        yield data


@contextlib.contextmanager
def _decoder(header: Header, max_pixels: int, luma: bool, side: int | None) -> Iterator[Image.Image]:
    """Give the decoded picture, as it is stored; a failure to decode within the block is a reject."""
    pixels = max(header.width * header.height, header.pixels)
    if pixels > max_pixels or max(header.width, header.height) > _SIDE_LIMIT:
        size = f"{header.width} x {header.height}"
        raise ImageRejected("too_large", f"it has {size} pixels; the limit is {max_pixels} (--max-pixels)")
    try:
        with contextlib.ExitStack() as stack:
            if header.at_once:
                stack.enter_context(_pixels.taken(pixels))
                stack.enter_context(_guard_lifted(pixels))
            image = _DECODERS[header.format](_Source(header.data))
            if not _is_as_told(header, image):
                raise ImageRejected("damaged", "its header states one size and its pixels have another")
            if luma and header.format == "JPEG" and image.mode in {"RGB", "L"}:
                _set_draft(image, side)
            if not header.at_once:
                stack.enter_context(_pixels.taken(image.width * image.height))
            image.load()
            yield image
    except Image.DecompressionBombError as error:
        raise ImageRejected("too_large", _sentence(error)) from error
    except MemoryError as error:
        raise ImageRejected("too_large", "there is not enough memory for it") from error
    except _DECODER_ERRORS as error:
        if _NOT_KNOWN.search(str(error)):
            raise ImageRejected("unsupported", f"it is of a kind that is not read ({_sentence(error)})") from error
        raise ImageRejected("damaged", f"it is cut off or broken ({_sentence(error)})") from error


def _is_as_told(header: Header, image: Image.Image) -> bool:
    """Tell whether the decoder found the size that was checked against the limits: given two headers, it may go by the other."""
    if header.format in _ISO:  # cropped or turned by boxes that only its decoder reads
        return image.width * image.height <= header.width * header.height
    return image.size == (header.width, header.height)


@contextlib.contextmanager
def _guard_lifted(pixels: int) -> Iterator[None]:
    """Let Pillow decode a picture beyond its own limit, which the user raised; it holds the whole budget, and so is alone."""
    guard = Image.MAX_IMAGE_PIXELS
    if guard is None or pixels <= max(guard, MAX_PIXELS):
        yield
        return
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = guard


def _set_draft(image: Image.Image, side: int | None) -> None:
    """Let the JPEG decoder give only the luma, which is stored by itself, and shrink the picture while decoding."""
    least = 1.0 if side is None else min(1.0, side / max(image.size))
    image.draft("L", (math.ceil(image.width * least), math.ceil(image.height * least)))


def _sentence(error: BaseException) -> str:
    # What Pillow has left over in its buffer says nothing: the file may lack far more.
    told = re.sub(r" \(\d+ bytes not processed\)", "", " ".join(str(error).split()))
    return told[:200] or type(error).__name__
