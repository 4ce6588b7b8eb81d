import hashlib
import os
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fercli.errors import IntegrityError, UsageError
from fercli.models.graphs import encoded, property_field
from fercli.models.sessions import open_session
from fercli.models.weights import read_weights, rounded, sealed, write_weights
from tests.damage import cut, damaged, flipped, refused
from tests.graphs import small_graph
from tests.promises import Did

METADATA = {"model": "deep", "epoch": 3}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_weights(small_graph(), METADATA, tmp_path / "x.onnx")
    return tmp_path / "x.onnx"


def with_seal(body: bytes) -> bytes:
    """What anybody can do: seal another content."""
    return body + property_field("sha256", hashlib.sha256(body).hexdigest())


def test_round_trip(path: Path) -> None:
    back = read_weights(path)
    assert back.metadata == METADATA
    assert back.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert list(back.tensors) == ["mean/mean", "first/kernel", "last/kernel"]
    assert np.allclose(back.tensors["last/kernel"], [[1.27, -0.06, 0.03], [0.05, 2.54, -3.81]])
    assert back.parameters == 4 + 2 + 6


@pytest.mark.parametrize("content", [b"", b"a text", b"\x08\x07\x12\x07pytorch\x3a\x00"])
def test_a_file_of_others_is_told_from_one_that_is_damaged(path: Path, content: bytes) -> None:
    path.with_name("damaged.onnx").write_bytes(path.read_bytes()[:-100])
    with pytest.raises(IntegrityError, match="its digest differs"):
        read_weights(path.with_name("damaged.onnx"))
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match="is not a fercli model, and other ONNX files cannot be used"):
        read_weights(path)


def test_promise_22_the_same_bytes_every_time(path: Path) -> None:
    first = path.read_bytes()
    write_weights(small_graph(), dict(reversed(METADATA.items())), path)
    assert path.read_bytes() == first
    back = read_weights(path)
    assert sealed(back.graph, back.metadata) == first


def test_promise_7_a_flipped_bit_of_shipped_weights_never_loads(path: Path, did: Did) -> None:
    whole = path.read_bytes()
    sha256 = hashlib.sha256(whole).hexdigest()
    read_weights(path, sha256)
    bits = random.Random(1).sample(range(8 * len(whole)), 200)
    did(refused(lambda path: read_weights(path, sha256), path, flipped(whole, bits), "SHA-256"), "bits flipped")


def test_promise_7_a_flipped_bit_of_own_weights_never_loads(path: Path, did: Did) -> None:
    """Without a digest from elsewhere, wherever the bit is."""
    whole = path.read_bytes()
    did(refused(read_weights, path, flipped(whole, range(8 * len(whole)))), "bits flipped")


def test_promise_7_a_cut_file_never_loads(path: Path, did: Did) -> None:
    did(refused(read_weights, path, cut(path.read_bytes())), "cuts")


@given(data=st.data())
def test_promise_7_damage_that_somebody_sealed_is_refused_or_runs(tmp_path: Path, data: st.DataObject, did: Did) -> None:
    other = tmp_path / "damaged.onnx"
    other.write_bytes(with_seal(data.draw(damaged(encoded(small_graph(), {"fercli": "{}"})))))
    did(1, "damaged files")
    try:
        back = read_weights(other)
        session = open_session(back.data)
    except (IntegrityError, ValueError):
        return
    inputs = {name: np.ones((1, *value.shape), value.dtype) for name, value in back.graph.inputs.items()}
    result = session.run(None, inputs)[0]
    assert [result.shape[1:]] == [value.shape for value in back.graph.outputs.values()]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_promise_7_values_that_are_not_finite_never_load(path: Path, value: float) -> None:
    graph = small_graph()
    write_weights(replace(graph, tensors=graph.tensors | {"mean/mean": np.full((2, 2), value, np.float16)}), {}, path)
    with pytest.raises(IntegrityError, match="mean/mean holds values that are not finite"):
        read_weights(path)


@pytest.mark.parametrize(
    "metadata",
    [{}, {"other": "{}"}, {"fercli": "{"}, {"fercli": "[]"}, {"fercli": "null"}, {"fercli": "[" * 100_000}],
)  # fmt: skip
def test_promise_8_other_metadata_is_refused(path: Path, metadata: dict[str, str]) -> None:
    path.write_bytes(with_seal(encoded(small_graph(), metadata)))
    with pytest.raises(IntegrityError, match="give another, or train again"):
        read_weights(path)


def test_promise_7_a_file_larger_than_any_weights_is_not_even_read(tmp_path: Path) -> None:
    with (tmp_path / "x.onnx").open("wb") as handle:
        os.truncate(handle.fileno(), 1 << 40)  # takes no room on the disk
    with pytest.raises(IntegrityError, match="larger than any weights"):
        read_weights(tmp_path / "x.onnx")


def test_missing_file(tmp_path: Path) -> None:
    for path, fault in ((tmp_path / "no.onnx", "does not exist"), (tmp_path, "is a folder")):
        with pytest.raises(UsageError, match=fault):
            read_weights(path)


def test_what_float16_cannot_hold_is_not_rounded() -> None:
    assert rounded(np.array([1.0, 65504.0], np.float32)).dtype == np.float16
    assert rounded(np.array([1.0, 65505.0], np.float32)).dtype == np.float32
    assert rounded(np.zeros((0,), np.float32)).dtype == np.float16
