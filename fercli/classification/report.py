"""One self-contained page about a run of `classify`: counts, videos over time, faces by expression, what to check, rejects."""

import html
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from fercli.classification.counts import UNSURE, Counts
from fercli.classification.job import as_typed
from fercli.classification.pictures import Spot, shown_time, thumbnails
from fercli.classification.records import REMARKS, Outcome
from fercli.classification.timeline import STYLE, Timeline, legend
from fercli.files import shown_name
from fercli.labels import LABELS

FACES_SHOWN = 24  # of each expression, and of the least confident
FOLDERS_SHOWN = 200
_NAME_SHOWN = 60  # characters of a path below a face, its end
NAMES_SHOWN = 1000  # in each list; the file of results has all
VIDEOS_SHOWN = 20
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799  # of the years 1 and 9999

_STYLE = """
body{font:16px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1c1c28;background:#fff}
h1{font-size:1.6rem;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2rem 0 .6rem;border-bottom:1px solid #ddd;padding-bottom:.2rem}
h3{font-size:1rem;margin:1rem 0 .3rem;overflow-wrap:anywhere}
.facts{color:#555;margin:0 0 1rem}.bar{display:grid;grid-template-columns:6rem 1fr 9rem;gap:.6rem;align-items:center;margin:.2rem 0}
.bar i{display:block;height:1.1rem;background:#3465a4;border-radius:2px}.bar b{font-weight:400;color:#555}
.faces{display:flex;flex-wrap:wrap;gap:.6rem}figure{margin:0;width:112px;font-size:.8rem;color:#555;overflow-wrap:anywhere}
figure img,figure span{display:block;width:112px;height:112px;object-fit:cover;border-radius:4px;background:#eee}
.wide{overflow-x:auto;background:linear-gradient(90deg,#fff 30%,#fff0) local,linear-gradient(270deg,#fff 30%,#fff0) right local,
linear-gradient(90deg,#0003,#0000) scroll,linear-gradient(270deg,#0003,#0000) right scroll;
background-size:3rem 100%,3rem 100%,1rem 100%,1rem 100%;background-repeat:no-repeat}
.wide td,.wide th{white-space:nowrap;text-align:right;padding:.1rem .5rem}
.wide th{white-space:normal}.wide td:first-child,.wide th:first-child{text-align:left;white-space:normal;min-width:9rem}
td{padding:.1rem 1rem .1rem 0;vertical-align:top;overflow-wrap:anywhere}
ul{padding-left:1.2rem;overflow-wrap:anywhere}
"""


@dataclass
class Report(Counts):
    """What the page will show, gathered outcome by outcome in bounded memory; faces below `min_confidence` are only counted.

    `every` is the number of seconds from one frame looked at to the next.
    """

    every: float = 1.0
    no_face: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    rejects: list[tuple[Path, str]] = field(default_factory=list)
    _folders: dict[str, Counter[str]] = field(default_factory=dict)  # those that are shown
    _further: "array[int]" = field(default_factory=lambda: array("q"))  # hashes of the others' names, at each change of folder
    _changed: list[int] = field(default_factory=list)  # times of the oldest and the newest file, in nanoseconds
    _doubtful: list["_Shown"] = field(default_factory=list)
    _timelines: dict[Path, Timeline] = field(default_factory=dict)
    _best: dict[str, list["_Shown"]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Add one outcome."""
        super().add(outcome)
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
        for number, face in enumerate(outcome.faces):
            shown = _Shown(face.confidence, (self.pictures, number), Spot.of(face, outcome), face.person, face.label)
            self._doubtful = _kept(self._doubtful, shown, least=True)
            if face.sure_label(self.min_confidence):
                self._best[face.label] = _kept(self._best.get(face.label, []), shown)

    def _add_to_folder(self, outcome: Outcome) -> None:
        name = shown_name(outcome.path.parent)
        if name in self._folders or len(self._folders) < FOLDERS_SHOWN:
            counts = self._folders.setdefault(name, Counter())
            counts["faces"] += len(outcome.faces)
            counts["pictures"] += not outcome.reject
            counts.update(face.sure_label(self.min_confidence) or UNSURE for face in outcome.faces)
        elif not self._further or self._further[-1] != hash(name):
            self._further.append(hash(name))

    def _add_frame(self, outcome: Outcome) -> None:
        if outcome.path not in self._timelines and self.videos <= VIDEOS_SHOWN:
            self._timelines[outcome.path] = Timeline(self.every)
        if outcome.path in self._timelines:
            self._timelines[outcome.path].add(outcome, self.min_confidence)

    def write(self, handle: BinaryIO, settings: Mapping[str, object], max_pixels: int, measured: str = "") -> None:
        """Write the page to an open file. Faces are read again from their photos and videos.

        `settings` are those of `Job.settings` and others that `as_typed` knows; `measured` is a sentence on how good the network
        is, without its full stop. The dates on the page are those of the files,
        in UTC, not that of the run, so that the same photos give the same page.
        """
        handle.write("\n".join(self._page(settings, max_pixels, measured)).encode("utf-8", "replace"))

    def _page(self, settings: Mapping[str, object], max_pixels: int, measured: str) -> list[str]:
        shown = [item.spot for items in (*self._best.values(), self._doubtful) for item in items]
        shown += [spot for timeline in self._timelines.values() for spot in timeline.spots()]
        pictures = thumbnails(shown, max_pixels)
        lines = [*self._head(settings, measured), *self._overall(), *self._by_folder(), *self._over_time(pictures)]
        for label in LABELS:
            lines += self._contact_sheet(label, pictures)
        lines += self._to_check(pictures)
        without = self.status["no_face"] - self.empty_frames
        lines += _list("Photos without a face", [shown_name(path) for path in self.no_face], without)
        rejects = [f"{shown_name(path)}: {reason}" for path, reason in self.rejects]
        lines += _list("Rejected", rejects, self.status["rejected"])
        lines += _list("Skipped, neither photos nor videos", [shown_name(path) for path in self.skipped], len(self.skipped))
        return [*lines, "<h2>Model and options</h2>", _options(settings), "</body></html>", ""]

    def _head(self, settings: Mapping[str, object], measured: str) -> list[str]:
        facts = {"photos": self.photos} if self.photos or not self.videos else {}
        facts |= {"videos": self.videos, "video frames": self.frames} if self.videos else {}
        unit = "pictures" if self.videos else "photos"
        facts |= {"faces": self.faces, f"{unit} without a face": self.status["no_face"], "rejected": self.status["rejected"]}
        facts |= {remark: self.remarks[remark] for remark in filter(self.remarks.__getitem__, REMARKS)}
        return [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
            f"<title>Facial expressions</title><style>{_STYLE}{STYLE if self.videos else ''}</style></head><body>",
            "<h1>Facial expressions</h1>",
            f'<p class="facts">{"; ".join(f"{name}: {count:,}" for name, count in facts.items())}</p>',
            f'<p class="facts">{html.escape(self._origin(settings, measured))}</p>',
            '<p class="facts">A label says which of seven words fits a picture. It says nothing of what anybody feels.</p>',
        ]

    def _overall(self) -> list[str]:
        """Return the counts; apart for photos and for frames, which are many of few people and would outweigh the photos."""
        if not self.videos:
            lines = self._bars("Counts", self.in_photos)
        elif not self.photos:
            lines = self._bars("Counts in frames of videos", self.in_frames)
        else:
            lines = self._bars("Counts in photos", self.in_photos) + self._bars("Counts in frames of videos", self.in_frames)
        return lines

    def _bars(self, title: str, counts: Counter[str]) -> list[str]:
        lines, faces, most = [f"<h2>{title}</h2>"], counts.total(), max((counts[label] for label in LABELS), default=0) or 1
        for label in LABELS:
            count = counts[label]
            share = f"{count:,} ({count / faces:.1%})" if faces else "0"
            lines.append(
                f'<div class="bar"><span>{label}</span><i style="width:{100 * count / most:.2f}%"></i><b>{share}</b></div>'
            )
        if unsure := counts[UNSURE]:
            lines.append(f'<p class="facts">without a label, with a confidence below {self.min_confidence:g}: {unsure:,}</p>')
        return lines

    def _over_time(self, pictures: Mapping[Spot, str]) -> list[str]:
        if not self.videos:
            return []
        count = len(self._timelines)
        some = f", the first {count:,} of {self.videos:,}" if self.videos > count else ""
        lines = [f"<h2>Videos over time{some}</h2>", legend()]
        for path, timeline in self._timelines.items():
            lines += [f"<h3>{html.escape(shown_name(path))}</h3>", *timeline.lines(pictures)]
        return lines

    def _contact_sheet(self, label: str, pictures: Mapping[Spot, str]) -> list[str]:
        best = self._best.get(label, [])
        if not best:
            return []
        some = ""
        if self.expressions[label] > len(best):
            each = ", at most one for each person in a video" if self.videos else ""
            shown = "" if len(best) == 1 else f"{len(best)} "
            some = f": the {shown}most confident of {self.expressions[label]:,}{each}"
        figures = [_figure(item.spot, pictures[item.spot], f"{item.confidence:.2f}") for item in best]
        return [f"<h2>{label}{some}</h2>", '<div class="faces">', *figures, "</div>"]

    def _to_check(self, pictures: Mapping[Spot, str]) -> list[str]:
        few = self.faces <= FACES_SHOWN  # all that have a label are shown above
        shown = [item for item in self._doubtful if not few or item.confidence < self.min_confidence]
        if not shown:
            return []
        figures = [_figure(item.spot, pictures[item.spot], f"{item.confidence:.2f} {item.label}?") for item in shown]
        each = ", at most one for each person in a video" if self.videos else ""
        which = f"{len(figures)} without a label" if few else f"the {len(figures)} least confident of {self.faces:,}"
        title = f"To check by hand: {which}{each}"
        return [f"<h2>{title}</h2>", '<div class="faces">', *figures, "</div>"]

    def _by_folder(self) -> list[str]:
        if len(self._folders) < 2:
            return []
        columns = ["pictures", "faces", *LABELS, *([UNSURE] if self.expressions[UNSURE] else [])]
        total = len(self._folders) + len(set(self._further))
        some = f", the first {FOLDERS_SHOWN} of {total:,}" if self._further else ""
        lines = [f"<h2>Counts by folder{some}</h2>", '<div class="wide"><table>']
        lines.append(f"<tr><th>folder</th>{''.join(f'<th>{column}</th>' for column in columns)}</tr>")
        lines[-1] = lines[-1].replace("pictures", "photos and frames" if self.videos else "photos")
        for name, counts in self._folders.items():
            cells = "".join(f"<td>{counts[column]:,}</td>" for column in columns)
            lines.append(f"<tr><td>{'(this folder)' if name == '.' else _breakable(name)}</td>{cells}</tr>")
        return [*lines, "</table></div>"]

    def _origin(self, settings: Mapping[str, object], measured: str) -> str:
        parts = [f"Labelled by {settings.get('model')} (fercli {settings.get('fercli')})", *filter(None, [measured])]
        if self._changed:
            days = dict.fromkeys(map(_day, self._changed))
            parts.append(f"The files were last changed {'between' if len(days) > 1 else 'on'} {' and '.join(days)}")
        return f"{'. '.join(parts)}."


@dataclass(frozen=True)
class _Shown:
    """A face that the page shows; `number` is that of its picture, and its own there."""

    confidence: float
    number: tuple[int, int]
    spot: Spot
    person: int | None
    label: str

    def is_person_of(self, other: "_Shown") -> bool:
        """Whether both are of one person in a video."""
        return self.person is not None and (self.spot.path, self.person) == (other.spot.path, other.person)


def _kept(shown: list[_Shown], item: _Shown, *, least: bool = False) -> list[_Shown]:
    """Return the faces with `item`, the most or `least` confident `FACES_SHOWN`, one of each person; of equals the first."""

    def rank(face: _Shown) -> tuple[float, tuple[int, int]]:
        return face.confidence if least else -face.confidence, face.number

    if len(shown) == FACES_SHOWN and rank(item) > rank(shown[-1]):
        return shown
    same = next((other for other in shown if other.is_person_of(item)), None)
    if same and rank(same) < rank(item):
        return shown
    return sorted([*(other for other in shown if other is not same), item], key=rank)[:FACES_SHOWN]


def _day(time: int) -> str:
    """Return the day of a time in nanoseconds; file systems have times before the year 1 and after 9999, too."""
    seconds = min(max(time // 10**9, _FIRST_SECOND), _LAST_SECOND)
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).date().isoformat()


def _options(settings: Mapping[str, object]) -> str:
    """Return a table of what a reader needs to do the same again; the digest of the weights is shortened."""
    facts = {name: html.escape(str(settings[name])) for name in ("fercli", "model", "weights", "detector") if name in settings}
    if digest := facts.get("weights"):
        facts["weights"] = f'<span title="{digest}">{digest[:12]}…</span> (SHA-256)'
    others = {name: value for name, value in settings.items() if name != "detector"}
    facts["options"] = html.escape(" ".join(as_typed(others))) or "none but the defaults"
    return f"<table>{''.join(f'<tr><td>{name}</td><td>{value}</td></tr>' for name, value in facts.items())}</table>"


def _breakable(name: str) -> str:
    """Return a path as HTML in which lines break between its parts rather than within words."""
    return html.escape(name).replace("/", "/<wbr>")


def _figure(spot: Spot, picture: str, caption: str) -> str:
    shown = f'<img alt="" src="{picture}">' if picture else "<span></span>"
    name = shown_name(spot.path)
    short = name if len(name) <= _NAME_SHOWN else f"…{name[1 - _NAME_SHOWN :]}"
    at = f" {shown_time(spot.moment.time)}" if spot.moment else ""
    return f'<figure title="{html.escape(name)}">{shown}<figcaption>{caption} {_breakable(short)}{at}</figcaption></figure>'


def _list(title: str, names: Sequence[str], total: int) -> list[str]:
    if not names:
        return []
    shown = f", the first {len(names):,} of {total:,}" if total > len(names) else f": {total:,}"
    return [f"<h2>{title}{shown}</h2>", "<ul>", *(f"<li>{_breakable(name)}</li>" for name in names), "</ul>"]
