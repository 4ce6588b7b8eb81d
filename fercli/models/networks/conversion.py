"""Finished weights of older versions, which wrote them as safetensors: bare tensors, which need Keras to become a graph."""

from dataclasses import replace
from pathlib import Path

from fercli.errors import UsageError
from fercli.files import shown_name
from fercli.models.checkpoints import assign, read_checkpoint, weights_of
from fercli.models.networks import build
from fercli.models.networks.graphs import graph_of
from fercli.models.registry import find_model
from fercli.models.weights import Weights, sealed, unsealed


def converted(path: Path, sha256: str | None = None) -> Weights:
    """Return what `read_weights` would for the same weights as ONNX, but with the SHA-256 of this file.

    Raises UsageError for a run's checkpoint, other errors as there.
    """
    checkpoint = read_checkpoint(path, sha256)
    if "history" in checkpoint.metadata:
        raise UsageError(f"{path} is what a run resumes from; for its weights, give its folder: {shown_name(path.parent)}")
    network = build(find_model(str(checkpoint.metadata.get("model"))).as_trained(checkpoint.metadata))
    assign(weights_of(network), checkpoint.tensors, path)
    graph = graph_of(network, checkpoint.metadata.get("temperature", 1.0))
    return replace(unsealed(sealed(graph, checkpoint.metadata), path), sha256=checkpoint.sha256)
