"""Pictures of results: photos and frames with their faces marked, and single faces for the report."""

import base64
import contextlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fercli.classification.records import Face, Outcome
from fercli.errors import FercliError, ImageRejected
from fercli.files import Identity, Kind, identity_of, kind_of
from fercli.photos.geometry import Box, Moment
from fercli.photos.images import colour
from fercli.photos.videos import Video
from fercli.writing import write_atomically

THUMBNAIL_SIDE = 96
_LINE = "#ffcc00"


@dataclass(frozen=True)
class Spot:
    """Where a face is: in a photo, or at a moment of a video; `identity` is the file's as the face was found."""

    path: Path
    box: Box
    moment: Moment | None = None
    identity: Identity | None = None

    @classmethod
    def of(cls, face: Face, outcome: Outcome) -> "Spot":
        """Return where a face of an outcome is."""
        return cls(outcome.path, face.box, outcome.moment, outcome.identity)


def annotate(outcome: Outcome, target: Path, max_pixels: int, min_confidence: float = 0.0) -> None:
    """Write an upright JPEG copy of a photo, with its faces framed and labelled, as `target`.

    Raises ImageRejected if the photo can no longer be read or another has taken its place, and FercliError if the copy would be
    written over the photo itself, as through a link.
    """
    data = _copy(outcome, max_pixels, min_confidence)
    refuse_itself(target, outcome.path)
    write_atomically(target, data)


def _copy(outcome: Outcome, max_pixels: int, min_confidence: float) -> bytes:
    """Return the copy as a JPEG; by itself, so that no picture stays in memory while the copy is written."""
    data = io.BytesIO()
    refuse_changed(outcome.path, outcome.identity)
    with colour(outcome.path, max_pixels) as picture:
        _mark_all(picture, outcome, min_confidence)
        picture.save(data, "JPEG", quality=90)
    return data.getvalue()


def marked(frame: NDArray[np.uint8], outcome: Outcome, min_confidence: float) -> NDArray[np.uint8]:
    """Return a video's frame, RGB (height, width, 3), with its faces framed and their persons, labels and confidences."""
    picture = Image.fromarray(frame)
    _mark_all(picture, outcome, min_confidence)
    return np.asarray(picture)


def _mark_all(picture: Image.Image, outcome: Outcome, min_confidence: float) -> None:
    for face in outcome.faces:
        person = f"{face.person}: " if face.person else ""
        _mark(picture, face, person + (face.sure_label(min_confidence) or "unsure"))


def refuse_changed(path: Path, identity: Identity | None) -> None:
    """Raise ImageRejected if a file is gone, or is not that of which the `identity` was taken; None tells nothing."""
    now = identity_of(path)
    if now is None:
        raise ImageRejected("unreadable", "it is no longer there")
    if identity and (identity.size, identity.changed) != (now.size, now.changed):  # the rest differs between machines
        raise ImageRejected("unreadable", "it has changed since it was labelled")


def refuse_itself(target: Path, path: Path) -> None:
    """Raise FercliError if a copy would be written over its own original, as through a link."""
    if kind_of(target) is Kind.FILE and target.samefile(path):
        raise FercliError(f"{target} is the input itself, not a copy; name another folder for the annotated copies.")


def _mark(picture: Image.Image, face: Face, label: str) -> None:
    box, draw = face.box, ImageDraw.Draw(picture)
    line = max(2, round(max(picture.size) / 400))
    font = ImageFont.load_default(max(12, round(box.width / 8)))
    draw.rectangle((box.x, box.y, box.x + box.width - 1, box.y + box.height - 1), outline=_LINE, width=line)
    text = f"{label} {face.confidence:.2f}"
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    x = min(max(0, box.x), max(0, picture.width - (right - left) - 2 * line))
    y = box.y - (bottom - top) - 3 * line
    if y < 0:  # no room above the face
        y = max(0, min(box.y + box.height, picture.height - (bottom - top) - 3 * line))
    draw.rectangle((x, y, x + right - left + 2 * line, y + bottom - top + 3 * line), fill=_LINE)
    draw.text((x + line - left, y + line - top), text, font=font, fill="black")


def thumbnails(spots: Iterable[Spot], max_pixels: int) -> dict[Spot, str]:
    """Return each face in colour, with a margin, as a `data:` URL of a small JPEG; "" if the file cannot be read or has changed.

    Every photo is read once, and every video from its first moment to its last.
    """
    by_path: dict[Path, list[Spot]] = {}
    for spot in spots:
        by_path.setdefault(spot.path, []).append(spot)
    found: dict[Spot, str] = {}
    for path, some in by_path.items():
        found |= dict.fromkeys(some, "")
        with contextlib.suppress(ImageRejected):
            refuse_changed(path, some[0].identity)
            if moments := sorted({spot.moment for spot in some if spot.moment}):
                with Video(path, max_pixels) as video:
                    for moment in moments:
                        if next(video.moments(start=moment), None) == moment:
                            picture = Image.fromarray(video.colour())
                            found |= {spot: _small(picture, spot.box) for spot in some if spot.moment == moment}
            else:
                with colour(path, max_pixels) as picture:
                    found |= {spot: _small(picture, spot.box) for spot in some}
    return found


def _small(picture: Image.Image, box: Box) -> str:
    margin = box.width // 6
    area = (box.x - margin, box.y - margin, box.x + box.width + margin, box.y + box.height + margin)
    inside = (max(0, area[0]), max(0, area[1]), min(picture.width, area[2]), min(picture.height, area[3]))
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        return ""
    small = picture.crop(inside)
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    data = io.BytesIO()
    small.save(data, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"


def shown_time(seconds: float) -> str:
    """Return a time as minutes and seconds, with hours if there are any."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
