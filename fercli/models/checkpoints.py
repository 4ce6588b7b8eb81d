"""Training state, and finished weights of older versions, as safetensors files.

They are read strictly: only what fercli wrote, with exactly the expected names, shapes and types, and finite values.

The format itself does not notice a flipped bit in a value, so each file carries a digest of everything in it. Its header has a
single metadata key, `fercli`, with JSON text: safetensors writes several keys in random order (0.8.0), and the same weights must
give the same bytes.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from fercli.errors import IntegrityError
from fercli.files import refuse_all_but_files
from fercli.models.graphs import Tensors
from fercli.writing import write_atomically

CHECKPOINT = "checkpoint.safetensors"  # of a run
_KEY = "fercli"
_DIGEST = "content_sha256"  # among the metadata


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name and the metadata stored with them, as JSON values; `sha256` is of the file that they were read from."""

    tensors: Tensors
    metadata: dict[str, Any]
    sha256: str = ""

    @property
    def resumable(self) -> bool:
        """Whether it is the state of a run, which may go on; otherwise it holds finished weights."""
        return isinstance(self.metadata.get("history"), list)


def state_of(network: Any, optimizer: Any) -> dict[str, Any]:
    """Return every Keras variable that training changes, by a name that is the same in every process.

    Keras numbers the states of random generators throughout a process; here they are numbered within the network.
    """
    weights = {f"model/{variable.path}": variable for variable in network.weights}
    known = {id(variable) for variable in network.weights}
    generators = [variable for variable in network.variables if id(variable) not in known]
    return (
        weights
        | {f"random/{number}": variable for number, variable in enumerate(generators)}
        | {"optimizer/" + variable.path.split("/", 1)[-1]: variable for variable in optimizer.variables}
    )


def weights_of(network: Any) -> dict[str, Any]:
    """Return a network's weights, Keras variables, by their paths."""
    return {variable.path: variable for variable in network.weights}


def last_weights(checkpoint: Checkpoint) -> Checkpoint:
    """Return the weights that a training state's last epoch left, their averages if it has any; finished weights as they are."""
    if not checkpoint.resumable:
        return checkpoint
    state, model = checkpoint.tensors, "model/"
    weights = {name.removeprefix(model): tensor for name, tensor in state.items() if name.startswith(model)}
    # Keras names a moving average after the path of its variable.
    kept = {name: state.get(f"optimizer/{name.replace('/', '_')}_average", tensor) for name, tensor in weights.items()}
    told = {"epoch": len(checkpoint.metadata["history"]), "file": CHECKPOINT}
    return replace(checkpoint, tensors=kept, metadata=checkpoint.metadata | told)


def tensors_of(variables: dict[str, Any]) -> Tensors:
    """Return the values of Keras variables as arrays."""
    return {name: np.asarray(variable.numpy()) for name, variable in variables.items()}


def assign(variables: dict[str, Any], tensors: Tensors, path: Path) -> None:
    """Set Keras variables from tensors of the file `path`; IntegrityError, naming that, unless names and shapes agree exactly."""
    wrong = sorted(tensors.keys() ^ variables.keys()) + sorted(
        name for name in tensors.keys() & variables.keys() if tensors[name].shape != tuple(variables[name].shape)
    )
    if wrong:
        raise IntegrityError(
            f"{path} does not fit this network: {', '.join(wrong[:3])}{' …' if len(wrong) > 3 else ''} "
            "is missing, extra or of another shape. Name the model that it was trained as."
        )
    for name, variable in variables.items():
        variable.assign(tensors[name].astype(variable.dtype))


def write_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint atomically; errors as from `write_atomically`."""
    metadata = checkpoint.metadata | {_DIGEST: _content_digest(checkpoint.tensors, checkpoint.metadata)}
    write_atomically(path, save(checkpoint.tensors, {_KEY: json.dumps(metadata, sort_keys=True)}))


def _content_digest(tensors: Tensors, metadata: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = np.ascontiguousarray(tensors[name])
        digest.update(f"{name}\0{tensor.dtype.str}{tensor.shape}".encode())
        digest.update(tensor.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def read_checkpoint(path: Path, sha256: str | None = None) -> Checkpoint:
    """Read and check a file that this module wrote, its SHA-256 first if one is given.

    Raises UsageError if the file is missing, IntegrityError if it is damaged, not one of ours, or holds values that are not finite.
    With a `sha256`, which covers the whole file, the digest that the file itself carries is not required.
    """
    refuse_all_but_files(path, "give the folder of a run, or a file, that fercli train wrote")
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if sha256 not in (None, digest):
        raise IntegrityError(f"{path} is not the file that was shipped (its SHA-256 differs); install fercli again.")
    try:
        tensors = load(data)
        metadata = json.loads(_header(data)["__metadata__"][_KEY])
        if not isinstance(metadata, dict):
            raise ValueError("its metadata is not a JSON object")
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise IntegrityError(
            f"{path} is not a weights file that fercli train wrote, or it is broken ({error}); give another, or train again."
        ) from error
    content = metadata.pop(_DIGEST, None)
    if sha256 is None and content != _content_digest(tensors, metadata):
        raise IntegrityError(f"{path} is not as fercli train wrote it (its digest differs); give another, or train again.")
    for name, tensor in tensors.items():
        if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
            raise IntegrityError(f"{path} holds values that are not finite, in {name}; train again.")
    return Checkpoint(tensors, metadata, digest)


def _header(data: bytes) -> Any:
    # https://huggingface.co/docs/safetensors: 8 bytes of length, then JSON. `load` has already checked both.
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
