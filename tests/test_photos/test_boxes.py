import struct

import pytest

from fercli.photos.boxes import boxes, length_of_lists


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def long_box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4sQ", 1, kind, 16 + len(content)) + content


def contents(data: bytes) -> list[tuple[bytes, bytes]]:
    return [(kind, data[start:end]) for kind, start, end in boxes(data, 0, len(data))]


def test_boxes_follow_each_other_with_short_and_long_lengths() -> None:
    data = box(b"ftyp", b"avif") + long_box(b"free", b"12345") + box(b"meta", b"")
    assert contents(data) == [(b"ftyp", b"avif"), (b"free", b"12345"), (b"meta", b"")]


@pytest.mark.parametrize("size", [0, 2, 7])
def test_a_box_without_a_true_length_is_the_last(size: int) -> None:
    data = box(b"free", b"1") + struct.pack(">I4s", size, b"mdat") + b"pixels"
    assert contents(data) == [(b"free", b"1"), (b"mdat", b"pixels")]


def test_promise_13_a_box_ends_with_what_it_is_in() -> None:
    assert contents(struct.pack(">I4s", 1 << 31, b"meta") + b"cut") == [(b"meta", b"cut")]
    with pytest.raises(struct.error):
        contents(struct.pack(">I4s", 1, b"meta") + b"cut")


def test_promise_13_lists_are_counted_where_they_may_be() -> None:
    lists = box(b"iinf", bytes(10)) + box(b"hdlr", bytes(100)) + box(b"iprp", box(b"ipco", bytes(50)) + box(b"ipma", bytes(7)))
    assert length_of_lists(lists, 0, len(lists)) == 17
    nested = b""
    for _ in range(5000):  # deeper than Python's stack
        nested = box(b"iprp", nested)
    assert length_of_lists(nested, 0, len(nested)) == 0
