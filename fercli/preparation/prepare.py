"""Faces to a data set: duplicates and leaks marked, flips added, the mean and the HOG features computed."""

import contextlib
import hashlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.dataset import SPLITS, Dataset, Split
from fercli.errors import FercliError
from fercli.files import Kind, kind_of
from fercli.labels import LABELS
from fercli.models.registry import HOG_LENGTH, SIDE
from fercli.preparation.classes import Classes
from fercli.preparation.faces import NO_SPLIT, Faces, RejectedRow
from fercli.preparation.sources import REJECT_SHARE, read_faces
from fercli.preparation.splits import draw
from fercli.preparation.votes import votes_of

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}  # of a source without splits
_HOG_CHUNK = 500
OnProgress = Callable[[str, int, int | None], None]  # stage, done, total (None: not known yet)


@dataclass(frozen=True)
class Duplicates:
    """Images with the same pixels: how many groups, the rows in them, groups whose labels differ, leaked images by split."""

    groups: int
    rows: int
    conflicting: int
    leaked: dict[str, int]


@dataclass(frozen=True)
class Drawn:
    """How the splits were drawn that the source does not have: the `shares`, from 0 to 1, of which images, by which seed.

    `by` is what was kept whole or even, `person` or `class`.
    """

    shares: dict[str, float]
    of: str
    seed: int
    by: str


@dataclass(frozen=True)
class Preparation:
    """The data set and what was found on the way.

    `counts` are images by split and label, without flips; `left_out` are rows of classes that were not wanted, by their texts.
    """

    dataset: Dataset
    counts: dict[str, list[int]]
    rejected: list[RejectedRow]
    duplicates: Duplicates
    dropped: int = 0
    drawn: Drawn | None = None
    left_out: dict[str, int] = field(default_factory=dict)


def prepare(
    source: Path,
    *,
    ferplus: Path | None = None,
    flips: bool = True,
    hog: bool = True,
    drop_leaked: bool = False,
    strict: bool = False,
    classes: Classes | None = None,
    split: Mapping[str, float] | None = None,
    person: str | None = None,
    validation_share: float = 0.1,
    seed: int = 0,
    processes: int = 1,
    on_progress: OnProgress = lambda *_: None,
) -> Preparation:
    """Read `source` and make the data set that training and evaluation share.

    `ferplus` names FER+'s file, whose votes are added. `flips` doubles the training images by their mirror images.
    `drop_leaked` leaves out of training what is pixel-identical to a validation or test image, so that those stay whole and
    comparable. `classes` says what the source calls its expressions, if not as FER2013 does, and which to leave out.

    `split` has the shares, 0 to 1, of train, validation and test, and draws them anew; a source without splits has `SHARES` of
    them. A missing validation split alone is drawn from the training images: `validation_share` of each class. Both follow from
    `seed`, and put no person into two splits, where a column or folder, or what `person` names, tells whose a face is; see
    `sources.read_faces`. A source without training images makes a set to evaluate on.

    HOG is computed in so many `processes`; with more than one, a calling script needs `if __name__ == "__main__"`.
    `on_progress` receives a stage's name, the work done and its total.

    Raises FercliError for a source that cannot be used, for any reject if `strict`, and for over 1 % of rejects.
    """
    with ThreadPoolExecutor(1) as hasher:  # hashing lets go of Python's lock: it costs no time beside the reading
        source_digest = hasher.submit(_file_digest, source)
        faces = read_faces(source, lambda row: on_progress("rows", row, None), classes, person, splits=split is None)
    _refuse_rejects(faces, source, strict=strict)
    if ferplus:
        faces.votes = votes_of(faces, ferplus)
    drawn = _draw(faces, split, validation_share, seed)
    _refuse_missing_splits(faces, source)
    faces, duplicates, leaked, dropped = _find_duplicates(faces, drop_leaked=drop_leaked)
    splits = {name: _split(faces, leaked, name) for name in SPLITS}
    counts = {name: np.bincount(split.labels, minlength=len(LABELS)).tolist() for name, split in splits.items()}
    if flips:
        splits["train"] = _with_flips(splits["train"])
    mean = np.zeros((SIDE, SIDE), np.float32)
    if len(splits["train"]):
        mean = splits["train"].pixels.mean(axis=0, dtype=np.float64).astype(np.float32)
    if hog:
        splits = _with_hog(splits, processes, on_progress)
    meta: dict[str, Any] = {
        "source": source.name,
        "source_sha256": source_digest.result(),
        "ferplus": ferplus is not None,
        "flips": flips,
        "dropped_leaked": dropped,
        "drawn": drawn and asdict(drawn),
        "left_out": dict(faces.left_out),
        "counts": counts,
        "rejected": [[item.place, item.code, item.reason] for item in faces.rejected],
        "duplicates": {"groups": duplicates.groups, "rows": duplicates.rows, "conflicting": duplicates.conflicting},
        "leaked": duplicates.leaked,
        "names": faces.names,
        "versions": {package: version(package) for package in ("fercli", "numpy", "scikit-image", "pillow")},
    }
    dataset = Dataset(**splits, mean=mean, meta=meta)
    return Preparation(dataset, counts, faces.rejected, duplicates, dropped, drawn, dict(faces.left_out))


def _refuse_rejects(faces: Faces, source: Path, *, strict: bool) -> None:
    bad = len(faces.rejected)
    total = bad + len(faces.labels)
    if bad > REJECT_SHARE * total or (strict and bad):
        first = "\n".join(f"  {item.place}: {item.reason}" for item in faces.rejected[:10])
        allowed = "--strict allows none" if strict else f"at most {REJECT_SHARE:.0%} may be bad"
        raise FercliError(
            f"{source}: {bad} of {total} rows are bad, and {allowed}. The first:\n{first}\n"
            "Mend or get the file again; where its words are others than FER2013's, name classes with --classes, leave some out "
            "with --leave-out, and draw splits with --split 80/10/10."
        )
    if not len(faces.labels):
        raise FercliError(f"{source} holds no images at all.")


def _draw(faces: Faces, split: Mapping[str, float] | None, validation_share: float, seed: int) -> Drawn | None:
    """Draw the splits that were asked for, or that are missing."""
    if split is None and (faces.splits == NO_SPLIT).all():
        split = SHARES
    if split is not None:
        candidates = np.ones(len(faces.labels), bool)
    elif (faces.splits == "train").any() and not (faces.splits == "validation").any():
        candidates = faces.splits == "train"
        split = {"train": 1 - validation_share, "validation": validation_share}
    else:
        return None
    persons = faces.persons[candidates]
    faces.splits[candidates] = draw(faces.labels[candidates], persons, split, np.random.default_rng(seed))
    of = "train" if len(split) < len(SPLITS) else "all"
    return Drawn(dict(split), of, seed, "person" if len(set(persons.tolist())) > 1 else "class")


def _refuse_missing_splits(faces: Faces, source: Path) -> None:
    """Raise FercliError for training images that nothing could be chosen or judged by; a set without them is evaluated on."""
    missing = [name for name in SPLITS[1:] if not (faces.splits == name).any()]
    if missing and (faces.splits == "train").any():
        raise FercliError(
            f"{source} has training images, but none for {' and '.join(missing)}; add some, or draw them with --split 80/10/10."
        )


def _find_duplicates(faces: Faces, *, drop_leaked: bool) -> tuple[Faces, Duplicates, NDArray[np.bool_], int]:
    first: dict[bytes, int] = {}
    group = np.array([first.setdefault(image.tobytes(), row) for row, image in enumerate(faces.pixels)], np.int64)
    in_training = np.zeros(len(group), bool)
    in_training[group[faces.splits == "train"]] = True
    leaked = in_training[group] & (faces.splits != "train")
    sizes = np.bincount(group, minlength=len(group))
    # A group's labels differ if its pairs (group, label) are more than one.
    labels_of_group = np.bincount(np.unique(np.stack([group, faces.labels.astype(np.int64)]), axis=1)[0], minlength=len(group))
    duplicates = Duplicates(
        groups=int((sizes > 1).sum()),
        rows=int(sizes[sizes > 1].sum()),
        conflicting=int((labels_of_group > 1).sum()),
        leaked={name: int(leaked[faces.splits == name].sum()) for name in SPLITS[1:]},
    )
    if not drop_leaked:
        return faces, duplicates, leaked, 0
    leaking = np.zeros(len(group), bool)
    leaking[group[leaked]] = True
    keep = ~(leaking[group] & (faces.splits == "train"))
    return faces.take(keep), duplicates, np.zeros(keep.sum(), bool), int((~keep).sum())


def _split(faces: Faces, leaked: NDArray[np.bool_], name: str) -> Split:
    chosen = faces.splits == name
    part = faces.take(chosen)
    return Split(part.pixels, part.labels, part.rows, leaked[chosen], votes=part.votes)


def _with_flips(split: Split) -> Split:
    return Split(
        pixels=np.concatenate([split.pixels, split.pixels[:, :, ::-1]]),
        labels=np.tile(split.labels, 2),
        rows=np.tile(split.rows, 2),
        leaked=np.tile(split.leaked, 2),
        votes=None if split.votes is None else np.tile(split.votes, (2, 1)),
    )


def _with_hog(splits: dict[str, Split], processes: int, on_progress: OnProgress) -> dict[str, Split]:
    from fercli.models.hog import hog_features  # scikit-image takes a second to import; --no-hog does not need it

    total = sum(len(split) for split in splits.values())
    done = 0
    result = {}
    with _mapper(processes if total > _HOG_CHUNK else 1) as run:
        for name, split in splits.items():
            features = np.empty((len(split), HOG_LENGTH), np.float32)
            starts = range(0, len(split), _HOG_CHUNK)
            chunks = (split.pixels[start : start + _HOG_CHUNK] for start in starts)
            for start, part in zip(starts, run(hog_features, chunks), strict=True):
                features[start : start + _HOG_CHUNK] = part
                done += len(part)
                on_progress("HOG", done, total)
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
    except OSError:  # processes speak through shared memory, which not every machine gives
        yield map
        return
    try:
        yield pool.map
    except BrokenProcessPool as error:
        raise FercliError(
            "A process that computed HOG features was ended, as for want of memory; close other programs, or add --no-hog."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)  # a stop does not wait for chunks that nobody will read


def _end_with_parent() -> None:
    """Let a process of ours end when the one that began it does, however that ends: else it would wait for work for ever."""

    def end() -> None:
        if parent := multiprocessing.parent_process():
            parent.join()
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()


def _file_digest(path: Path) -> str | None:
    """Return a file's SHA-256; None for a folder, and for what cannot be read, which the reader reports."""
    if kind_of(path) is not Kind.FILE:
        return None
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
