"""Video files to upright frames, timed by the stream's own clock; this module and `faces.haar` alone import cv2."""

import io
import math
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fercli.errors import FercliError, ImageRejected
from fercli.files import MAX_PIXELS, readable
from fercli.photos.containers import VIDEO_SUFFIXES, is_avi, is_cut_off
from fercli.photos.geometry import Moment
from fercli.photos.walk import first_bytes, opened
from fercli.remote import RemotePath

START = Moment(0.0, 0)
_TICK = 0.0005  # seconds; clocks of Matroska count milliseconds
_BACK = (1.0, 10.0, 60.0)  # seconds before the wanted time to try jumping to, since a jump may land too late
_SEVERAL = 300  # packets tried after one that was refused, to tell damage from the end
_NEAR = 10.0  # seconds ahead up to which decoding on is quicker than jumping
_SLOWEST = 0.01  # the fewest frames a second that a video can have
_BLOCK = 8 << 20  # bytes read ahead from a remote video, whose server answers slowly
_LONGEST = 1e7  # seconds; anything longer comes from a broken clock or length, not from a real video


class Video:
    """An open video, none of whose frames has been read yet; for use in a `with` block.

    `width` and `height` are in pixels of the upright frames; `rate` is the mean number of frames a second and `seconds` the length,
    both as the container states them. Raises ImageRejected for what OpenCV's FFmpeg cannot open and for frames of more than
    `max_pixels` pixels.
    """

    def __init__(self, path: Path, max_pixels: int = MAX_PIXELS) -> None:
        self._path = path
        self._jumps = not is_avi(first_bytes(path))  # an AVI has no clock by which to check where a jump landed
        self.frames = 0
        self.last: Moment | None = None
        self._open()
        self.width, self.height = (int(self._capture.get(of)) for of in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        rate, count = (self._capture.get(of) for of in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT))
        self.rate = rate if math.isfinite(rate) and rate > 0 else 25.0
        self.seconds = min(max(0.0, count / self.rate), _LONGEST)
        if self.width * self.height > max_pixels:
            self._close()
            size = f"{self.width} x {self.height}"
            raise ImageRejected("too_large", f"its frames have {size} pixels; the limit is {max_pixels} (--max-pixels)")

    def __enter__(self) -> "Video":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close()

    def moments(self, every: float = 0.0, start: Moment = START, end: float = math.inf) -> Iterator[Moment]:
        """Yield the moments of the frames to look at; `gray` and `colour` give the frame of the latest one.

        These are the first frame at or after each multiple of `every` seconds, or all frames if `every` is 0. They begin with the
        first frame at or after the time of `start`, which takes the number of `start`, and end before the time `end`. Frames in
        between are not converted. `frames` counts all frames from `start` on, looked at or not, and `last` is the last of them.
        Raises ImageRejected where the video is damaged or cut off, after the last frame before that.
        """
        self.frames, self.last, slot = 0, None, -1
        for time in self._times(start.time):
            if time >= end - _TICK:
                return
            moment = Moment(time, start.frame + self.frames)
            self.frames, self.last = self.frames + 1, moment
            before, slot = slot, math.floor((time + _TICK) / every) if every else moment.frame
            if slot > before:
                yield moment

    def colour(self) -> NDArray[np.uint8]:
        """Return the frame in RGB (height, width, 3), upright."""
        return np.asarray(cv2.cvtColor(self._frame(), cv2.COLOR_BGR2RGB), np.uint8)

    def gray(self) -> NDArray[np.uint8]:
        """Return the frame in grey (height, width), upright: the same luma as of photos."""
        return np.asarray(cv2.cvtColor(self._frame(), cv2.COLOR_BGR2GRAY), np.uint8)

    def _frame(self) -> Any:
        whole, frame = self._capture.retrieve()
        if not whole or frame.size == 0:
            raise self._damaged(self._clock)
        return frame

    def _open(self) -> None:
        self._stream = _Stream(self._path) if _read_by_us(self._path) else None
        source: Any = self._stream or str(self._path.absolute())
        self._clock, self._fresh = -math.inf, True
        self._capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG, [])
        self._tell_stream_error()
        if not self._capture.isOpened():
            name = readable(self._path)
            self._close()
            line = shlex.join(["ffmpeg", "-i", name, "-c:v", "libx264", f"{name.rpartition('.')[0] or name}-converted.mp4"])
            raise ImageRejected("unplayable", f"it is damaged, or OpenCV's FFmpeg cannot play it; convert it with: {line}")
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)

    def _close(self) -> None:
        self._capture.release()
        if self._stream:
            self._stream.close()

    def _grab(self) -> bool:
        """Decode the next frame and set the clock by it; False at the end and where a packet is damaged."""
        self._fresh = False
        grabbed = self._capture.grab()
        self._tell_stream_error()
        if grabbed:
            time = max(0.0, self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
            # Not every container has a clock, and OpenCV gives no time for the first frame of some streams.
            self._clock = time if self._clock < time < _LONGEST else max(0.0, self._clock + 2 * _TICK)
        return grabbed

    def _times(self, start: float) -> Iterator[float]:
        """Yield the time of every frame from the first at or after `start`."""
        grabbed = self._reach(start)
        while grabbed:
            if self._clock >= start - _TICK:
                yield self._clock
            grabbed = self._grab()
        reached = max(0.0, self._clock)
        if any(self._grab() for _ in range(_SEVERAL)):
            raise self._damaged(reached)
        if not self.frames and not start:
            raise ImageRejected("damaged", "it has no frame that can be decoded")
        # The stated length says little: it is that of the sound, if that is longer, and counts frames that an edit has hidden.
        if self._is_cut_off() or reached + 1 / self.rate < 0.6 * self.seconds:
            raise ImageRejected(
                "damaged", f"it ends at {reached:.2f} s of {self.seconds:.2f} s; the rows up to that point are kept"
            )

    def _is_cut_off(self) -> bool:
        try:
            with opened(self._path) as handle:
                return is_cut_off(handle, self._path.stat().st_size)
        except OSError as error:
            raise ImageRejected("unreadable", error.strerror or str(error)) from error

    def _reach(self, time: float) -> bool:
        """Decode some frame before `time`, or else the very first one; False if there is none."""
        if self._clock < time - _TICK and not self._fresh and (time - self._clock < _NEAR or not self._jumps):
            return self._grab()
        tries = [back for back in _BACK if back < time] if self._jumps else []
        for back in tries:
            self._capture.set(cv2.CAP_PROP_POS_MSEC, (time - back) * 1000)
            self._clock = -math.inf
            if self._grab() and self._clock < time - _TICK:
                return True
        if not self._fresh or tries:
            self._close()
            self._open()
        return self._grab()

    def _tell_stream_error(self) -> None:
        if self._stream and self._stream.error:
            error = self._stream.error
            if isinstance(error, OSError):
                raise ImageRejected("unreadable", error.strerror or str(error)) from error
            raise error

    def _damaged(self, time: float) -> ImageRejected:
        return ImageRejected("damaged", f"it is broken after {time:.2f} s; the rows up to that point are kept")


class NewVideo:
    """An MP4 to which RGB frames of one size are written, `rate` a second; for use in a `with` block.

    A frame of odd width or height loses its last column or row, since the codec, MPEG-4, takes only even sizes. Raises FercliError
    if the video cannot be written, also at the end of the block if it is not whole, as on a full disk.
    """

    def __init__(self, path: Path, width: int, height: int, rate: float) -> None:
        size = (width & ~1, height & ~1)
        code = cv2.VideoWriter.fourcc(*"mp4v")
        self._path, self._frames = path, 0
        self._writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, max(rate, _SLOWEST), size, [])
        if not self._writer.isOpened():
            raise FercliError(f"{path} cannot be written as a video of {width} x {height} pixels; leave --annotate out.")

    def __enter__(self) -> "NewVideo":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._writer.release()
        if kind is None and not self._is_whole():
            raise FercliError(f"{self._path} cannot be written whole; free some space there, or leave --annotate out.")

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append a frame (height, width, 3)."""
        self._frames += 1
        height, width = frame.shape[0] & ~1, frame.shape[1] & ~1
        self._writer.write(np.ascontiguousarray(frame[:height, :width, ::-1]))

    def _is_whole(self) -> bool:
        """Read the file back: OpenCV does not tell when it could not write."""
        capture = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG, [])
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        capture.release()
        return not self._frames or count == self._frames


class _Stream(io.BufferedIOBase):
    """A file that FFmpeg reads through us; an exception in one of its calls would end the process, so it is kept in `error`."""

    def __init__(self, path: Path) -> None:
        self.error: BaseException | None = None
        try:
            self._handle: Any = opened(path)
            if isinstance(path, RemotePath):
                self._handle = io.BufferedReader(self._handle, _BLOCK)
        except OSError as error:
            raise ImageRejected("unreadable", error.strerror or str(error)) from error

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes, none at the end and after an error."""
        result: bytes = self._kept(lambda: self._handle.read(size), b"")
        return result

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place and return it, or -1 if there is no such place."""

        def sought() -> Any:
            try:
                return self._handle.seek(offset, whence)
            except OSError:  # remote files have no places beyond their end
                return -1

        result: int = self._kept(sought, -1)
        return result

    def close(self) -> None:
        """Close the file."""
        self._handle.close()
        super().close()

    def _kept(self, work: Any, otherwise: Any) -> Any:
        if self.error:
            return otherwise
        try:
            return work()
        except BaseException as error:  # a signal, too, may arrive here
            self.error = error
            return otherwise


def _read_by_us(path: Path) -> bool:
    """Tell whether FFmpeg must not open the file itself: remote files, and names that it would misread."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return True
    return isinstance(path, RemotePath) or path.suffix.lower() not in VIDEO_SUFFIXES
