"""What can go wrong, and the exit code of each kind of failure.

Every message is a sentence that names the file concerned and says what to do next; the command line prints it as it is.
"""

import errno
import re
from collections.abc import Iterable

EXIT_CODES: dict[int, str] = {
    0: "all done",
    1: "failed; nothing written, earlier outputs untouched",
    2: "usage error: the command line names something that does not exist, or options that do not go together",
    3: "written, but some inputs were rejected; each is listed",
    4: "refused for integrity: weights, data set or checkpoint are not what they should be",
    129: "stopped because its terminal was closed (SIGHUP)",
    130: "interrupted (Ctrl-C)",
    143: "terminated (SIGTERM)",
}

# In the words of numpy, ONNX Runtime, OpenCV, TensorFlow, the C library and its loader.
_SHORT_OF_MEMORY = re.compile(
    "bad_alloc|allocate memory|insufficient memory|out of memory|oom when|map segment from", re.IGNORECASE
)


class FercliError(Exception):
    """A failure that the user can understand and act on."""

    exit_code = 1


class UsageError(FercliError):
    """The command line names what does not exist, or combines what does not go together."""

    exit_code = 2


class IntegrityError(FercliError):
    """A file exists but is not what it claims to be."""

    exit_code = 4


class TrainingDiverged(FercliError):
    """The loss became NaN or infinite."""


class ImageRejected(Exception):
    """One image cannot be used; the others go on.

    `code` is one of `REJECT_CODES`, `reason` says what is wrong.
    """

    def __init__(self, code: str, reason: str) -> None:
        if code not in REJECT_CODES:
            raise ValueError(f"unknown reject code {code!r}")
        super().__init__(reason)
        self.code = code
        self.reason = reason


REJECT_CODES: dict[str, str] = {
    "unreadable": "the file cannot be opened or read",
    "empty": "the file has no bytes",
    "not_an_image": "the content is not PNG, JPEG, BMP, WebP, GIF, TIFF, AVIF or HEIC, nor a video, whatever the name says",
    "unsupported": "the image is of a kind that is not read, such as a camera's raw file; it may well be intact",
    "unplayable": "the video cannot be opened: it is damaged, or OpenCV's FFmpeg does not know its codec",
    "damaged": "the image or the video is truncated or corrupt; for a video, the rows up to that point are kept",
    "too_large": "the file, the image or a frame is over a limit",
    "fatal": "it crashed its cluster worker each time",
}


class Interrupted(BaseException):
    """SIGINT, SIGTERM or SIGHUP arrived. Not an `Exception`, so that no handler for faulty input swallows it."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a space and the question whether the word of `known` most like `name` was meant; an empty text if none is like it."""
    from difflib import get_close_matches  # only a mistake needs it

    return "".join(f" Did you mean {match!r}?" for match in get_close_matches(name.lower(), list(known), n=1))


def listed(words: Iterable[str], conjunction: str = "and") -> str:
    """Return words as a sentence lists them: "a", "a and b", "a, b and c"; an empty text if there are none."""
    items = list(words)
    return f" {conjunction} ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def shortage(error: BaseException) -> str:
    """Return a sentence about the memory, threads or files that an error, in any library's words, says are missing; else ""."""
    if "can't start new thread" in str(error):
        return (
            "The system does not let fercli start more threads; raise its limits (ulimit -u, ulimit -v), or set OMP_NUM_THREADS=1."
        )
    no_memory = isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM
    if no_memory or _SHORT_OF_MEMORY.search(str(error)):
        return "Memory has run out; close other programs, raise the limit (ulimit -v), or use smaller inputs."
    if getattr(error, "errno", None) in {errno.EMFILE, errno.ENFILE}:
        return "The system does not let fercli open more files; raise the limit, for example with: ulimit -n 1024"
    return ""


_ADVICE = {
    errno.ENOSPC: "Free some space, or name another place.",
    errno.EACCES: "Check that you have permission there, or name another place.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.ENOENT: "It, or the folder that it is in, was moved or removed in the meantime; run the same command again.",
    errno.ENOTDIR: "Part of this path is a file, not a folder; name another place.",
    errno.EFBIG: "Raise the limit on the size of files, for example with: ulimit -f unlimited",
}
_ADVICE |= {errno.EDQUOT: _ADVICE[errno.ENOSPC], errno.EPERM: _ADVICE[errno.EACCES], errno.EROFS: _ADVICE[errno.EACCES]}


def advice(error: OSError) -> str:
    """Return what to do about a file that cannot be read or written."""
    return shortage(error) or _ADVICE.get(error.errno or 0, "Check the disk, or name another place.")
