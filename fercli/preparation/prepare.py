"""Makes a data set of faces: draws splits, marks duplicates and leaks, adds flips, computes the mean and the HOG features."""

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.dataset import SPLITS, Dataset, Split
from fercli.errors import FercliError, listed
from fercli.files import Kind, digest_of, kind_of
from fercli.labels import LABELS
from fercli.models.registry import SIDE
from fercli.preparation.classes import Classes
from fercli.preparation.faces import NO_SPLIT, Faces, RejectedRow
from fercli.preparation.features import with_hog
from fercli.preparation.sources import REJECT_SHARE, read_faces
from fercli.preparation.splits import draw
from fercli.preparation.votes import votes_of
from fercli.version import __version__

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}  # of a source without splits
_MEND_ROWS = (
    "Correct the file or download it again; if it has the names of expressions in place of numbers, add --classes fer2013; if its "
    "words differ from FER2013's, name its classes with --classes, leave some out with --leave-out, and draw splits with --split "
    "80/10/10."
)
_MEND_IMAGES = "Remove these images, replace them, or move each into a folder named after its expression."
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
    """How splits were drawn: the `shares`, 0 to 1, of which images (`of` is `all` or `train`), with which seed.

    `by` is `person` if each person's images stayed in one split, `class` if each split has the same share of each class.
    """

    shares: dict[str, float]
    of: str
    seed: int
    by: str


@dataclass(frozen=True)
class Preparation:
    """The data set and what was found on the way.

    `counts` are images by split and label, without flips; `dropped` is how many leaked training images were dropped; `left_out`
    counts the rows of classes left out, by their texts; `large` names the images over `CROP_SIDE`, which may be whole photos. Where
    persons are known, `persons` counts them, `unknown` the images whose person is not, `shared` the persons with images in several
    splits.
    """

    dataset: Dataset
    counts: dict[str, list[int]]
    rejected: list[RejectedRow]
    duplicates: Duplicates
    dropped: int = 0
    drawn: Drawn | None = None
    left_out: dict[str, int] = field(default_factory=dict)
    large: list[str] = field(default_factory=list)
    persons: int = 0
    unknown: int = 0
    shared: int = 0


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

    `ferplus` names FER+'s file, whose votes are added. `flips` doubles the training images by mirroring them. `drop_leaked` drops
    training images that are pixel-identical to a validation or test image, so that those splits stay whole and comparable.
    `classes` says what the source calls its expressions, if not as FER2013 does, and which to leave out.

    `split` has the shares, 0 to 1, of train, validation and test, to draw them anew; a source without splits is drawn by `SHARES`.
    If only validation is missing, `validation_share` of each class is taken from the training images. What is drawn follows from
    `seed`, and puts no person into two splits if a column, folder or `person` tells whose face it is; see `sources.read_faces`. A
    source without training images makes a set to evaluate on only.

    HOG is computed in `processes` processes; with more than one, a calling script needs `if __name__ == "__main__"`.
    `on_progress` receives a stage's name, the work done and its total, None if that is not known yet.

    Raises FercliError for a source that cannot be used, for any reject if `strict`, and for more than 1 % of rejects.
    """
    with ThreadPoolExecutor(1) as hasher:  # hashing lets go of Python's lock: it costs no time beside the reading
        source_digest = hasher.submit(_file_digest, source)
        faces = read_faces(source, lambda row: on_progress("rows", row, None), classes, person, splits=split is None)
    _refuse_rejects(faces, source, strict=strict)
    if ferplus:
        faces.votes = votes_of(faces, ferplus)
    drawn = _draw(faces, split, validation_share, seed)
    _refuse_missing_splits(faces, source)
    persons = _persons(faces)
    faces, duplicates, leaked, dropped = _find_duplicates(faces, drop_leaked=drop_leaked)
    splits = {name: _split(faces, leaked, name) for name in SPLITS}
    counts = {name: np.bincount(split.labels, minlength=len(LABELS)).tolist() for name, split in splits.items()}
    if flips:
        splits["train"] = _with_flips(splits["train"])
    mean = np.zeros((SIDE, SIDE), np.float32)
    if len(splits["train"]):
        mean = splits["train"].pixels.mean(axis=0, dtype=np.float64).astype(np.float32)
    if hog:
        splits = with_hog(splits, processes, lambda done, total: on_progress("HOG", done, total))
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
        "versions": {"fercli": __version__} | {package: version(package) for package in ("numpy", "scikit-image", "pillow")},
    }
    dataset = Dataset(**splits, mean=mean, meta=meta)
    return Preparation(dataset, counts, faces.rejected, duplicates, dropped, drawn, dict(faces.left_out), faces.large, *persons)


def _refuse_rejects(faces: Faces, source: Path, *, strict: bool) -> None:
    bad = len(faces.rejected)
    total = bad + len(faces.labels)
    if bad > REJECT_SHARE * total or (strict and bad):
        first = "\n".join(f"  {item.place}: {item.reason}" for item in faces.rejected[:10])
        allowed = "--strict allows none" if strict else f"at most {REJECT_SHARE:.0%} may be bad"
        unit, what_to_do = ("images", _MEND_IMAGES) if faces.names else ("rows", _MEND_ROWS)
        raise FercliError(f"{source}: {bad} of {total} {unit} are bad, and {allowed}. The first:\n{first}\n{what_to_do}")
    if not len(faces.labels):
        raise FercliError(f"{source} holds no images; name another source.")


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
    drawn, by = draw(faces.labels[candidates], faces.persons[candidates], split, np.random.default_rng(seed))
    faces.splits[candidates] = drawn
    return Drawn(dict(split), "train" if len(split) < len(SPLITS) else "all", seed, by)


def _persons(faces: Faces) -> tuple[int, int, int]:
    """Return `persons`, `unknown` and `shared` of a `Preparation`."""
    known = faces.persons != ""
    splits_of = Counter(person for person, _ in set(zip(faces.persons[known].tolist(), faces.splits[known].tolist(), strict=True)))
    return len(splits_of), int((~known).sum()) if known.any() else 0, sum(count > 1 for count in splits_of.values())


def _refuse_missing_splits(faces: Faces, source: Path) -> None:
    """Raise FercliError for training images without validation or test images; a set without training images needs neither."""
    missing = [name for name in SPLITS[1:] if not (faces.splits == name).any()]
    if missing and (faces.splits == "train").any():
        raise FercliError(
            f"{source} has training images, but none for {listed(missing)}; add some, or draw them with --split 80/10/10."
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


def _file_digest(path: Path) -> str | None:
    """Return a file's SHA-256; None for anything else, which the reader deals with."""
    return digest_of(path) if kind_of(path) is Kind.FILE else None
