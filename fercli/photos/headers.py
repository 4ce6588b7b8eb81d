"""What an image file says about itself, read before any decoder sees it: its size, and the bytes to give to a decoder.

Those are the bytes of the first picture alone. Metadata never reaches a decoder, because some files have comments, segments or tags
that take minutes or gigabytes to read; the one thing needed from it, the orientation, is read here. All of this takes time in
proportion to the size of the file, a second or so at most.
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from fercli.errors import ImageRejected
from fercli.photos import tiff
from fercli.photos.boxes import boxes, length_of_lists
from fercli.photos.containers import AVIF_BRANDS, HEIC_BRANDS, has_still_brand

_PARTS = 100_000  # segments, chunks or blocks of a file
_SCANS = 100  # of a progressive JPEG: ten are usual, and each may take as long as a whole picture; libtiff has the same limit
_RUN_LENGTH_BYTES, _RUN_LENGTH_PIXELS = 2_000_000, 16_000_000  # Pillow unpacks such BMP files in Python, one run at a time

_BMP_HEADERS = tuple(struct.pack("<I", length) for length in (12, 16, 40, 52, 56, 64, 108, 124))

_TABLES = 100_000  # bytes of such lists in AVIF and HEIC: thousands of tiles, where a photo of 100 megapixels has some hundreds
_MOVIE = 4  # bytes of a sequence's description, where lists stand among much else, that count as one of a list

_EXTENTS = re.compile(rb"\0\0\0\x14ispe....(.{8})", re.DOTALL)  # ISO/IEC 23008-12, 6.5.3
_FILLING = re.compile(rb"\xff+")
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # the other pairs belong to the pixels


@dataclass(frozen=True)
class Header:
    """What is known about an image file's first picture before it is decoded.

    `width` and `height` are in pixels, as stored; `orientation` is Exif's, 1 to 8; `bits` is the depth of a sample. `pixels` is how
    many pixels a decoder makes room for, where that is more than the picture has. `data` is what to give to the decoder. For grey
    samples deeper than a byte, `top` (their highest value, 0 if the file does not say), `unsigned` and `white_is_zero` tell what
    the decoder does not. `at_once` says whether a decoder has to hold all pixels even if it is asked for a smaller picture.
    """

    format: str
    width: int
    height: int
    data: bytes
    orientation: int = 1
    bits: int = 8
    pixels: int = 0
    top: int = 0
    unsigned: bool = False
    white_is_zero: bool = False
    at_once: bool = True


def read_header(data: bytes) -> Header:
    """Return the header of an image file with this content.

    Raises ImageRejected for what is not an image, is broken before its pixels begin, or would cost a decoder too much.
    """
    for begins, read in _READERS:
        if begins(data):
            try:
                return read(data)
            except (struct.error, IndexError) as error:
                raise ImageRejected("damaged", "its header is broken") from error
    if data[:4] in (b"II+\0", b"MM\0+"):
        raise ImageRejected("unsupported", "it is a BigTIFF, which is not read")
    if data.startswith((b"PK\3\4", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b")):  # Office's documents are zip files, too
        raise ImageRejected("not_an_image", "it is an archive or a document, such as a zip file; unpack it first")
    raise ImageRejected("not_an_image", "its content is not PNG, JPEG, BMP, WebP, GIF, TIFF, AVIF or HEIC, nor a video")


def _png(data: bytes) -> Header:
    kept, position, parts, orientation, top = [data[:8]], 8, 0, 1, 0
    if data[12:16] == b"CgBI":
        raise ImageRejected("unsupported", "it is a PNG as Apple's tools change it for their devices, which is not read")
    width, height, bits = struct.unpack_from(">IIB", data, 16)
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            kept.append(data[position:end])
        elif kind == b"eXIf":
            orientation = tiff.orientation_of(data[position + 8 : end - 4])
        elif kind == b"sBIT" and length:
            top = (1 << min(data[position + 8], bits)) - 1
        if kind == b"IEND":
            break
        position, parts = end, _counted(parts)
    return Header("PNG", width, height, b"".join(kept), orientation, bits, top=top)


def _jpeg(data: bytes) -> Header:
    kept, position, parts, orientation = [data[:2]], 2, 0, 1
    size: tuple[int, int] | None = None
    layers, progressive = 0, False
    while True:
        position = data.find(b"\xff", position)
        found = _FILLING.match(data, max(position, 0)) if position >= 0 else None
        if found is None or found.end() >= len(data):
            raise struct.error("no pixels")
        marker, position = data[found.end()], found.end() + 1
        if marker in (0x00, 0x01, *range(0xD0, 0xD9)):  # stand alone
            continue
        if marker == 0xD9:
            raise struct.error("no pixels")
        if marker == 0xDA:  # the pixels
            kept.append(data[position - 2 :])
            break
        parts = _counted(parts)
        (length,) = struct.unpack_from(">H", data, position)
        body, end = position + 2, position + max(2, length)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            bits, height, width, layers = struct.unpack_from(">BHHB", data, body)
            if bits != 8 or layers not in (1, 3, 4) or marker not in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA):
                kind = f"of {bits} bits and {layers} layers, process {marker & 15}"
                raise ImageRejected("unsupported", f"it is a JPEG of a kind that is not read ({kind})")
            size, progressive = (width, height), marker in (0xC2, 0xCA)
        if marker == 0xE1 and orientation == 1 and data.startswith(b"Exif\0\0", body):
            orientation = tiff.orientation_of(data[body:end])
        if marker in (0xE0, 0xEE) or not (0xE0 <= marker <= 0xEF or marker == 0xFE):  # JFIF and Adobe say what the colours are
            kept.append(b"\xff" + data[position - 1 : end])
        position = end
    if size is None:
        raise struct.error("no size")
    _refuse_scans(data, position - 2)
    in_several_scans = progressive or data[position + 2] < layers  # of which a decoder keeps all, however small the result
    return Header("JPEG", *size, b"".join(kept), orientation, at_once=in_several_scans)


def _refuse_scans(data: bytes, start: int) -> None:
    if data.count(b"\xff\xda", start) <= _SCANS:
        return
    scans = parts = 0  # some of what was counted may stand inside segments, or after the end of the picture
    position = start
    while found := _NEXT_MARKER.search(data, position):
        marker, parts = data[found.end() - 1], _counted(parts)
        if marker == 0xD9:
            return
        scans += marker == 0xDA
        if scans > _SCANS:
            raise ImageRejected("too_large", f"it is a JPEG of more than {_SCANS} scans, each of which takes the time of a picture")
        length = int.from_bytes(data[found.end() : found.end() + 2])
        position = found.end() + max(2, length)


def _gif(data: bytes) -> Header:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = start = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    control, parts = b"", 0
    while data[position] != 0x2C:  # a picture
        kind, begin, parts = data[position], position, _counted(parts)
        position += 1
        if kind == 0x3B:
            raise struct.error("no picture")
        if kind == 0x21:
            position += 1
            while length := data[position]:
                position, parts = position + 1 + length, _counted(parts)
            position += 1
            if data[begin + 1] == 0xF9:
                control = data[begin:position]
    left, top, columns, rows = struct.unpack_from("<HHHH", data, position + 1)
    size = (max(width, left + columns), max(height, top + rows))
    return Header("GIF", *size, b"".join((data[:start], control, data[position:])))


def _webp(data: bytes) -> Header:
    position, parts, orientation, size = 12, 0, 1, (0, 0)
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        body = position + 8
        if size == (0, 0):
            if kind == b"VP8X":
                size = (
                    1 + int.from_bytes(data[body + 4 : body + 7], "little"),
                    1 + int.from_bytes(data[body + 7 : body + 10], "little"),
                )
            elif kind == b"VP8L":
                (packed,) = struct.unpack_from("<I", data, body + 1)
                size = (1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF))
            elif kind == b"VP8 ":
                width, height = struct.unpack_from("<HH", data, body + 6)
                size = (width & 0x3FFF, height & 0x3FFF)
        if kind == b"EXIF":
            orientation = tiff.orientation_of(data[body : body + length])
        position, parts = body + length + length % 2, _counted(parts)
    return Header("WEBP", *size, data, orientation)


def _bmp(data: bytes) -> Header:
    (header,) = struct.unpack_from("<I", data, 14)
    if header == 12:
        width, height = struct.unpack_from("<HH", data, 18)
        return Header("BMP", width, height, data)
    width, height, _, _, packing = struct.unpack_from("<iiHHI", data, 18)
    width, height = abs(width), abs(height)
    if packing in (1, 2) and (width * height > _RUN_LENGTH_PIXELS or len(data) > _RUN_LENGTH_BYTES):
        limits = f"{_RUN_LENGTH_BYTES} bytes and {_RUN_LENGTH_PIXELS} pixels"
        raise ImageRejected("too_large", f"it is a run-length BMP of {len(data)} bytes; the limits for these are {limits}")
    return Header("BMP", width, height, data)


def _tiff(data: bytes) -> Header:
    picture, directory = tiff.described(data)
    return Header(
        "TIFF",
        *picture.size,
        directory.needed(),
        picture.orientation,
        picture.bits,
        picture.largest,
        picture.top,
        picture.unsigned,
        picture.white_is_zero,
    )


def _iso(data: bytes) -> Header:
    """Read the header of AVIF and HEIC: boxes called `ispe` hold the sizes of pictures and tiles, the largest the whole one's."""
    (length,) = struct.unpack_from(">I", data)
    brands = {data[8:12], *(data[position : position + 4] for position in range(16, min(length, 512), 4))}
    kind = "AVIF" if brands & set(AVIF_BRANDS) and data[8:12] not in HEIC_BRANDS[:4] else "HEIC"
    parts, tables, sizes = 0, 0, [(0, 0)]
    for box, start, end in boxes(data, length, len(data)):
        parts = _counted(parts)
        if box == b"meta":
            sizes += [struct.unpack(">II", found[1]) for found in _EXTENTS.finditer(data, start, end)]
            tables += length_of_lists(data, start + 4, end)
        elif box == b"moov":
            tables += (end - start) // _MOVIE
    if tables > _TABLES:
        raise ImageRejected("too_large", f"it lists more pictures, or parts of them, than {_TABLES} bytes can hold")
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    if not width * height:
        raise struct.error("no size")
    return Header(kind, width, height, data)


def _counted(parts: int) -> int:
    if parts >= _PARTS:
        raise ImageRejected("too_large", f"it has over {_PARTS} parts of metadata; take them out")
    return parts + 1


def _begins(*starts: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(starts)


_READERS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], Header]], ...] = (
    (_begins(b"\x89PNG\r\n\x1a\n"), _png),
    (_begins(b"\xff\xd8\xff"), _jpeg),
    (_begins(b"GIF87a", b"GIF89a"), _gif),
    (_begins(b"II*\0", b"MM\0*"), _tiff),
    (lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP", _webp),
    (has_still_brand, _iso),
    (lambda data: data.startswith(b"BM") and data[14:18] in _BMP_HEADERS, _bmp),  # "BM" alone also begins words
)
