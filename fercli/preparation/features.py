"""HOG features of a data set, computed in several processes."""

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

import numpy as np

from fercli.dataset import Split
from fercli.errors import FercliError
from fercli.models.registry import HOG_LENGTH

_CHUNK = 500  # images


def with_hog(splits: dict[str, Split], processes: int, on_images: Callable[[int, int], None]) -> dict[str, Split]:
    """Return the splits with HOG features (N,800); `on_images` receives how many images are done, and of how many.

    With more than one process, a calling script needs `if __name__ == "__main__"`. Raises FercliError if a process was killed.
    """
    from fercli.models.hog import hog_features  # scikit-image takes a second to import; --no-hog does not need it

    total = sum(len(split) for split in splits.values())
    done = 0
    result = {}
    with _mapper(processes if total > _CHUNK else 1) as run:
        for name, split in splits.items():
            features = np.empty((len(split), HOG_LENGTH), np.float32)
            starts = range(0, len(split), _CHUNK)
            chunks = (split.pixels[start : start + _CHUNK] for start in starts)
            for start, part in zip(starts, run(hog_features, chunks), strict=True):
                features[start : start + _CHUNK] = part
                done += len(part)
                on_images(done, total)
            result[name] = replace(split, hog=features)
    return result


@contextlib.contextmanager
def _mapper(processes: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """Yield a `map` that works in this process, or in several; either keeps the order."""
    if processes == 1:
        yield map
        return
    # Spawned, not forked: TensorFlow's threads, if the caller has it loaded, do not survive a fork.
    spawned = multiprocessing.get_context("spawn")
    try:
        pool = ProcessPoolExecutor(processes, mp_context=spawned, initializer=_end_with_parent)
    except OSError:  # processes communicate through shared memory, which not every machine has
        yield map
        return
    try:
        yield pool.map
    except BrokenProcessPool as error:
        raise FercliError(
            "A process that computed HOG features was killed, perhaps for lack of memory; close other programs, or add --no-hog."
        ) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # a stop has no time to wait for chunks that nobody will use


def _end_with_parent() -> None:
    """Make a worker process end when its parent does, however that ends; otherwise it would wait for work for ever."""

    def end() -> None:
        if parent := multiprocessing.parent_process():
            parent.join()
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()
