"""Which faces in a video's frames belong to one person: by continuity alone, nobody is recognised."""

import math
from collections.abc import Sequence

from fercli.photos.geometry import Box

GAP = 2.0  # seconds out of sight after which a face is a new person
_FAR = 1.5  # how far a person may have moved and grown, see `_distance`


class Persons:
    """Numbers the persons of one video 1, 2, … as they appear, taking the frames looked at one after another."""

    def __init__(self) -> None:
        self._number, self._before = 0, -math.inf
        self._seen: dict[int, tuple[float, Box]] = {}  # when and where each was last, of those who may come back

    def at(self, time: float, faces: Sequence[Box]) -> list[int]:
        """Return the person's number for each face of the frame at `time` seconds, which must be later than the frame before.

        A face continues a person who was in the frame before, or less than `GAP` seconds ago, if it is near in place and size. The
        nearest pairs are matched first.
        """
        self._seen = {
            person: (last, box) for person, (last, box) in self._seen.items() if last == self._before or time - last < GAP
        }
        self._before = time
        pairs = sorted(
            (distance, person, index)
            for person, (_, box) in self._seen.items()
            for index, face in enumerate(faces)
            if (distance := _distance(box, face)) < _FAR
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


def _distance(first: Box, second: Box) -> float:
    """Return how far one face is from another: from centre to centre, in mean sides, plus the logarithm of the ratio of sides."""
    across = first.x + first.width / 2 - second.x - second.width / 2
    down = first.y + first.height / 2 - second.y - second.height / 2
    return math.hypot(across, down) / ((first.width + second.width) / 2) + abs(math.log(first.width / second.width))
