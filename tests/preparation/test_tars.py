import contextlib
import io
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fercli.preparation import tars
from fercli.preparation.tars import BadTar, members, opened
from tests.damage import damaged
from tests.promises import Did

LIMIT = 1 << 30
NAMES = ("fer2013/fer2013.csv", "x" * 150 + "/y.csv", "grün.csv", "a" * 99 + "/" + "b" * 90)


def archive(form: int) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=form) as whole:
        folder = tarfile.TarInfo("fer2013")
        folder.type = tarfile.DIRTYPE
        whole.addfile(folder)
        for number, name in enumerate(NAMES):
            member = tarfile.TarInfo(name)
            member.size = 700 * number
            whole.addfile(member, io.BytesIO(name[:1].encode() * member.size))
    return data.getvalue()


def header(name: bytes, size: int, kind: bytes = b"0", field: bytes = b"") -> bytes:
    """One block, whose checksum is right; `field`, if given, stands for the size."""
    block = bytearray(512)
    block[: len(name)] = name
    block[124:136] = field or b"%011o\0" % size
    block[156:157] = kind
    block[257:265] = b"ustar\x0000"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def extended(*pairs: tuple[bytes, bytes]) -> bytes:
    """A pax header with these keys and values."""
    records = b""
    for key, value in pairs:
        body = b" " + key + b"=" + value + b"\n"
        length = next(number for number in range(len(body), len(body) + 9) if len(b"%d" % number) + len(body) == number)
        records += b"%d" % length + body
    return header(b"x", len(records), b"x") + records + bytes(-len(records) % 512)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_files_are_those_of_pythons_own_reader(form: int) -> None:
    data = archive(form)
    found = list(members(io.BytesIO(data), LIMIT))
    with tarfile.open(fileobj=io.BytesIO(data)) as whole:
        assert [(item.name, item.start, item.size) for item in found] == [
            (item.name, item.offset_data, item.size) for item in whole if item.isfile()
        ]
        for item in found:
            content = whole.extractfile(item.name)
            assert content is not None
            assert opened(io.BytesIO(data), item).read() == content.read()


def test_a_size_beyond_eight_gigabytes_is_a_number_to_the_base_of_256() -> None:
    data = header(b"x", 0, field=b"\x80" + (512).to_bytes(11)) + bytes(512)
    assert [item.size for item in members(io.BytesIO(data), LIMIT)] == [512]


END = header(b"x.csv", 0) + bytes(1024)
HOSTILE: dict[str, Callable[[], bytes]] = {
    "a long name of gigabytes": lambda: header(b"x", 1 << 31, b"L") + bytes(1 << 20),
    "an extended header of gigabytes": lambda: header(b"x", 1 << 31, b"x") + bytes(1 << 20),
    "a global header of gigabytes": lambda: header(b"x", 1 << 31, b"g") + bytes(1 << 20),
    "a size below zero": lambda: header(b"x", 0, field=b"\xff" + (-512).to_bytes(11, signed=True)) + END,
    "a size below zero in digits": lambda: header(b"x", 0, field=b"-0000001000\0") + END,
    "an extended size below zero": lambda: extended((b"size", b"-512")) + END,
    "an extended size that is no number": lambda: extended((b"size", "٣".encode())) + END,
    "a size over the limit": lambda: header(b"x", 0, field=b"\x80" + (1 << 70).to_bytes(11)) + END,
    "a sparse map": lambda: extended((b"GNU.sparse.map", b"0,1")) + END,
    "an old sparse file": lambda: header(b"x", 0, b"S") + END,
    "a record without a length": lambda: header(b"x", 5, b"x") + b"a=b\nc".ljust(512, b"\0") + END,
    "a record of no length": lambda: header(b"x", 8, b"x") + b"0 a=b\n\n\n".ljust(512, b"\0") + END,
    "a wrong checksum": lambda: header(b"x", 0).replace(b"x", b"y", 1) + END,
    "an end within a header": lambda: header(b"x", 0)[:300],
    "an end within a file": lambda: header(b"x", 5000) + bytes(100),
    "headers without end": lambda: header(b"x", 0, b"L") * 1500,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_promise_3_headers_are_not_believed(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tars, "_ENTRIES", 1000)
    with pytest.raises(BadTar):
        list(members(io.BytesIO(HOSTILE[what]()), LIMIT))


def test_promise_3_a_file_that_the_archive_does_not_have_whole() -> None:
    data = header(b"x", 5000) + bytes(100)
    with pytest.raises(EOFError):
        opened(io.BytesIO(data), tars.Member("x", 512, 5000)).read()


@settings(max_examples=300)
@given(data=st.data())
def test_promise_3_whatever_is_damaged_ends_and_keeps_to_the_archive(data: st.DataObject, did: Did) -> None:
    did(1, "damaged archives")
    form = data.draw(st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
    broken = data.draw(damaged(archive(form)))
    with contextlib.suppress(BadTar):
        places = [item.start for item in members(io.BytesIO(broken), LIMIT)]
        assert places == sorted(set(places))
