"""Where in a photo or video a face is."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the upright photo; it may reach beyond the photo's edges."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Frame:
    """Where a face is: a square about (x, y), in pixels of the upright photo, turned clockwise with the head by `roll` degrees."""

    x: float
    y: float
    side: float
    roll: float = 0.0

    @classmethod
    def of(cls, box: Box) -> "Frame":
        """Return the upright frame of a square box."""
        return cls(box.x + box.width / 2, box.y + box.height / 2, box.width)

    def scaled(self, factor: float) -> "Frame":
        """Return the frame in a photo that is `factor` times as large."""
        return self if factor == 1 else Frame(self.x * factor, self.y * factor, self.side * factor, self.roll)

    def moved(self, x: float, y: float) -> "Frame":
        """Return the frame moved right by `x` and down by `y` pixels."""
        return Frame(self.x + x, self.y + y, self.side, self.roll)

    def turned(self, degrees: float) -> "Frame":
        """Return the frame turned clockwise about the photo's upper left corner, its roll kept within -180 to 180 degrees."""
        cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        roll = (self.roll + degrees + 180) % 360 - 180
        return Frame(self.x * cosine - self.y * sine, self.x * sine + self.y * cosine, self.side, roll)

    @property
    def box(self) -> Box:
        """The upright square of the same centre and size, in whole pixels."""
        side = max(1, round(self.side))
        return Box(round(self.x - side / 2), round(self.y - side / 2), side, side)


@dataclass(frozen=True, order=True)
class Moment:
    """Where in its video a frame is: its `time` by the stream's own clock, in seconds, and its number, `frame`, from 0."""

    time: float
    frame: int
