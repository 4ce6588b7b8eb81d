"""The boxes of which AVIF, HEIC and MP4 consist: a length, a type, and a content, which may be boxes again."""

import struct
from collections.abc import Iterator

_LISTS = (b"iinf", b"iloc", b"iref", b"ipma", b"grpl")


def boxes(data: bytes, position: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the type of each box, and where its content begins and ends (ISO/IEC 14496-12, 4.2); struct.error for a broken one."""
    while position + 8 <= end:
        size, kind, start = *struct.unpack_from(">I4s", data, position), position + 8
        if size == 1:
            (size,), start = struct.unpack_from(">Q", data, position + 8), position + 16
        if size < start - position:  # broken, or 0: it reaches to the end
            yield kind, start, end
            return
        yield kind, start, min(position + size, end)
        position += size


def length_of_lists(data: bytes, start: int, end: int) -> int:
    """Return the bytes of the lists of pictures in a `meta` box, each entry of which libavif compares with all others."""
    length = 0
    for box, first, last in boxes(data, start, end):
        within = boxes(data, first, last) if box == b"iprp" else [(box, first, last)]  # properties: a list among other boxes
        length += sum(after - begin for name, begin, after in within if name in _LISTS)
    return length
