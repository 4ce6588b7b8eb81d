"""Containers of videos, recognised by their first bytes, and how long they claim to be: MP4 and MOV, AVI, Matroska and WebM."""

from typing import IO

VIDEO_SUFFIXES = frozenset((".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm"))
# MP4's relatives are told apart by their brand.
AVIF_BRANDS = (b"avif", b"avis")
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1")
_NO_VIDEOS = (b"crx ", b"M4A ", b"M4B ", b"M4P ")  # Canon's raw files, and sound
_MOST_BOXES = 1_000_000  # a day's live recording has half as many; a hostile file could keep us counting for minutes
_EBML, _SEGMENT = b"\x1aE\xdf\xa3", b"\x18S\x80g"


def has_video_signature(start: bytes) -> bool:
    """Tell by its first 12 bytes whether a file is a video, whatever its name."""
    if start[4:8] == b"ftyp":
        return start[8:12] not in _NO_VIDEOS and not has_still_brand(start)
    return start.startswith(_EBML) or is_avi(start) or start[4:8] in (b"moov", b"mdat", b"wide")  # QuickTime before `ftyp`


def has_still_brand(start: bytes) -> bool:
    """Tell by its first 12 bytes whether a file is a photo in a relative of MP4: AVIF or HEIC."""
    return start[4:8] == b"ftyp" and start[8:12] in (*AVIF_BRANDS, *HEIC_BRANDS)


def is_avi(start: bytes) -> bool:
    """Tell by its first 12 bytes whether a file is an AVI."""
    return start.startswith(b"RIFF") and start[8:12] == b"AVI "


def is_cut_off(handle: IO[bytes], size: int) -> bool:
    """Tell whether a video, open at its start, claims to be longer than its file of `size` bytes."""
    start = handle.read(12)
    if is_avi(start):
        return 8 + int.from_bytes(start[4:8], "little") > size
    handle.seek(0)
    if not start.startswith(_EBML):
        return _end_of_boxes(handle, size) > size
    handle.seek(len(_EBML))
    handle.seek(min(size, _ebml_size(handle) + handle.tell()))
    return handle.read(len(_SEGMENT)) == _SEGMENT and _ebml_size(handle) + handle.tell() > size


def _end_of_boxes(handle: IO[bytes], limit: int) -> int:
    """Return the byte where the last of those MP4 boxes ends that begin before `limit`; each box begins with its size and type."""
    end = 0
    for _ in range(_MOST_BOXES):
        if len(head := handle.read(8)) < 8:
            break
        size = int.from_bytes(head[:4])
        if size == 1:
            size = int.from_bytes(handle.read(8))
        if size < 8:  # 0: the box reaches to the end of the file, wherever that is
            break
        end += size
        if end > limit:
            break
        handle.seek(end)
    return end


def _ebml_size(handle: IO[bytes]) -> int:
    """Return Matroska's next number, whose first set bit gives its length in bytes; 0 for a size that was left open."""
    first = int.from_bytes(handle.read(1))
    length = 9 - first.bit_length()
    value = int.from_bytes(bytes([first & (0xFF >> length)]) + handle.read(length - 1))
    return 0 if value == (1 << 7 * length) - 1 else value
