"""TIFF's directories of tags, in TIFF files and in the Exif data that other formats carry.

After Adobe's TIFF 6.0 and the DNG specification. Only what affects the pixels is read.
"""

import contextlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from fercli.errors import ImageRejected

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _STRIPS, _ORIENTATION = 256, 257, 258, 259, 262, 273, 274
_LARGEST, _PLANES, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _SUB_PICTURES, _INKS = 281, 284, 322, 323, 324, 330, 332
_EXTRA_SAMPLES, _SAMPLE_FORMAT, _SUBSAMPLING, _SUBFILE, _DNG = 338, 339, 530, 254, 50706

# The tags that a decoder needs; all others, which may be long, nested or circular, are kept from it.
_NEEDED = frozenset(
    (*range(256, 260), 262, 266, 273, *range(277, 280), 284, 292, 293, 317, 320, *range(322, 326), 332, 338, 339, 347,
     *range(512, 522), *range(529, 533))
)  # fmt: skip
_SINGLE = frozenset((256, 257, 259, 262, 266, 277, 278, 284, 317, 322, 323))  # of another count, decoders pass over the tag
_LONGEST = 1_500_000  # bytes of one tag's values: the places of 375,000 strips or tiles
_PIXELS_OF_A_PIECE = 256  # the least that a strip or tile costs, however small it is: Pillow keeps notes on each
_SIZES = {2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I"}

_COMPRESSIONS = frozenset((1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32809, 32946, 34925, 50000, 50001))
_RAW_SENSOR = (32803, 34892)  # a mosaic of colours, and linear sensor data
_PHASE_ONE = (b"IIII", b"MMMM")
_FOLLOWING = 4


class Directory:
    """One directory: where its entry for each tag is, the first if there are several. Raises struct.error if it is cut off."""

    def __init__(self, data: bytes, place: int | None = None) -> None:
        if data[:2] not in (b"II", b"MM"):
            raise struct.error("no byte order")
        self.data, self.order = data, "<" if data[:2] == b"II" else ">"
        (at,) = (place,) if place is not None else struct.unpack_from(f"{self.order}I", data, 4)
        (count,) = struct.unpack_from(f"{self.order}H", data, at)
        self.end = at + 2 + 12 * count  # where the place of the next directory stands
        self.entries: dict[int, int] = {}
        for entry in range(at + 2, self.end, 12):
            (tag,) = struct.unpack_from(f"{self.order}H", data, entry)
            self.entries.setdefault(tag, entry)

    def count(self, tag: int) -> int:
        """Return how many values a tag has; 0 if it is missing."""
        if tag not in self.entries:
            return 0
        (count,) = struct.unpack_from(f"{self.order}I", self.data, self.entries[tag] + 4)
        return int(count)

    def numbers(self, tag: int, *default: int) -> tuple[int, ...]:
        """Return a tag's whole numbers, at most 16; `default` if it is missing. Raises struct.error for other kinds."""
        if tag not in self.entries:
            return default
        kind, count = struct.unpack_from(f"{self.order}HI", self.data, self.entries[tag] + 2)
        if kind not in _NUMBERS or not count:  # signed numbers, say, which a decoder would heed
            raise struct.error("no whole numbers")
        return struct.unpack_from(f"{self.order}{min(count, 16)}{_NUMBERS[kind]}", self.data, self._place(tag, count, kind))

    def needed(self) -> bytes:
        """Return the file with its first directory reduced to what a decoder needs; ImageRejected if a tag is too long."""
        kept = sorted(tag for tag in self.entries if tag in _NEEDED)
        for tag in kept:
            kind, count = struct.unpack_from(f"{self.order}HI", self.data, self.entries[tag] + 2)
            if count * _SIZES.get(kind, 1) > _LONGEST or (tag in _SINGLE and count != 1):
                raise ImageRejected("damaged", f"it is broken (its tag {tag} has {count} values)")
        entries = b"".join(self.data[self.entries[tag] : self.entries[tag] + 12] for tag in kept)
        at = len(self.data) + len(self.data) % 2
        head = self.data[:4] + struct.pack(f"{self.order}I", at)
        end = struct.pack(f"{self.order}H", len(kept)) + entries + bytes(4)
        return b"".join((head, self.data[8:], bytes(at - len(self.data)), end))

    def _place(self, tag: int, count: int, kind: int) -> int:
        entry = self.entries[tag]
        if count * _SIZES.get(kind, 1) <= 4:
            return entry + 8
        (place,) = struct.unpack_from(f"{self.order}I", self.data, entry + 8)
        return int(place)


def orientation_of(exif: bytes) -> int:
    """Return the orientation, 1 to 8, that Exif data give; 1 if they give none."""
    try:
        (turn,) = Directory(exif.removeprefix(b"Exif\0\0")).numbers(_ORIENTATION, 1)[:1]
    except struct.error:  # broken metadata around whole pixels
        return 1
    return turn if 1 <= turn <= 8 else 1


@dataclass(frozen=True)
class Picture:
    """The first picture of a TIFF file; for what is not told here see `headers.Header`."""

    size: tuple[int, int]  # width and height as stored
    largest: int  # pixels of the picture or, if those are more, of a tile or those that all tiles cost
    bits: int
    orientation: int
    top: int
    unsigned: bool
    white_is_zero: bool


def described(data: bytes) -> tuple[Picture, Directory]:
    """Return the first picture of a TIFF file and its directory.

    Raises ImageRejected, `unsupported`, for kinds that decoders mistake for others, so that the pixels would be wrong.
    """
    directory = Directory(data)
    if _PHOTOMETRIC not in directory.entries:
        raise struct.error("neither black nor white")
    numbers = directory.numbers
    (width,), (height,) = numbers(_WIDTH)[:1] or (0,), numbers(_HEIGHT)[:1] or (0,)
    if _is_camera_raw(directory, width * height):
        raise ImageRejected("unsupported", "it is a camera's raw file, whose thumbnail is not a photo; develop it to JPEG or TIFF")
    wrong = _taken_for_another(directory)
    if wrong:
        raise ImageRejected("unsupported", f"it is a TIFF of a kind that is not read ({wrong})")
    tile = (numbers(_TILE_WIDTH, 0)[0], numbers(_TILE_HEIGHT, 0)[0])
    turn = numbers(_ORIENTATION, 1)[0]
    picture = Picture(
        (width, height),
        max(width * height, tile[0] * tile[1], (directory.count(_STRIPS) + directory.count(_TILES)) * _PIXELS_OF_A_PIECE),
        max(numbers(_BITS, 1)),
        turn if 1 <= turn <= 8 else 1,
        numbers(_LARGEST, 0)[0],
        set(numbers(_SAMPLE_FORMAT, 1)) == {1},
        numbers(_PHOTOMETRIC, 0)[0] == 0,
    )
    return picture, directory


def _taken_for_another(directory: Directory) -> str | None:
    """Return the kind if Pillow (13.0.0) or libtiff decodes it to wrong pixels, or to none without an error; None otherwise."""
    numbers = directory.numbers
    compression, photometric, planes = numbers(_COMPRESSION, 1)[0], numbers(_PHOTOMETRIC, 0)[0], numbers(_PLANES, 1)[0]
    bits, formats, extra = max(numbers(_BITS, 1)), numbers(_SAMPLE_FORMAT, 1), numbers(_EXTRA_SAMPLES)
    packed = compression != 1
    kinds = {
        f"compression {compression}": compression not in _COMPRESSIONS,
        f"{bits} bits with a sign": 2 in formats and bits < 32,
        f"{bits} bits, packed, the highest byte first": bits > 16 and packed and directory.order == ">",
        f"{bits} bits in separate planes": planes == 2 and bits > 8,
        "transparency in a separate plane": planes == 2 and not (extra == () or (photometric == 2 and (packed or extra == (2,)))),
        "colours as YCbCr, not packed": photometric == 6
        and not packed
        and (planes == 2 or numbers(_SUBSAMPLING, 2, 2)[:2] != (1, 1)),
        "inks other than CMYK": photometric == 5 and numbers(_INKS, 1)[0] != 1,
    }
    return next((kind for kind, is_it in kinds.items() if is_it), None)


def _is_camera_raw(directory: Directory, pixels: int) -> bool:
    """Tell a camera's raw file: DNG, NEF, CR2, ARW, IIQ and the like are TIFF with a thumbnail first and the photo elsewhere."""
    numbers, data = directory.numbers, directory.data
    if _DNG in directory.entries or data[8:10] == b"CR" or data[8:12] in _PHASE_ONE or _is_of_a_sensor(directory):
        return True
    if any(_is_of_a_sensor(following) for following in _following(directory)):
        return True
    for place in numbers(_SUB_PICTURES):
        with contextlib.suppress(struct.error):
            sub = Directory(data, place)
            (width,), (height,) = sub.numbers(_WIDTH)[:1] or (0,), sub.numbers(_HEIGHT)[:1] or (0,)
            if _is_of_a_sensor(sub) or width * height > pixels:
                return True
    return bool(numbers(_SUBFILE, 0)[0] & 1)


def _is_of_a_sensor(directory: Directory) -> bool:
    with contextlib.suppress(struct.error):
        return directory.numbers(_PHOTOMETRIC, 0)[0] in _RAW_SENSOR
    return False


def _following(directory: Directory) -> Iterator[Directory]:
    """Yield the directories that follow, few of them: their chain may be a circle."""
    with contextlib.suppress(struct.error):
        for _ in range(_FOLLOWING):
            (place,) = struct.unpack_from(f"{directory.order}I", directory.data, directory.end)
            if not place:
                return
            directory = Directory(directory.data, place)
            yield directory
