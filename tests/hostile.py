"""A folder of files that no photo library would make, generated; each is named for what is wrong with it."""

import functools
import gzip
import io
import os
import socket
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from tests.conftest import synthetic_faces

FACE = Image.fromarray(synthetic_faces(1)[0][0])
RGB = Image.merge("RGB", (FACE, FACE.rotate(90), FACE.rotate(180)))


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    """Return an image file's bytes."""
    data = io.BytesIO()
    image.save(data, form, **options)
    return data.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Return a PNG chunk with its right checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 0) -> bytes:
    """Return a PNG whose header says what is asked for, whatever follows."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + b"".join(chunks) + png_chunk(b"IEND", b"")


def cut_off() -> dict[str, bytes]:
    """Every format, broken off after each tenth."""
    whole = {form: encoded(RGB, form) for form in ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")}
    parts = [(form, data, tenth) for form, data in whole.items() for tenth in range(10)]
    return {f"{form}-{tenth}0-percent.png": data[: len(data) * tenth // 10] for form, data, tenth in parts}


@functools.cache  # which takes most of the time of them all
def bombs() -> dict[str, bytes]:
    """Headers that promise more than any memory holds, with nothing behind them; and one that unpacks to just under the limit."""
    gif = bytearray(encoded(FACE, "GIF"))
    gif[6:10] = struct.pack("<HH", 65535, 65535)
    bmp = bytearray(encoded(RGB, "BMP"))
    bmp[18:26] = struct.pack("<ii", 60000, 60000)
    tiff = encoded(FACE, "TIFF").replace(struct.pack("<HHII", 256, 4, 1, 48), struct.pack("<HHII", 256, 4, 1, 4_000_000_000))
    rows = zlib.compressobj(9)
    black = b"".join(rows.compress(bytes(9991 * 10)) for _ in range(1000)) + rows.flush()
    return {
        "bomb-header.png": png(60000, 60000),
        "bomb-negative.png": png(2**31 - 1, 2**31 - 1),
        "bomb-thin.png": png(100_000, 1),
        "bomb.gif": bytes(gif),
        "bomb.bmp": bytes(bmp),
        "bomb.tif": tiff,
        "bomb-just-allowed.png": png(9990, 10_000, png_chunk(b"IDAT", black)),
        "bomb-text.png": png(48, 48, png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000), 9))),
    }


def nothing_there() -> dict[str, bytes]:
    """Images without extent, and files without images."""
    bmp = bytearray(encoded(RGB, "BMP"))
    bmp[18:26] = bytes(8)
    gif = bytearray(encoded(FACE, "GIF"))
    gif[6:10] = bytes(4)
    return {
        "zero-width.png": png(0, 48),
        "zero-height.png": png(48, 0),
        "zero.bmp": bytes(bmp),
        "zero.gif": bytes(gif),
        "empty.jpg": b"",
        "one-byte.jpg": b"\xff",
        "text.jpg": b"this is no photo\n" * 100,
        "page.png": b"<!doctype html><img src=x>",
        "drawing.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "print.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "paper.png": b"%PDF-1.7\n",
        "program.jpg": b"\x7fELF" + bytes(200),
        "archive.jpg": b"PK\x03\x04" + bytes(200),
        "packed.png": gzip.compress(encoded(FACE, "PNG")),
        "noise.webp": np.random.default_rng(0).bytes(5000),
        "only-signature.png": b"\x89PNG\r\n\x1a\n",
        "only-start.jpg": b"\xff\xd8\xff\xe0",
    }


def odd_but_whole() -> dict[str, bytes]:
    """Images that a careful reader does read."""
    exif = Image.Exif()
    exif[0x0112] = 9  # there are eight orientations
    exif[0x010E] = "x" * 60_000
    alpha = RGB.convert("RGBA")
    alpha.putalpha(FACE)
    deep = Image.fromarray(np.asarray(FACE).astype(np.uint16) * 257)
    frames = [FACE.rotate(angle) for angle in range(0, 360, 2)]
    return {
        "gif-called.jpg": encoded(FACE, "GIF"),
        "bmp-called.webp": encoded(FACE, "BMP"),
        "sixteen-bits.png": encoded(deep, "PNG"),
        "sixteen-bits.tif": encoded(deep, "TIFF"),
        "float.tif": encoded(FACE.convert("F"), "TIFF"),
        "cmyk.jpg": encoded(RGB.convert("CMYK"), "JPEG"),
        "cmyk.tif": encoded(RGB.convert("CMYK"), "TIFF"),
        "lab.tif": encoded(RGB.convert("LAB"), "TIFF"),
        "palette.png": encoded(RGB.quantize(7), "PNG", transparency=3),
        "one-bit.png": encoded(FACE.convert("1"), "PNG"),
        "gray-alpha.png": encoded(alpha.convert("LA"), "PNG"),
        "alpha.webp": encoded(alpha, "WEBP"),
        "huge-exif.jpg": encoded(RGB, "JPEG", exif=exif),
        "broken-exif.jpg": encoded(RGB, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"),
        "broken-profile.jpg": encoded(RGB, "JPEG", icc_profile=b"not a profile" * 10),
        "many-frames.gif": encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "many-pages.tif": encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:]),
        "rubbish-behind.jpg": encoded(RGB, "JPEG") + bytes(100_000),
        "one-pixel.png": encoded(FACE.crop((0, 0, 1, 1)), "PNG"),
        "strip.png": encoded(FACE.resize((3000, 1)), "PNG"),
    }


def damaged() -> dict[str, bytes]:
    """Images whose inside is wrong."""
    whole = bytearray(encoded(RGB, "PNG"))
    whole[60] ^= 0xFF
    loop = bytearray(encoded(FACE, "TIFF"))
    start = struct.unpack("<I", loop[4:8])[0]
    entries = struct.unpack("<H", loop[start : start + 2])[0]
    loop[start + 2 + 12 * entries : start + 6 + 12 * entries] = struct.pack("<I", start)  # its next page is itself
    jpeg = bytearray(encoded(RGB, "JPEG"))
    jpeg[len(jpeg) // 2 : len(jpeg) // 2 + 40] = b"\xff\xd9" * 20
    return {
        "flipped-byte.png": bytes(whole),
        "no-pixels.png": png(48, 48),
        "wrong-pixels.png": png(48, 48, png_chunk(b"IDAT", b"not deflate")),
        "too-few-pixels.png": png(48, 48, png_chunk(b"IDAT", zlib.compress(bytes(100)))),
        "unknown-colour.png": png(48, 48, png_chunk(b"IDAT", zlib.compress(bytes(2352))), colour=5),
        "unknown-depth.png": png(48, 48, png_chunk(b"IDAT", zlib.compress(bytes(2352))), depth=7),
        "huge-chunk.png": b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 2**31 - 1) + b"IHDR" + bytes(20),
        "loop.tif": bytes(loop),
        "early-end.jpg": bytes(jpeg),
    }


NAMES = [
    b"caf\xe9.png",
    b"new\nline.png",
    b"escape\x1b[31m.png",
    b"[red].png",
    b"-rf.png",
    b"=1+1.png",
    b" .png",
    b"a" * 251 + b".png",
]


def make(folder: Path) -> None:
    """Fill the folder: files, names of all kinds, links, a pipe and a socket."""
    folder.mkdir()
    for kind in (cut_off, bombs, nothing_there, odd_but_whole, damaged):
        for name, data in kind().items():
            (folder / name).write_bytes(data)
    whole = encoded(FACE, "PNG")
    for raw in NAMES:
        (folder / os.fsdecode(raw)).write_bytes(whole)
    (folder / "[").mkdir()
    (folder / "[" / "red].png").write_bytes(whole)
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(folder)  # a socket's path may have 108 bytes
        server.bind("socket.png")
        os.chdir(here)
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "nowhere.png").symlink_to("nothing")
    (folder / "up").symlink_to(folder.parent)
