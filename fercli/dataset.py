"""The prepared data set: its arrays, and the npz file that holds them.

Keys: `train_pixels` (N,48,48) uint8, flips after the originals, `train_labels` (N,) uint8, `train_rows` (N,) int64, the source row
of each image, `train_leaked` (N,) bool, and the same for `validation_` and `test_`, where `_leaked` marks images whose pixels are
also those of a training image; optionally `_hog` (N,800) float32 and `_votes` (N,10) uint8, the number of votes of FER+'s crowd for
each of `labels.VOTES`, for all three splits; `mean` (48,48) float32 of the training pixels; `meta`, JSON text. Splits may be empty:
a set to evaluate on only has no training images, and a mean of 0.
"""

import hashlib
import json
import math
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fercli.errors import FercliError, IntegrityError, UsageError, listed, nearest
from fercli.files import Kind, kind_of, shown_name
from fercli.labels import LABELS, VOTES
from fercli.models.registry import HOG_LENGTH, SIDE
from fercli.writing import atomic_write

_IDENTITY = ("_pixels", "_labels", "_rows")  # the arrays that `Dataset.digest` covers; each of the others has its own digest
META_LIMIT = 256 << 20  # bytes; a name of 20 characters takes about 80 of them
SPLITS = ("train", "validation", "test")
FER2013 = "FER2013"
PUBLISHED = (28_709, 3_589, 3_589)  # its images, by split


@dataclass(frozen=True)
class Split:
    """The images of one split, in source order: arrays of equal length, as described above."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    rows: NDArray[np.int64]
    leaked: NDArray[np.bool_]
    hog: NDArray[np.float32] | None = None
    votes: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: NDArray[Any] | slice) -> "Split":
        """Return the images that `index` selects: positions, a mask or a slice."""
        arrays = (getattr(self, item.name) for item in fields(self))
        return Split(*(None if array is None else array[index] for array in arrays))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Dataset:
    """Three splits, the mean training image (48,48), and where they come from (`meta`, JSON values)."""

    train: Split
    validation: Split
    test: Split
    mean: NDArray[np.float32]
    meta: dict[str, Any] = field(default_factory=dict)

    def split(self, name: str) -> Split:
        """Return the split called `name`, one of `SPLITS`."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]

    @property
    def originals(self) -> Split:
        """The training images without their mirrored copies."""
        return self.train.take(slice(len(self.train) // 2)) if self.meta.get("flips") else self.train

    @property
    def name(self) -> str:
        """What to call it: `FER2013`, or what it was prepared from."""
        images = tuple(len(split) for split in (self.originals, self.validation, self.test))
        return FER2013 if images == PUBLISHED else shown_name(Path(str(self.meta.get("source", "unknown"))))

    def digest(self) -> str:
        """Return the data set's identity, the SHA-256 of all pixels, labels and rows; the rest follows from these."""
        splits = [self.split(name) for name in SPLITS]
        return _sha256(*(array for split in splits for array in (split.pixels, split.labels, split.rows)))


def write_dataset(dataset: Dataset, path: Path) -> None:
    """Write the npz atomically; the same data set gives the same bytes. Errors as in `writing.atomic_write`."""
    with atomic_write(path) as handle:
        save_dataset(dataset, handle)


def save_dataset(dataset: Dataset, handle: BinaryIO) -> None:
    """Write the npz to an open file; the same data set gives the same bytes."""
    arrays: dict[str, Any] = {"mean": dataset.mean}
    for name in SPLITS:
        for item in fields(Split):
            array = getattr(dataset.split(name), item.name)
            if array is not None:
                arrays[f"{name}_{item.name}"] = array
    digests = {key: _sha256(array) for key, array in arrays.items() if not key.endswith(_IDENTITY)}
    arrays["meta"] = np.array(json.dumps(dataset.meta | {"digest": dataset.digest(), "sha256": digests}, sort_keys=True))
    np.savez(handle, allow_pickle=False, **arrays)


def read_dataset(path: Path, *, hog: bool = False, splits: Sequence[str] = ()) -> Dataset:
    """Read an npz that `write_dataset` wrote, and check it; the HOG arrays only if `hog`.

    Raises UsageError if the file is missing, lacks HOG although `hog` is set, or has no images in one of `splits`; IntegrityError
    if it is not what was prepared.
    """
    if kind_of(path) is not Kind.FILE:
        raise _missing(path)
    try:
        with path.open("rb") as handle:
            if not zipfile.is_zipfile(handle) and handle.seek(0) == 0 and not handle.read(4).startswith(b"PK"):
                raise _unprepared(path)
            with zipfile.ZipFile(handle) as archive:
                if not any(name.endswith(".npy") for name in archive.namelist()):
                    raise _unprepared(path)
                dataset = _from_archive(archive, path, hog=hog)
    except (FercliError, MemoryError):
        raise
    except Exception as error:  # for broken bytes, zipfile, zlib, numpy, its tokenizer and json raise a dozen kinds
        raise IntegrityError(
            f"{path} is not a data set that fercli prepared, or it has been changed since ({error}); prepare it again."
        ) from error
    empty = [name for name in splits if not len(dataset.split(name))]
    if empty:
        filled = [name for name in SPLITS if len(dataset.split(name))]
        raise UsageError(
            f"{path} has no {' and no '.join(empty)} images, only {listed(filled)}; name another, or prepare one with all "
            "splits (fercli prepare --split 80/10/10)."
        )
    return dataset


def _missing(path: Path) -> UsageError:
    kind = kind_of(path)
    if kind is Kind.FOLDER:
        return UsageError(
            f"{path} is a folder, not a data set; if it holds images of faces, prepare it first: fercli prepare {path}"
        )
    if kind is not Kind.MISSING:
        return UsageError(f"{path} cannot be read as a file; name a data set that fercli prepare wrote.")
    beside = nearest(path.name, [other.name for other in path.parent.glob("*.npz")])
    return UsageError(f"{path} does not exist{f'.{beside}' if beside else f'; make it with: fercli prepare fer2013.csv -o {path}'}")


def _unprepared(path: Path) -> IntegrityError:
    return IntegrityError(
        f"{path} is not a data set that fercli prepared; if it is FER2013's CSV, or holds faces of your own, prepare it first: "
        f"fercli prepare {path}"
    )


def _from_archive(archive: zipfile.ZipFile, path: Path, *, hog: bool) -> Dataset:
    meta = _read_meta(archive)
    digests = meta["sha256"]
    if hog and "train_hog" not in digests:
        raise UsageError(f"{path} holds no HOG features; prepare it again with --hog, or choose a model without HOG.")

    def read(key: str, dtype: type, shape: tuple[int | None, ...]) -> NDArray[Any]:
        array = _read_array(archive, key, dtype, shape)
        if not key.endswith(_IDENTITY) and _sha256(array) != digests[key]:
            raise ValueError(f"the digest of {key} differs")
        return array

    splits = {name: _read_split(read, name, hog=hog, votes=f"{name}_votes" in digests) for name in SPLITS}
    if not any(len(split) for split in splits.values()):
        raise ValueError("it has no images")
    mean = read("mean", np.float32, (SIDE, SIDE))
    if not (np.isfinite(mean).all() and mean.min() >= 0 and mean.max() <= 255):
        raise ValueError("mean is not between 0 and 255")
    dataset = Dataset(**splits, mean=mean, meta=meta)
    names = meta.get("names")
    if names and not all((split.rows >= 0).all() and (split.rows < len(names)).all() for split in splits.values()):
        raise ValueError("not every image has one of the names")
    if dataset.digest() != meta["digest"]:
        raise ValueError("the digest of pixels, labels and rows differs")
    return dataset


def _read_meta(archive: zipfile.ZipFile) -> dict[str, Any]:
    text = _read_array(archive, "meta", np.str_, ())
    meta: dict[str, Any] = json.loads(str(text))
    names = meta.get("names") or []
    if not isinstance(meta["sha256"], dict) or not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("meta has no digests, or names that are not texts")
    return meta


def _read_array(archive: zipfile.ZipFile, key: str, dtype: type, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """Return an array once its header says that it is of this type and shape, where None is any length.

    numpy.load would guess at other formats and, when it fails, recommend pickle; and it would read whatever the header says.
    """
    info = archive.getinfo(f"{key}.npy")
    if info.compress_type != zipfile.ZIP_STORED or (key == "meta" and info.file_size > META_LIMIT):
        raise ValueError(f"{key} is compressed or too large, unlike what fercli writes")
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        found, _, kind = reader(member)
    fits = len(found) == len(shape) and all(want in (None, got) for want, got in zip(shape, found, strict=True))
    if not fits or (kind.type is not np.str_ if dtype is np.str_ else kind != dtype):
        raise ValueError(f"{key} is {kind} {found}, not {np.dtype(dtype)} {shape}")
    if math.prod(found) * kind.itemsize > info.file_size:
        raise ValueError(f"{key} is shorter than its header says")
    with archive.open(info) as member:
        array: NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
    return array


def _sha256(*arrays: NDArray[Any]) -> str:
    total = hashlib.sha256()
    for array in arrays:
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


def _read_split(read: Callable[[str, type, tuple[int | None, ...]], NDArray[Any]], name: str, *, hog: bool, votes: bool) -> Split:
    labels = read(f"{name}_labels", np.uint8, (None,))
    count = len(labels)
    if labels.max(initial=0) >= len(LABELS):
        raise ValueError(f"{name}_labels holds a number over {len(LABELS) - 1}")
    features = read(f"{name}_hog", np.float32, (count, HOG_LENGTH)) if hog else None
    if features is not None and not np.isfinite(features).all():
        raise ValueError(f"{name}_hog holds values that are not finite")
    return Split(
        pixels=read(f"{name}_pixels", np.uint8, (count, SIDE, SIDE)),
        labels=labels,
        rows=read(f"{name}_rows", np.int64, (count,)),
        leaked=read(f"{name}_leaked", np.bool_, (count,)),
        hog=features,
        votes=read(f"{name}_votes", np.uint8, (count, len(VOTES))) if votes else None,
    )
