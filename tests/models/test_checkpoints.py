import hashlib
import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from fercli.errors import IntegrityError, UsageError
from fercli.models.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from fercli.models.graphs import Tensors
from tests.damage import cut, damaged, flipped, refused
from tests.promises import Did

TENSORS: Tensors = {
    "a/kernel": np.arange(6, dtype=np.float16).reshape(2, 3),
    "a/bias": np.ones(3, np.float32),
    "n": np.array(7, np.int64),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_checkpoint(Checkpoint(TENSORS, {"model": "deep", "epoch": 3}), tmp_path / "x.safetensors")
    return tmp_path / "x.safetensors"


def test_round_trip(path: Path) -> None:
    back = read_checkpoint(path)
    assert back.metadata == {"model": "deep", "epoch": 3}
    assert back.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert back.tensors[name].dtype == tensor.dtype
        assert np.array_equal(back.tensors[name], tensor)


def test_promise_22_the_same_bytes_every_time(path: Path) -> None:
    first = path.read_bytes()
    for _ in range(5):
        write_checkpoint(Checkpoint(dict(reversed(list(TENSORS.items()))), {"epoch": 3, "model": "deep"}), path)
        assert path.read_bytes() == first


def test_promise_7_a_flipped_bit_of_shipped_weights_never_loads(path: Path, did: Did) -> None:
    whole = path.read_bytes()
    sha256 = hashlib.sha256(whole).hexdigest()
    read_checkpoint(path, sha256)
    bits = random.Random(1).sample(range(8 * len(whole)), 200)
    did(refused(lambda path: read_checkpoint(path, sha256), path, flipped(whole, bits), "SHA-256"), "bits flipped")


def test_promise_7_a_flipped_bit_of_own_weights_never_loads(path: Path, did: Did) -> None:
    """Without a digest from elsewhere, wherever the bit is."""
    whole = path.read_bytes()
    did(refused(read_checkpoint, path, flipped(whole, range(8 * len(whole)))), "bits flipped")


@given(data=st.data())
def test_promise_7_whatever_loads_is_what_was_written(path: Path, tmp_path: Path, data: st.DataObject, did: Did) -> None:
    other = tmp_path / "damaged.safetensors"
    other.write_bytes(data.draw(damaged(path.read_bytes())))
    did(1, "damaged files")
    try:
        back = read_checkpoint(other)
    except IntegrityError:
        return
    assert back.metadata == read_checkpoint(path).metadata
    assert all(np.array_equal(back.tensors[name], tensor) for name, tensor in TENSORS.items())


def test_promise_7_a_cut_file_never_loads(path: Path, did: Did) -> None:
    did(refused(read_checkpoint, path, cut(path.read_bytes())), "cuts")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_promise_7_values_that_are_not_finite_never_load(path: Path, value: float) -> None:
    write_checkpoint(Checkpoint({"a/kernel": np.array([1, value], np.float16)}, {}), path)
    with pytest.raises(IntegrityError, match="a/kernel"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",  # a pickle
        b"\x89HDF\r\n\x1a\n" + bytes(100),
        save(TENSORS),
        save(TENSORS, {"other": "{}"}),
        save(TENSORS, {"fercli": "{"}),
        save(TENSORS, {"fercli": "[]"}),
        save(TENSORS, {"fercli": "null"}),
        save(TENSORS, {"fercli": "[" * 100_000}),
    ],
)
def test_promise_8_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(IntegrityError):
        read_checkpoint(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read_checkpoint(tmp_path / "no.safetensors")


def test_the_header_has_one_key_with_json(path: Path) -> None:
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert list(header["__metadata__"]) == ["fercli"]
