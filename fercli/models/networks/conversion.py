"""Finished weights of older versions, which wrote them as safetensors: bare tensors, which need Keras to become a graph."""

from dataclasses import replace
from pathlib import Path

from fercli.models.checkpoints import Checkpoint, assign, weights_of
from fercli.models.networks import build
from fercli.models.networks.graphs import graph_of
from fercli.models.registry import find_model
from fercli.models.weights import Weights, sealed, unsealed


def converted(weights: Checkpoint, path: Path) -> Weights:
    """Return what `read_weights` would if the `weights` in the file `path` were ONNX, but with their SHA-256; errors as there."""
    network = build(find_model(str(weights.metadata.get("model"))).as_trained(weights.metadata))
    assign(weights_of(network), weights.tensors, path)
    graph = graph_of(network, weights.metadata.get("temperature", 1.0))
    return replace(unsealed(sealed(graph, weights.metadata), path), sha256=weights.sha256)
