"""Video clips with faces at known places: public-domain portraits that move, cross and leave before a face-free photograph."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fercli.photos.geometry import Frame
from tests.scenes import background, paste

RATE = 10
SIZE = (480, 270)
CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".webm": "VP80", ".mkv": "XVID", ".mov": "mp4v"}

Faces = Mapping[str, Frame]


def write_clip(path: Path, frames: Iterable[NDArray[np.uint8]], rate: float = RATE) -> Path:
    """Write frames in RGB as a video of the codec that `CODECS` has for the name's suffix."""
    path.parent.mkdir(exist_ok=True)
    writer = None
    for frame in frames:
        if writer is None:
            code = cv2.VideoWriter.fourcc(*CODECS[path.suffix])
            writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, rate, frame.shape[1::-1], [])
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    assert writer
    writer.release()
    return path


def write_timed(path: Path, frames: Iterable[NDArray[np.uint8]], ticks: Iterable[int], rate: float = RATE) -> Path:
    """Write frames, as JPEGs, that are shown at the given multiples of 1/`rate` seconds; into .mkv or .mp4."""
    writer = None
    for frame, tick in zip(frames, ticks, strict=True):
        if writer is None:
            raw = [cv2.VIDEOWRITER_PROP_RAW_VIDEO, 1]
            writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), rate, frame.shape[1::-1], raw)
        writer.set(cv2.VIDEOWRITER_PROP_PTS, tick)
        writer.set(cv2.VIDEOWRITER_PROP_KEY_FLAG, 1)
        writer.write(cv2.imencode(".jpg", np.ascontiguousarray(frame[..., ::-1]))[1].reshape(1, -1))
    assert writer
    writer.release()
    return path


def gray_steps(count: int, size: tuple[int, int] = (64, 48)) -> list[NDArray[np.uint8]]:
    """Return plain frames, each of another grey: the first is black, and each is 2 brighter than the one before."""
    return [np.full((size[1], size[0], 3), 2 * number, np.uint8) for number in range(count)]


def turn(path: Path) -> None:
    """Set the flag in an MP4 that says to turn it by a quarter clockwise, as a phone held upright does."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, SIZE[1] << 16, 0, 1 << 30)
    path.write_bytes(data)


def damage(path: Path, start: float, end: float) -> None:
    """Overwrite the bytes from one share of the file to another with noise."""
    data = bytearray(path.read_bytes())
    first, last = (round(share * len(data)) for share in (start, end))
    data[first:last] = np.random.default_rng(0).bytes(last - first)
    path.write_bytes(data)


def places(time: float) -> dict[str, Frame]:
    """Return where the faces are: one wanders to the right, the other sways, leaves at 2 s and is back at 4.2 s."""
    faces = {"astronaut.jpg": Frame(90 + 30 * time, 120 + 20 * np.sin(2 * time), 64, 6 * np.sin(time))}
    if not 2 <= time < 4.2:
        faces["grace_hopper.jpg"] = Frame(390 + 12 * np.sin(3 * time), 150, 76, -5.0)
    return faces


@cache
def scene(seconds: float = 5.0) -> tuple[list[NDArray[np.uint8]], Sequence[Faces]]:
    """Return the frames of `places`, and where the faces in each are."""
    backdrop = background("brick").resize(SIZE, Image.Resampling.BICUBIC)
    frames, faces = [], []
    for number in range(round(seconds * RATE)):
        picture = backdrop.copy()
        at = places(number / RATE)
        faces.append({name: paste(picture, name, frame) for name, frame in at.items()})
        frames.append(np.asarray(picture))
    return frames, faces
