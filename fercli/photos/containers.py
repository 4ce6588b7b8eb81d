"""Video containers, told by their first bytes, and how long they say they are: MP4 and MOV, AVI, Matroska and WebM."""

from typing import IO

VIDEO_SUFFIXES = frozenset((".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm"))
# Of MP4's relatives, those that are photos or sound.
AVIF_BRANDS = (b"avif", b"avis")
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1")
_NO_VIDEOS = (*AVIF_BRANDS, *HEIC_BRANDS, b"crx ", b"M4A ", b"M4B ", b"M4P ")  # b"crx ": Canon's raw files
_MOST_BOXES = 1_000_000  # a live recording of a day has half as many; a hostile file could have us count for minutes
_EBML, _SEGMENT = b"\x1aE\xdf\xa3", b"\x18S\x80g"


def has_video_signature(start: bytes) -> bool:
    """Tell by its first 12 bytes whether a file is a video, whatever its name."""
    if start[4:8] == b"ftyp":
        return start[8:12] not in _NO_VIDEOS
    return start.startswith(_EBML) or is_avi(start) or start[4:8] in (b"moov", b"mdat", b"wide")  # QuickTime before `ftyp`


def is_avi(start: bytes) -> bool:
    """Tell whether a file with these first 12 bytes is an AVI."""
    return start.startswith(b"RIFF") and start[8:12] == b"AVI "


def is_cut_off(handle: IO[bytes], size: int) -> bool:
    """Tell whether a video says that it is longer than its file of `size` bytes."""
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
    """Return where the last of MP4's boxes that begin before `limit` ends; each begins with its size and its type."""
    end = 0
    for _ in range(_MOST_BOXES):
        if len(head := handle.read(8)) < 8:
            break
        size = int.from_bytes(head[:4])
        if size == 1:
            size = int.from_bytes(handle.read(8))
        if size < 8:  # 0: it goes on to the file's end, wherever that is
            break
        end += size
        if end > limit:
            break
        handle.seek(end)
    return end


def _ebml_size(handle: IO[bytes]) -> int:
    """Return the next number of Matroska's, whose first bit set tells its length; 0 for one left open."""
    first = int.from_bytes(handle.read(1))
    length = 9 - first.bit_length()
    value = int.from_bytes(bytes([first & (0xFF >> length)]) + handle.read(length - 1))
    return 0 if value == (1 << 7 * length) - 1 else value
