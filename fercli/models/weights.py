"""Finished weights: one ONNX file a model, with its graph, its tensors under their Keras names, and metadata on its training.

The last entry of a file's metadata is the SHA-256 of everything before it, which is checked before anything is parsed.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.errors import IntegrityError
from fercli.files import identity_of, refuse_all_but_files
from fercli.models.graphs import Graph, Tensors, decoded, encoded, is_ours, property_field
from fercli.models.operators import Work, checked
from fercli.writing import write_atomically

SCALE = ":scale"  # after the name of a kernel stored as int8: the factors of its columns
TEMPERATURE = "temperature"
_MOST_BYTES = 1 << 28
_KEY, _DIGEST = "fercli", "sha256"
_SEAL_LENGTH = len(property_field(_DIGEST, "0" * 64))


@dataclass(frozen=True)
class Weights:
    """A file's bytes, ready to run; its graph and the work that takes; its metadata, as JSON values; and its SHA-256."""

    data: bytes
    graph: Graph
    work: Work
    metadata: dict[str, Any]
    sha256: str

    @property
    def parameters(self) -> int:
        """How many numbers come from training, or from the training set, such as the mean image."""
        return sum(tensor.size for tensor in self._stored().values())

    @property
    def tensors(self) -> Tensors:
        """The weights by their Keras names; those stored as int8 are in float32."""
        scale = self.graph.tensors
        return {
            name: tensor * scale[name + SCALE] if tensor.dtype == np.int8 else tensor for name, tensor in self._stored().items()
        }

    def _stored(self) -> Tensors:
        return {name: tensor for name, tensor in self.graph.tensors.items() if "/" in name and not name.endswith(SCALE)}


def rounded(tensor: NDArray[Any]) -> NDArray[Any]:
    """Return a weight as float16, or as it is if a value is beyond that range, such as the variance of an unusual activation."""
    fits = np.abs(tensor).max(initial=0.0) <= np.finfo(np.float16).max
    return tensor.astype(np.float16) if fits else tensor


def sealed(graph: Graph, metadata: dict[str, Any]) -> bytes:
    """Return the bytes of a file with a graph, its metadata and their digest."""
    body = encoded(graph, {_KEY: json.dumps(metadata, sort_keys=True)})
    return body + _seal(body)


def _seal(body: bytes | memoryview) -> bytes:
    return property_field(_DIGEST, hashlib.sha256(body).hexdigest())


def write_weights(graph: Graph, metadata: dict[str, Any], path: Path) -> None:
    """Write weights atomically; errors as from `write_atomically`."""
    write_atomically(path, sealed(graph, metadata))


def read_weights(path: Path, sha256: str | None = None) -> Weights:
    """Read and check a file that `write_weights` wrote, its SHA-256 first if one is given.

    Raises UsageError if the file is missing, IntegrityError if it is damaged, does not fit together, or is not one of ours.
    """
    refuse_all_but_files(path, "give the folder of a run, or a .onnx file, that fercli train wrote")
    identity = identity_of(path)
    if identity and identity.size > _MOST_BYTES:
        raise IntegrityError(f"{path} is larger than any weights that fercli train writes; give another.")
    return unsealed(path.read_bytes(), path, sha256)


def unsealed(data: bytes, path: Path, sha256: str | None = None) -> Weights:
    """Return the weights in the bytes of the file `path`, as `read_weights` does."""
    digest = hashlib.sha256(data).hexdigest()
    if sha256 not in (None, digest):
        raise IntegrityError(f"{path} is not the file that was shipped (its SHA-256 differs); install fercli again.")
    if not is_ours(data):
        raise IntegrityError(
            f"{path} is not a fercli model, and other ONNX files cannot be used; give a run, or a file that fercli train wrote."
        )
    if data[-_SEAL_LENGTH:] != _seal(memoryview(data)[:-_SEAL_LENGTH]):
        raise IntegrityError(f"{path} is not as fercli train wrote it (its digest differs); give another, or train again.")
    try:
        graph, properties = decoded(data)
        metadata = json.loads(properties[_KEY])
        if not isinstance(metadata, dict):
            raise ValueError("its metadata is not a JSON object")
        work = checked(graph)
    except (ValueError, KeyError, RecursionError) as error:
        raise IntegrityError(
            f"{path} is not a weights file that fercli train wrote, or it is broken ({error}); give another, or train again."
        ) from error
    return Weights(data, graph, work, metadata, digest)
