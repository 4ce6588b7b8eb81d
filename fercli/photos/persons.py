"""Which faces of a video's frames are one person's: by continuity alone, no one is recognised."""

import math
from collections.abc import Sequence

from fercli.photos.geometry import Box

GAP = 2.0  # seconds unseen that end a person
_FAR = 1.5  # times the faces' mean side that a person may have moved and grown


class Persons:
    """Numbers the persons of one video, 1, 2, … as they appear, looked-at frame after frame."""

    def __init__(self) -> None:
        self._number, self._before = 0, -math.inf
        self._seen: dict[int, tuple[float, Box]] = {}  # when and where each person was last, those who may still come back

    def at(self, time: float, faces: Sequence[Box]) -> list[int]:
        """Return whose each face is, at `time` seconds, later than the last.

        A person is there still whose face was in the frame before, or less than `GAP` ago, and overlaps or lies near; of several
        the nearest pair goes together first.
        """
        self._seen = {
            person: (last, box) for person, (last, box) in self._seen.items() if last == self._before or time - last < GAP
        }
        self._before = time
        pairs = sorted(
            (way, person, index)
            for person, (_, box) in self._seen.items()
            for index, face in enumerate(faces)
            if (way := _way(box, face)) < _FAR
        )
        persons: dict[int, int] = {}
        for _, person, index in pairs:
            if index not in persons and person not in persons.values():
                persons[index] = person
        for index in range(len(faces)):
            if index not in persons:
                self._number += 1
                persons[index] = self._number
        self._seen |= {persons[index]: (time, face) for index, face in enumerate(faces)}
        return [persons[index] for index in range(len(faces))]


def _way(first: Box, second: Box) -> float:
    """Return how far one face is from another: the distance of their middles in mean sides, and the logarithm of their ratio."""
    across = first.x + first.width / 2 - second.x - second.width / 2
    down = first.y + first.height / 2 - second.y - second.height / 2
    return math.hypot(across, down) / ((first.width + second.width) / 2) + abs(math.log(first.width / second.width))
