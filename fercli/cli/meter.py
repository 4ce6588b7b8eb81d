"""How far a command has come and how fast it goes, as one line: beside the bar on a terminal, or printed now and then."""

import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta

_WINDOW = 30.0  # seconds that the rate is of
_SAMPLES = 60


class Meter:
    """Counts `unit`s. Those `known` from an earlier run count as done, but not towards the rate or the time left.

    The rate is that of the last half minute, to show changes, and at the end that of the whole run; the time left follows from the
    whole run so far, to be steady. Both begin with the first update, for what comes before is loading, and end with the latest, for
    units may come in batches, minutes apart.
    """

    def __init__(self, unit: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start(unit)

    def _start(self, unit: str) -> None:
        self.unit, self.done, self.note = unit, 0, ""
        self.total: int | None = None
        self._known = 0
        self._samples: deque[tuple[float, int]] = deque()
        self._first: tuple[float, int] | None = None
        self._latest = (0.0, 0)

    def update(self, done: int, *, total: int | None = None, known: int = 0, note: str = "", unit: str | None = None) -> None:
        """Set how many are done, and of how many if that is known; another `unit` starts another count."""
        if unit and unit != self.unit:
            self._start(unit)
        self.done, self.total, self._known, self.note = done, total or self.total, known, note
        self._latest = sample = (self._clock(), done - known)
        self._first = self._first or sample
        while len(self._samples) > 1 and self._samples[1][0] <= sample[0] - _WINDOW:
            self._samples.popleft()
        if not self._samples or sample[0] - self._samples[-1][0] >= _WINDOW / _SAMPLES:
            self._samples.append(sample)

    def expect(self, total: int) -> None:
        """Set how many there are in all."""
        self.total = total

    def rate(self) -> float | None:
        """Return the rate of the last half minute, in units a second; None in the first second, or if nothing comes any more."""
        if not self._first:
            return None
        if self.done == self.total:
            return self._rate_since(self._first)
        begin = self._samples[0]
        silence, usual = self._clock() - self._latest[0], self._latest[0] - begin[0]
        return self._rate_since(begin) if silence < max(_WINDOW, usual) else None

    def seconds_left(self) -> float | None:
        """Return the seconds left at the mean rate so far; None if that is not known, or nothing is left."""
        rate = self._rate_since(self._first) if self._first else None
        return (self.total - self.done) / rate if self.total is not None and rate and self.done < self.total else None

    def _rate_since(self, sample: tuple[float, int]) -> float | None:
        """Return the rate from a sample to the latest update; None if that is less than a second, or nothing came."""
        seconds = self._latest[0] - sample[0]
        return (self._latest[1] - sample[1]) / seconds or None if seconds >= 1 else None

    def text(self) -> str:
        """Return the line, what matters most first, because a narrow terminal cuts off its end."""
        of = f" of {self.total:,}" if self.total is not None else ""
        parts = [f"{self.done:,}{of} {self.unit}"]
        rate, left = self.rate(), self.seconds_left()
        if rate is not None:
            parts.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s" if rate >= 1 else f"{60 * rate:.1f}/min")
        if left is not None:
            parts.append(f"{timedelta(seconds=round(left))} left")
        return ", ".join([*parts, self.note] if self.note else parts)
