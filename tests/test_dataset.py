import contextlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fercli.dataset import Dataset, read_dataset, write_dataset
from fercli.errors import IntegrityError, UsageError
from fercli.preparation.prepare import prepare
from tests.conftest import csv_text
from tests.damage import damaged
from tests.promises import Did


@pytest.fixture
def path(dataset: Dataset, tmp_path: Path) -> Path:
    write_dataset(dataset, tmp_path / "d.npz")
    return tmp_path / "d.npz"


def arrays(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as archive:
        return {key: archive[key] for key in archive}


def test_round_trip(dataset: Dataset, path: Path) -> None:
    back = read_dataset(path, hog=True)
    for name in ("train", "validation", "test"):
        for field in ("pixels", "labels", "rows", "leaked", "hog"):
            assert np.array_equal(getattr(back.split(name), field), getattr(dataset.split(name), field))
    assert back.meta == dataset.meta
    assert read_dataset(path).train.hog is None


def test_the_format_is_the_documented_one(path: Path) -> None:
    shown = {key: (value.dtype.str, value.shape[1:]) for key, value in arrays(path).items() if key != "meta"}
    each = {
        "pixels": ("|u1", (48, 48)),
        "labels": ("|u1", ()),
        "rows": ("<i8", ()),
        "leaked": ("|b1", ()),
        "hog": ("<f4", (800,)),
        "votes": ("|u1", (10,)),
    }
    want = {f"{split}_{key}": value for split in ("train", "validation", "test") for key, value in each.items()}
    assert shown == want | {"mean": ("<f4", (48,))}
    assert json.loads(str(arrays(path)["meta"]))["source"] == "small.csv"


def test_its_name_is_what_it_was_prepared_from(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    assert dataset.name == "small.csv"
    assert replace(dataset, meta=dataset.meta | {"source": "my\nfaces"}).name == "my\\nfaces"
    monkeypatch.setattr("fercli.dataset.PUBLISHED", (42, 14, 21))
    assert dataset.name == "FER2013"


def test_missing_file_and_missing_hog(csv_file: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="fercli prepare"):
        read_dataset(tmp_path / "no.npz")
    write_dataset(prepare(csv_file, hog=False).dataset, tmp_path / "x.npz")
    with pytest.raises(UsageError, match="prepare it again with --hog"):
        read_dataset(tmp_path / "x.npz", hog=True)


@pytest.mark.parametrize(
    "change",
    [
        {"train_labels": np.full(84, 7, np.uint8)},
        {"train_labels": np.zeros(83, np.uint8)},
        {"train_pixels": np.zeros((84, 48, 48), np.float32)},
        {"train_pixels": np.zeros((84, 48, 47), np.uint8)},
        {"test_pixels": np.zeros((21, 48, 48), np.uint8)},
        {"test_rows": np.zeros(21, np.int32)},
        {"train_hog": np.full((84, 800), np.nan, np.float32)},
        {"mean": np.full((48, 48), 300, np.float32)},
        {"mean": np.full((48, 48), np.nan, np.float32)},
        {"meta": np.array("[]")},
        {"meta": np.array("{")},
        {"validation_leaked": None},
        {"test_leaked": np.ones(21, bool)},
        {"mean": np.zeros((48, 48), np.float32)},
        {"train_hog": np.zeros((84, 800), np.float32)},
        {"train_hog": np.zeros((84, 10), np.float32)},
        {"meta": np.array("{}")},
    ],
)
def test_promise_5_other_keys_types_shapes_ranges_are_refused(path: Path, change: dict[str, Any]) -> None:
    changed = {key: value for key, value in (arrays(path) | change).items() if value is not None}
    np.savez(path, **changed)
    with pytest.raises(IntegrityError, match="prepare it again"):
        read_dataset(path, hog=True)


def test_promise_8_object_arrays_are_refused(path: Path) -> None:
    np.savez(path, **(arrays(path) | {"train_labels": np.array([{}] * 84, object)}))
    with pytest.raises(IntegrityError):
        read_dataset(path)


@pytest.mark.parametrize("key", ["meta", "train_labels", "train_pixels"])
def test_promise_5_compressed_entries_are_refused_unread(path: Path, key: str) -> None:
    """However little is on the disk: a gigabyte of zeros, or of text, is a megabyte."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(path.with_name("bomb.npz"), "w") as new:
        for item in old.infolist():
            packed = zipfile.ZIP_DEFLATED if item.filename == f"{key}.npy" else zipfile.ZIP_STORED
            new.writestr(item.filename, old.read(item), packed)
    with pytest.raises(IntegrityError, match=f"{key} is compressed"):
        read_dataset(path.with_name("bomb.npz"))


@pytest.mark.parametrize("value", [np.array("x" * 4096), np.zeros(9, "U999"), np.array(b"{}"), np.zeros((), "V9999")])
def test_promise_5_what_is_described_as_huge_or_otherwise_is_refused_unread(
    path: Path, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fercli.dataset.META_LIMIT", 4096)
    np.savez(path, **(arrays(path) | {"meta": value}))
    with pytest.raises(IntegrityError, match=r"meta is|shorter"):
        read_dataset(path)


def test_promise_5_an_array_longer_than_its_entry_takes_no_memory(path: Path) -> None:
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000,), }".ljust(117) + b"\n"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(path.with_name("long.npz"), "w") as new:
        for item in old.infolist():
            data = b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header
            new.writestr(item.filename, data if item.filename == "train_labels.npy" else old.read(item))
    with pytest.raises(IntegrityError, match="train_labels is shorter than its header says"):
        read_dataset(path.with_name("long.npz"))


@pytest.mark.parametrize("names", ["abc", [1, 2], {"0": "a"}, ["only one"]])
def test_promise_5_names_that_are_none_are_refused(path: Path, names: object) -> None:
    meta = json.loads(str(arrays(path)["meta"])) | {"names": names}
    np.savez(path, **(arrays(path) | {"meta": np.array(json.dumps(meta))}))
    with pytest.raises(IntegrityError, match="names"):
        read_dataset(path)


def test_promise_5_flipped_bytes_are_noticed(tmp_path: Path, did: Did) -> None:
    source = tmp_path / "x.csv"
    source.write_text(csv_text(train=7, validation=7, test=7))
    path = tmp_path / "d.npz"
    write_dataset(prepare(source, hog=False).dataset, path)
    dataset_digest = read_dataset(path).digest()
    whole = path.read_bytes()
    generator = np.random.default_rng(0)
    loaded = 0
    for position in [*generator.integers(0, len(whole), 100), *range(len(whole) - 1500, len(whole), 7), *range(0, 200, 3)]:
        broken = bytearray(whole)
        broken[position] ^= 1 << generator.integers(8)
        path.write_bytes(broken)
        did(1, "bits flipped")
        try:
            assert read_dataset(path).digest() == dataset_digest
            loaded += 1  # a bit that nobody reads, such as a date in the archive
        except IntegrityError:
            pass
    assert loaded < 120


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    (folder / "x.csv").write_text(csv_text(train=7, validation=7, test=7))
    write_dataset(prepare(folder / "x.csv", hog=False).dataset, folder / "d.npz")
    return folder / "d.npz"


@settings(max_examples=300)
@given(data=st.data())
def test_promise_5_whatever_is_damaged_is_refused_or_makes_no_difference(small: Path, data: st.DataObject, did: Did) -> None:
    did(1, "damaged files")
    other = small.with_name("damaged.npz")
    other.write_bytes(data.draw(damaged(small.read_bytes())))
    with contextlib.suppress(IntegrityError):
        assert read_dataset(other).digest() == read_dataset(small).digest()


@pytest.mark.parametrize("content", [b"", b"no npz", b"PK\x03\x04"])
def test_promise_5_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(IntegrityError):
        read_dataset(tmp_path / "x.npz")


def test_a_source_in_place_of_a_data_set_is_to_be_prepared_first(csv_file: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.write(csv_file, "fer2013.csv")
    for path in (csv_file, tmp_path / "x.zip"):
        with pytest.raises(IntegrityError, match=f"prepare it first: fercli prepare {path}"):
            read_dataset(path)
    with pytest.raises(UsageError, match=f"is a folder.*prepare it first: fercli prepare {tmp_path}"):
        read_dataset(tmp_path)


def test_a_missing_data_set_may_be_a_misspelt_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="make it with: fercli prepare"):
        read_dataset(tmp_path / "fer2013.npx")
    (tmp_path / "fer2013.npz").touch()
    with pytest.raises(UsageError, match=r"Did you mean 'fer2013\.npz'"):
        read_dataset(tmp_path / "fer2013.npx")


def test_promise_10_a_lack_of_memory_is_not_laid_to_the_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.npz").write_bytes(b"PK")

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("fercli.dataset.zipfile.ZipFile", fail)
    with pytest.raises(MemoryError):
        read_dataset(tmp_path / "x.npz")
