"""One self-contained page about a run of `classify`: counts, videos over time, faces by expression, what to check, rejects."""

import html
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from fercli.classification.pictures import Spot, shown_time, thumbnails
from fercli.classification.records import REMARKS, Face, Outcome
from fercli.classification.timeline import STYLE, Timeline, legend
from fercli.files import shown_name
from fercli.labels import LABELS

FACES_SHOWN = 24  # of each expression, and of the least confident
FOLDERS_SHOWN = 200
_NAME_SHOWN = 60  # characters of a path below a face, its end
NAMES_SHOWN = 1000  # in each list; the file of results has all
VIDEOS_SHOWN = 20

_STYLE = """
body{font:16px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1c1c28;background:#fff}
h1{font-size:1.6rem;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2rem 0 .6rem;border-bottom:1px solid #ddd;padding-bottom:.2rem}
h3{font-size:1rem;margin:1rem 0 .3rem;overflow-wrap:anywhere}
.facts{color:#555;margin:0 0 1rem}.bar{display:grid;grid-template-columns:6rem 1fr 9rem;gap:.6rem;align-items:center;margin:.2rem 0}
.bar i{display:block;height:1.1rem;background:#3465a4;border-radius:2px}.bar b{font-weight:400;color:#555}
.faces{display:flex;flex-wrap:wrap;gap:.6rem}figure{margin:0;width:96px;font-size:.72rem;color:#555;overflow-wrap:anywhere}
figure img,figure span{display:block;width:96px;height:96px;object-fit:cover;border-radius:4px;background:#eee}
.wide{overflow-x:auto}.wide td,.wide th{white-space:nowrap;text-align:right;padding:.1rem .5rem}
.wide td:first-child,.wide th:first-child{text-align:left;white-space:normal;min-width:6rem}
td{padding:.1rem 1rem .1rem 0;vertical-align:top;overflow-wrap:anywhere}
ul{columns:24rem;padding-left:1.2rem;overflow-wrap:anywhere}
"""


@dataclass
class Report:
    """What the page will show, gathered outcome by outcome in bounded memory; faces below `min_confidence` are only counted.

    `every` is the number of seconds from one frame looked at to the next.
    """

    min_confidence: float = 0.0
    every: float = 1.0
    unsure: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    pictures: Counter[str] = field(default_factory=Counter)
    frames: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)
    no_face: list[Path] = field(default_factory=list)
    rejects: list[tuple[Path, str]] = field(default_factory=list)
    _folders: dict[str, Counter[str]] = field(default_factory=dict)  # those that are shown
    _further: "array[int]" = field(default_factory=lambda: array("q"))  # hashes of the others' names, at each change of folder
    _changed: list[int] = field(default_factory=list)  # times of the oldest and the newest file, in nanoseconds
    _doubtful: list[tuple[float, int, Spot, str]] = field(default_factory=list)
    _videos: int = 0
    _video: Path | None = None
    _timelines: dict[Path, Timeline] = field(default_factory=dict)
    _best: dict[str, list[tuple[float, int, Spot, int | None]]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Add one outcome."""
        self.pictures[outcome.status] += 1
        self.remarks.update(filter(None, [outcome.remark]))
        self._add_to_folder(outcome)
        if outcome.identity:
            times = [*self._changed, outcome.identity.changed]
            self._changed = [min(times), max(times)]
        if outcome.moment and not outcome.reject:
            self._add_frame(outcome)
        if outcome.reject and len(self.rejects) < NAMES_SHOWN:
            self.rejects.append((outcome.path, f"{outcome.reject.code}: {outcome.reject.reason}"))
        elif outcome.status == "no_face" and not outcome.moment and len(self.no_face) < NAMES_SHOWN:
            self.no_face.append(outcome.path)
        for face in outcome.faces:
            self._add_doubtful(face, Spot(outcome.path, face.box, outcome.moment))
            if face.sure_label(self.min_confidence) is None:
                self.unsure += 1
                continue
            self.counts[face.label] += 1
            self._add_best(face, Spot(outcome.path, face.box, outcome.moment))

    def _add_to_folder(self, outcome: Outcome) -> None:
        name = shown_name(outcome.path.parent)
        if name in self._folders or len(self._folders) < FOLDERS_SHOWN:
            counts = self._folders.setdefault(name, Counter())
            counts.update(["pictures", *(face.sure_label(self.min_confidence) or "unsure" for face in outcome.faces)])
        elif not self._further or self._further[-1] != hash(name):
            self._further.append(hash(name))

    def _add_frame(self, outcome: Outcome) -> None:
        self.frames[outcome.status] += 1
        if outcome.path != self._video:
            self._video = outcome.path
            self._videos += 1
            if len(self._timelines) < VIDEOS_SHOWN:
                self._timelines[outcome.path] = Timeline(self.every)
        if outcome.path in self._timelines:
            self._timelines[outcome.path].add(outcome, self.min_confidence)

    def _add_doubtful(self, face: Face, spot: Spot) -> None:
        """Keep a face if it is among the least confident; of equals, the first."""
        if len(self._doubtful) < FACES_SHOWN or face.confidence < self._doubtful[-1][0]:
            self._doubtful.append((face.confidence, self.pictures.total(), spot, face.label))
            self._doubtful.sort(key=lambda item: item[:2])
            del self._doubtful[FACES_SHOWN:]

    def _add_best(self, face: Face, spot: Spot) -> None:
        """Keep a face if it is among the most confident of its label; of equals the first, and only one of a person in a video."""
        best = self._best.setdefault(face.label, [])
        item = (face.confidence, -self.counts[face.label], spot, face.person)
        same = next((other for other in best if face.person and (other[2].path, other[3]) == (spot.path, face.person)), None)
        if same is None:
            best.append(item)
        elif face.confidence > same[0]:
            best[best.index(same)] = item
        if len(best) > FACES_SHOWN:
            best.remove(min(best, key=lambda other: other[:2]))

    def write(self, handle: BinaryIO, settings: Mapping[str, object], max_pixels: int, accuracy: float | None = None) -> None:
        """Write the page to an open file; `settings` are shown as they are. Faces are read again from their photos and videos.

        `accuracy`, 0 to 1, is the network's on the validation images of its data set. The dates on the page are those of the files,
        in UTC, not that of the run, so that the same photos give the same page.
        """
        handle.write("\n".join(self._page(settings, max_pixels, accuracy)).encode("utf-8", "replace"))

    def _page(self, settings: Mapping[str, object], max_pixels: int, accuracy: float | None) -> list[str]:
        shown = [spot for best in self._best.values() for _, _, spot, _ in best]
        shown += [spot for _, _, spot, _ in self._doubtful]
        shown += [spot for timeline in self._timelines.values() for spot in timeline.spots()]
        pictures = thumbnails(shown, max_pixels)
        lines = [*self._head(settings, accuracy), *self._overall(), *self._by_folder(), *self._over_time(pictures)]
        for label in LABELS:
            lines += self._contact_sheet(label, pictures)
        lines += self._to_check(pictures)
        without = self.pictures["no_face"] - self.frames["no_face"]
        lines += _list("Photos without a face", [shown_name(path) for path in self.no_face], without)
        rejects = [f"{shown_name(path)}: {reason}" for path, reason in self.rejects]
        lines += _list("Rejected", rejects, self.pictures["rejected"])
        rows = [f"<tr><td>{html.escape(name)}</td><td>{html.escape(str(value))}</td></tr>" for name, value in settings.items()]
        return [*lines, "<h2>Model and options</h2>", f"<table>{''.join(rows)}</table>", "</body></html>", ""]

    @property
    def _faces(self) -> int:
        return self.counts.total() + self.unsure

    def _head(self, settings: Mapping[str, object], accuracy: float | None) -> list[str]:
        photos = self.pictures.total() - self.frames.total()
        videos = "1 video" if self._videos == 1 else f"{self._videos:,} videos"
        facts = [f"{photos:,} photos"] if photos or not self._videos else []
        facts += [f"{self.frames.total():,} frames of {videos}"] if self._videos else []
        unit = "pictures" if self._videos else "photos"
        facts += [f"{self._faces:,} faces", f"{self.pictures['no_face']:,} {unit} without a face"]
        remarks = "".join(f"; {remark}: {self.remarks[remark]:,}" for remark in filter(self.remarks.__getitem__, REMARKS))
        return [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
            f"<title>Facial expressions</title><style>{_STYLE}{STYLE if self._videos else ''}</style></head><body>",
            "<h1>Facial expressions</h1>",
            f'<p class="facts">{", ".join(facts)}, {self.pictures["rejected"]:,} rejected{remarks}</p>',
            f'<p class="facts">{html.escape(self._origin(settings, accuracy))}</p>',
            '<p class="facts">A label says which of seven words fits a picture. It says nothing of what anybody feels.</p>',
        ]

    def _overall(self) -> list[str]:
        lines, most = ["<h2>Counts</h2>"], max(self.counts.values(), default=1)
        for label in LABELS:
            count = self.counts[label]
            share = f"{count:,} ({count / self._faces:.1%})" if self._faces else "0"
            lines.append(
                f'<div class="bar"><span>{label}</span><i style="width:{100 * count / most:.2f}%"></i><b>{share}</b></div>'
            )
        if self.unsure:
            lines.append(
                f'<p class="facts">{self.unsure:,} faces have no label: their confidence is below {self.min_confidence:g}.</p>'
            )
        return lines

    def _over_time(self, pictures: Mapping[Spot, str]) -> list[str]:
        if not self._videos:
            return []
        count = len(self._timelines)
        some = f", the first {count:,} of {self._videos:,}" if self._videos > count else ""
        lines = [f"<h2>Videos over time{some}</h2>", legend()]
        for path, timeline in self._timelines.items():
            lines += [f"<h3>{html.escape(shown_name(path))}</h3>", *timeline.lines(pictures)]
        return lines

    def _contact_sheet(self, label: str, pictures: Mapping[Spot, str]) -> list[str]:
        best = sorted(self._best.get(label, []), key=lambda item: (-item[0], -item[1]))
        if not best:
            return []
        each = ", one a person in a video" if self._videos else ""
        some = ""
        if self.counts[label] > len(best):
            shown = "" if len(best) == 1 else f"{len(best)} "
            some = f", the {shown}most confident of {self.counts[label]:,}{each}"
        figures = [_figure(spot, pictures[spot], f"{confidence:.2f}") for confidence, _, spot, _ in best]
        return [f"<h2>{label}{some}</h2>", '<div class="faces">', *figures, "</div>"]

    def _to_check(self, pictures: Mapping[Spot, str]) -> list[str]:
        if self._faces <= FACES_SHOWN:  # all of them are shown above
            return []
        figures = [_figure(spot, pictures[spot], f"{confidence:.2f} {label}?") for confidence, _, spot, label in self._doubtful]
        title = f"To check by hand: the {len(figures)} least confident of {self._faces:,}"
        return [f"<h2>{title}</h2>", '<div class="faces">', *figures, "</div>"]

    def _by_folder(self) -> list[str]:
        if len(self._folders) < 2:
            return []
        columns = ["pictures", *LABELS, *(["unsure"] if self.unsure else [])]
        total = len(self._folders) + len(set(self._further))
        some = f", the first {FOLDERS_SHOWN} of {total:,}" if self._further else ""
        lines = [f"<h2>Counts by folder{some}</h2>", '<div class="wide"><table>']
        lines.append(f"<tr><th>folder</th>{''.join(f'<th>{column}</th>' for column in columns)}</tr>")
        for name, counts in self._folders.items():
            cells = "".join(f"<td>{counts[column]:,}</td>" for column in columns)
            lines.append(f"<tr><td>{html.escape(name)}</td>{cells}</tr>")
        return [*lines, "</table></div>"]

    def _origin(self, settings: Mapping[str, object], accuracy: float | None) -> str:
        parts = [f"Labelled by {settings.get('model')} (fercli {settings.get('fercli')})"]
        if accuracy is not None:
            parts[0] += f", right on {100 * accuracy:.1f} % of its data set's validation images; other photos may fare worse"
        if self._changed:
            days = dict.fromkeys(f"{datetime.fromtimestamp(time // 10**9, UTC):%Y-%m-%d}" for time in self._changed)
            parts.append(f"Files of {' to '.join(days)}")
        return f"{'. '.join(parts)}."


def _figure(spot: Spot, picture: str, caption: str) -> str:
    shown = f'<img alt="" src="{picture}">' if picture else "<span></span>"
    name = shown_name(spot.path)
    short = name if len(name) <= _NAME_SHOWN else f"…{name[1 - _NAME_SHOWN :]}"
    at = f" {shown_time(spot.moment.time)}" if spot.moment else ""
    return f'<figure title="{html.escape(name)}">{shown}<figcaption>{caption} {html.escape(short)}{at}</figcaption></figure>'


def _list(title: str, names: Sequence[str], total: int) -> list[str]:
    if not names:
        return []
    shown = f", the first {len(names):,} of {total:,}" if total > len(names) else f": {total:,}"
    return [f"<h2>{title}{shown}</h2>", "<ul>", *(f"<li>{html.escape(name)}</li>" for name in names), "</ul>"]
