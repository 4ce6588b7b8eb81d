"""The grammar of a FER2013 row: `emotion`, 0 to 6; `pixels`, 2304 numbers from 0 to 255; `Usage`, one of three words."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fercli.labels import LABELS
from fercli.models.registry import SIDE

USAGES = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}
PIXELS = SIDE * SIDE
# As FER+ names them, in the order of `labels.VOTES`.
FERPLUS_COLUMNS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt", "unknown", "NF")

_NUMBER = re.compile(r"[0-9]{1,3}")


class BadRow(Exception):
    """A row breaks the grammar; the message says how."""


def parse_label(text: str) -> int:
    """Return the label that `text` stands for; BadRow unless it is a digit from 0 to 6."""
    text = text.strip(" ")
    if len(text) != 1 or text not in "0123456"[: len(LABELS)]:
        raise BadRow(f"emotion is {shown(text)}, not a digit from 0 to {len(LABELS) - 1}")
    return int(text)


def parse_usage(text: str) -> str:
    """Return the split that FER2013's word stands for; BadRow for any other word."""
    try:
        return USAGES[text.strip(" ")]
    except KeyError:
        raise BadRow(f"Usage is {shown(text)}, not one of {', '.join(USAGES)}") from None


def is_byte(text: str) -> bool:
    """Tell whether `text` is a whole number from 0 to 255: one to three ASCII digits and nothing else."""
    return _NUMBER.fullmatch(text) is not None and int(text) <= 255


def parse_pixels(text: str) -> NDArray[np.uint8]:
    """Return the 2304 pixels (2304,) of one row; BadRow names the first fault."""
    tokens = text.split(" ")
    tokens = [token for token in tokens if token]
    if len(tokens) != PIXELS:
        raise BadRow(f"it has {len(tokens)} pixels, not {PIXELS}")
    for position, token in enumerate(tokens, start=1):
        if not is_byte(token):
            raise BadRow(f"pixel {position} is {shown(token)}, not a whole number from 0 to 255")
    return np.array(tokens).astype(np.uint8)


def parse_pixel_rows(texts: Sequence[str]) -> NDArray[np.uint8] | None:
    """Return the pixels (N,2304) of rows at once, some 50 times as fast as one by one; None unless all are plainly good.

    Plainly good are numbers of one to three digits, separated by single spaces. After None, call `parse_pixels` for each row.
    """
    joined = " ".join(texts)
    if not joined.isascii():
        return None
    data = np.frombuffer(joined.encode("ascii") + b" ", np.uint8)
    ends = np.flatnonzero(data == ord(" "))
    if len(ends) != PIXELS * len(texts):
        return None
    row_ends = np.cumsum([len(text) + 1 for text in texts]) - 1
    lengths = np.diff(ends, prepend=-1) - 1
    digits = data - np.uint8(ord("0"))  # wraps: anything but a digit becomes more than 9
    if (
        not np.array_equal(ends[PIXELS - 1 :: PIXELS], row_ends)
        or lengths.min() < 1
        or lengths.max() > 3
        or np.count_nonzero(digits > 9) != len(ends)
    ):
        return None
    values = digits[ends - 1].astype(np.uint16)
    values += digits[ends - 2] * np.uint16(10) * (lengths > 1)
    values += digits[ends - 3] * np.uint16(100) * (lengths > 2)
    if values.max() > 255:
        return None
    return values.astype(np.uint8).reshape(len(texts), PIXELS)


def shown(text: str, length: int = 20) -> str:
    """Return a cell as messages quote it: its beginning, of so many characters, on one line."""
    return repr(text if len(text) <= length else text[:length] + "…")
