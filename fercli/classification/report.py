"""One self-contained page about a run of `classify`: counts, faces by expression, photos without a face, rejects."""

import heapq
import html
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from fercli.classification.pictures import thumbnail
from fercli.classification.records import REMARKS, Outcome
from fercli.files import shown_name
from fercli.labels import LABELS
from fercli.photos.geometry import Box

FACES_SHOWN = 24  # of each expression
NAMES_SHOWN = 1000  # of each list; the results' file has all

_STYLE = """
body{font:16px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1c1c28;background:#fff}
h1{font-size:1.6rem;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2rem 0 .6rem;border-bottom:1px solid #ddd;padding-bottom:.2rem}
.facts{color:#555;margin:0 0 1rem}.bar{display:grid;grid-template-columns:6rem 1fr 9rem;gap:.6rem;align-items:center;margin:.2rem 0}
.bar i{display:block;height:1.1rem;background:#3465a4;border-radius:2px}.bar b{font-weight:400;color:#555}
.faces{display:flex;flex-wrap:wrap;gap:.6rem}figure{margin:0;width:96px;font-size:.72rem;color:#555;overflow-wrap:anywhere}
figure img,figure span{display:block;width:96px;height:96px;object-fit:cover;border-radius:4px;background:#eee}
figcaption{max-height:4.5em;overflow:hidden}td{padding:.1rem 1rem .1rem 0;vertical-align:top;overflow-wrap:anywhere}
ul{columns:24rem;padding-left:1.2rem;overflow-wrap:anywhere}
"""


@dataclass
class Report:
    """What the page will show, gathered outcome by outcome in bounded memory; faces below `min_confidence` are only counted."""

    min_confidence: float = 0.0
    unsure: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    photos: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)
    no_face: list[Path] = field(default_factory=list)
    rejects: list[tuple[Path, str]] = field(default_factory=list)
    _best: dict[str, list[tuple[float, int, Path, Box]]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Take one outcome in."""
        self.photos[outcome.status] += 1
        self.remarks.update(filter(None, [outcome.remark]))
        if outcome.reject and len(self.rejects) < NAMES_SHOWN:
            self.rejects.append((outcome.path, f"{outcome.reject.code}: {outcome.reject.reason}"))
        elif outcome.status == "no_face" and len(self.no_face) < NAMES_SHOWN:
            self.no_face.append(outcome.path)
        for face in outcome.faces:
            if face.sure_label(self.min_confidence) is None:
                self.unsure += 1
                continue
            self.counts[face.label] += 1
            best = self._best.setdefault(face.label, [])
            heapq.heappush(best, (face.confidence, -self.counts[face.label], outcome.path, face.box))  # of equals the first stays
            if len(best) > FACES_SHOWN:
                heapq.heappop(best)

    def write(self, handle: BinaryIO, settings: Mapping[str, object], max_pixels: int) -> None:
        """Write the page to an open file; `settings` are shown as they are. Faces are read again from their photos."""
        handle.write("\n".join(self._page(settings, max_pixels)).encode("utf-8", "replace"))

    def _page(self, settings: Mapping[str, object], max_pixels: int) -> list[str]:
        faces = self.counts.total() + self.unsure
        facts = f"{self.photos.total():,} photos, {faces:,} faces, {self.photos['no_face']:,} photos without a face, "
        remarks = "".join(f"; {remark}: {self.remarks[remark]:,}" for remark in filter(self.remarks.__getitem__, REMARKS))
        lines = [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
            f"<title>Facial expressions</title><style>{_STYLE}</style></head><body>",
            "<h1>Facial expressions</h1>",
            f'<p class="facts">{facts}{self.photos["rejected"]:,} rejected{remarks}</p>',
            '<p class="facts">A label says which of seven words fits a picture. It says nothing of what anybody feels.</p>',
            "<h2>Counts</h2>",
        ]
        most = max(self.counts.values(), default=1)
        for label in LABELS:
            count = self.counts[label]
            share = f"{count:,} ({count / faces:.1%})" if faces else "0"
            lines.append(
                f'<div class="bar"><span>{label}</span><i style="width:{100 * count / most:.2f}%"></i><b>{share}</b></div>'
            )
        if self.unsure:
            lines.append(
                f'<p class="facts">{self.unsure:,} faces have no label: their confidence is below {self.min_confidence:g}.</p>'
            )
        for label in LABELS:
            lines += self._contact_sheet(label, max_pixels)
        lines += _list("Photos without a face", [shown_name(path) for path in self.no_face], self.photos["no_face"])
        rejects = [f"{shown_name(path)}: {reason}" for path, reason in self.rejects]
        lines += _list("Rejected", rejects, self.photos["rejected"])
        rows = [f"<tr><td>{html.escape(name)}</td><td>{html.escape(str(value))}</td></tr>" for name, value in settings.items()]
        return [*lines, "<h2>Model and options</h2>", f"<table>{''.join(rows)}</table>", "</body></html>", ""]

    def _contact_sheet(self, label: str, max_pixels: int) -> list[str]:
        best = sorted(self._best.get(label, []), key=lambda item: (-item[0], -item[1]))
        if not best:
            return []
        left = self.counts[label] - len(best)
        lines = [f"<h2>{label}{f', the {len(best)} most confident of {self.counts[label]:,}' if left else ''}</h2>"]
        lines.append('<div class="faces">')
        for confidence, _, path, box in best:
            picture = thumbnail(path, box, max_pixels)
            shown = f'<img alt="" src="{picture}">' if picture else "<span></span>"
            name, short = (html.escape(shown_name(item)) for item in (path, Path(path.name)))
            lines.append(f'<figure title="{name}">{shown}<figcaption>{confidence:.2f} {short}</figcaption></figure>')
        return [*lines, "</div>"]


def _list(title: str, names: Sequence[str], total: int) -> list[str]:
    if not names:
        return []
    shown = f", the first {len(names):,} of {total:,}" if total > len(names) else f": {total:,}"
    return [f"<h2>{title}{shown}</h2>", "<ul>", *(f"<li>{html.escape(name)}</li>" for name in names), "</ul>"]
