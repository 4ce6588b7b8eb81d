"""Ways in which a file may be damaged."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import strategies as st

from fercli.errors import IntegrityError


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Return `whole` with some bytes replaced, left out or put in, at up to three places; it may come out unchanged."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 3))):
        # Most of what a reader believes stands at the two ends of a file.
        place = draw(
            st.integers(0, len(data)) | st.integers(0, min(400, len(data))) | st.integers(max(0, len(data) - 400), len(data))
        )
        length = draw(st.sampled_from([0, 1, 4, 8, 100]))
        data[place : place + length] = draw(st.binary(max_size=8) | st.just(bytes(length)))
    return bytes(data)


def flipped(whole: bytes, bits: Iterable[int]) -> Iterator[bytes]:
    """Yield `whole` with each of the bits flipped, one at a time."""
    for bit in bits:
        broken = bytearray(whole)
        broken[bit // 8] ^= 1 << bit % 8
        yield bytes(broken)


def cut(whole: bytes) -> Iterator[bytes]:
    """Yield `whole` cut off at every length."""
    return (whole[:length] for length in range(len(whole)))


def refused(read: Callable[[Path], object], path: Path, contents: Iterable[bytes], match: str | None = None) -> int:
    """Write each of the contents to `path`, assert that reading it raises IntegrityError, and return how many there were."""
    count = 0
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(IntegrityError, match=match):
            read(path)
        count += 1
    return count
