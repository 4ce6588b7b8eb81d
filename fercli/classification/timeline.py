"""The persons in a video over time, for the report: probabilities in bounded memory, drawn as stacked areas."""

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fercli.classification.pictures import Spot, shown_time
from fercli.classification.records import Face, Outcome
from fercli.labels import LABELS

STEPS = 480  # of time, at most: phones are hardly more pixels wide
PERSONS_SHOWN = 6
MOMENTS_SHOWN = 4  # of each person
SMOOTHED = 2.0  # seconds
_FINEST = 0.25  # seconds

COLOURS = dict(zip(LABELS, ("#c0392b", "#7f8c2d", "#7d4fa8", "#f4b731", "#3b6fb0", "#ee7f3a", "#b9bdc6"), strict=True))
STYLE = """
.person{margin:.6rem 0 1rem}.person p{margin:0 0 .2rem;font-size:.85rem;color:#555}.person svg{display:block;width:100%;height:72px;
background:#f4f4f6;border-radius:3px}
.axis{display:flex;justify-content:space-between;font-size:.75rem;color:#777;margin-bottom:.3rem}
.legend{display:flex;flex-wrap:wrap;gap:.1rem .9rem;font-size:.8rem;color:#555}
.legend i{display:inline-block;width:.8rem;height:.8rem;border-radius:2px;margin-right:.3rem;vertical-align:-.08rem}
"""


@dataclass
class _Person:
    steps: dict[int, NDArray[np.float64]] = field(default_factory=dict)  # number of faces, then sums of their probabilities
    first: float = 0.0
    last: float = 0.0
    faces: int = 0
    best: dict[str, tuple[float, Spot]] = field(default_factory=dict)


class Timeline:
    """The persons in one video, gathered frame by frame; the steps of time grow with the video, so there are at most `STEPS`."""

    def __init__(self, every: float) -> None:
        self._step = max(_FINEST, every)
        self._persons: dict[int, _Person] = {}
        self._end = 0.0

    def add(self, outcome: Outcome, min_confidence: float) -> None:
        """Add a frame; a face below `min_confidence` counts in the probabilities, but is not shown as a moment."""
        if outcome.moment is None:
            return
        self._end = max(self._end, outcome.moment.time)
        while self._end >= STEPS * self._step:
            self._coarsen()
        for face in outcome.faces:
            self._add_face(outcome, face, outcome.moment.time, min_confidence)

    def _add_face(self, outcome: Outcome, face: Face, time: float, min_confidence: float) -> None:
        person = self._persons.setdefault(face.person or 0, _Person(first=time))
        person.last, person.faces = time, person.faces + 1
        seen = person.steps.setdefault(int(time / self._step), np.zeros(1 + len(LABELS)))
        seen += (1.0, *face.probabilities)
        label = face.sure_label(min_confidence)
        if label and face.confidence > person.best.get(label, (0.0, None))[0]:
            person.best[label] = (face.confidence, Spot.of(face, outcome))

    def _coarsen(self) -> None:
        self._step *= 2
        for person in self._persons.values():
            steps: dict[int, NDArray[np.float64]] = {}
            for number, seen in person.steps.items():
                steps[number // 2] = steps.get(number // 2, 0) + seen
            person.steps = steps

    def _shown(self) -> list[tuple[int, _Person]]:
        longest = sorted(self._persons.items(), key=lambda item: (-item[1].faces, item[0]))[:PERSONS_SHOWN]
        return sorted(longest)

    def spots(self) -> Iterator[Spot]:
        """Yield the moments whose pictures `lines` will show."""
        for _, person in self._shown():
            for _, _, spot in _moments(person):
                yield spot

    def lines(self, pictures: Mapping[Spot, str]) -> Iterator[str]:
        """Yield the lines of the page: for each person stacked areas, on the same axis of time, and the most confident moments."""
        shown = self._shown()
        if not shown:
            yield '<p class="facts">No face was found.</p>'
            return
        count = int(self._end / self._step) + 1
        middle, end = shown_time(count * self._step / 2), shown_time(count * self._step)
        for number, person in shown:
            yield '<div class="person">'
            yield (
                f"<p>Person {number}: {shown_time(person.first)} to {shown_time(person.last)}, "
                f"{person.faces:,} {'face' if person.faces == 1 else 'faces'}</p>"
            )
            yield self._drawing(person, count)
            yield f'<div class="axis"><span>0:00</span><span>{middle}</span><span>{end}</span></div>'
            yield '<div class="faces">'
            for label, confidence, spot in _moments(person):
                shown_at = shown_time(spot.moment.time if spot.moment else 0.0)
                image = f'<img alt="" src="{pictures[spot]}">' if pictures.get(spot) else "<span></span>"
                yield f"<figure>{image}<figcaption>{shown_at} {html.escape(label)} {confidence:.2f}</figcaption></figure>"
            yield "</div></div>"
        left = len(self._persons) - len(shown)
        width = f"{max(SMOOTHED, self._step):g} s"
        more = f" {left:,} more were seen for a shorter time." if left else ""
        who = "a person is followed from frame to frame, not recognised"
        cut = "after a cut, somebody else in the same place keeps the number"
        yield f'<p class="facts">Probabilities are means over {width}; {who}: {cut}.{more}</p>'

    def _drawing(self, person: _Person, count: int) -> str:
        """Return the stacked areas; each is drawn from the ground up, over the higher ones drawn before it."""
        means = self._smoothed(person, count)
        heights = 100 - 100 * np.cumsum(means, axis=1)
        runs = np.split(np.arange(count), np.flatnonzero(np.diff(~np.isnan(means[:, 0]))) + 1)
        paths = []
        for index in reversed(range(len(LABELS))):
            areas = "".join(_area(run, heights[run, index]) for run in runs if not np.isnan(means[run[0], 0]))
            paths.append(f'<path fill="{COLOURS[LABELS[index]]}" d="{areas}"/>')
        names = html.escape(", ".join(LABELS))
        return (
            f'<svg viewBox="0 0 {count} 100" preserveAspectRatio="none" role="img" aria-label="Probabilities of {names} over time">'
            f"{''.join(paths)}</svg>"
        )

    def _smoothed(self, person: _Person, count: int) -> NDArray[np.float64]:
        """Return the mean probabilities (steps, labels) of the faces around each step, NaN for steps without a face."""
        sums = np.zeros((count, 1 + len(LABELS)))
        for number, seen in person.steps.items():
            sums[number] = seen
        reach = int(SMOOTHED / 2 / self._step)
        total = np.concatenate([np.zeros((reach + 1, sums.shape[1])), np.cumsum(sums, axis=0)])
        total = np.concatenate([total, np.repeat(total[-1:], reach, axis=0)])
        around = total[2 * reach + 1 :] - total[:count]
        with np.errstate(invalid="ignore", divide="ignore"):
            means: NDArray[np.float64] = around[:, 1:] / around[:, :1]
        means[sums[:, 0] == 0] = np.nan
        return means


def legend() -> str:
    """Return the line that explains the colours of the labels."""
    entries = (f'<span><i style="background:{colour}"></i>{name}</span>' for name, colour in COLOURS.items())
    return f'<p class="legend">{"".join(entries)}</p>'


def _moments(person: _Person) -> list[tuple[str, float, Spot]]:
    """Return the most confident moments, at most one of each label, in order of time."""
    best = sorted(((label, confidence, spot) for label, (confidence, spot) in person.best.items()), key=lambda item: -item[1])
    return sorted(best[:MOMENTS_SHOWN], key=lambda item: item[2].moment.time if item[2].moment else 0.0)


def _area(run: NDArray[np.int64], heights: NDArray[np.float64]) -> str:
    """Return the area under heights at the middles of consecutive steps, continued level to the outer edges of the run."""
    start, end = int(run[0]), int(run[-1]) + 1
    inner = "".join(f"L{step + 0.5:g} {height:.1f}" for step, height in zip(run, heights, strict=True))
    return f"M{start} 100L{start} {heights[0]:.1f}{inner}L{end} {heights[-1]:.1f}L{end} 100Z"
