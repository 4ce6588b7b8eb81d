"""Pictures of results: photos with their faces marked, and single faces for the report."""

import base64
import hashlib
import io
import os
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from fercli.classification.records import Face, Outcome
from fercli.errors import ImageRejected
from fercli.files import write_atomically
from fercli.photos.geometry import Box
from fercli.photos.images import read_colour

THUMBNAIL_SIDE = 96
_LONGEST_NAME = 220  # bytes; file systems take 255, and a copy adds a suffix or two
_LINE = "#ffcc00"


def annotate(outcome: Outcome, folder: Path, max_pixels: int, min_confidence: float = 0.0) -> Path | None:
    """Write an upright JPEG copy of a photo, faces framed and named, into `folder`; return where, None for a reject.

    A photo keeps its place: `a/b.png` becomes `folder/a/b.png.jpg`; what leads out of the folder gets a name there.
    """
    if outcome.reject:
        return None
    try:
        picture = read_colour(outcome.path, max_pixels)
    except ImageRejected:
        return None  # it was readable a moment ago; its row stands
    for face in outcome.faces:
        _mark(picture, face, face.sure_label(min_confidence) or "unsure")
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=90)
    target = folder / _place(outcome.path)
    write_atomically(target, data.getvalue())
    return target


def _place(path: Path) -> Path:
    """Return another place for every path, inside whatever folder it is joined to."""
    *folders, name = ({"..": "__up__", path.anchor: "__root__"}.get(part, part) for part in path.parts)
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = f"{name[:40]}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}"
    return Path(*folders, f"{name}.jpg")


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


def thumbnail(path: Path, box: Box, max_pixels: int) -> str:
    """Return a face in colour as the `data:` address of a small JPEG, with a margin; empty if unreadable."""
    try:
        picture = read_colour(path, max_pixels)
    except ImageRejected:
        return ""
    margin = box.width // 6
    area = (box.x - margin, box.y - margin, box.x + box.width + margin, box.y + box.height + margin)
    inside = (max(0, area[0]), max(0, area[1]), min(picture.width, area[2]), min(picture.height, area[3]))
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        return ""  # another photo has taken its place since
    small = picture.crop(inside)
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    data = io.BytesIO()
    small.save(data, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"
