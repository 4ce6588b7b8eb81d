"""Networks in Keras, backend-neutral: `build` turns a registry entry into a model. Importing this imports Keras.

TensorFlow is the default; set KERAS_BACKEND to `jax` or `torch`, with that package installed, for another.
"""

import os
import re
import sys

import keras

from fercli.errors import FercliError
from fercli.models.architectures import Style
from fercli.models.architectures.layers import MeanSubtraction, ToneEqualization, ToneStandardization
from fercli.models.networks.graphs import graph_of
from fercli.models.registry import HOG_LENGTH, Model

# TensorFlow would take all memory of a graphics processor, leaving none to other processes, such as workers on the same machine.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")


def build(model: Model, *, l2: float = 0.0, precision: str = "float32") -> keras.Model:
    """Return the registry entry's network, untrained.

    Inputs: `pixels` (N,48,48) uint8 and, if the entry uses it, `hog` (N,800) float32. Output: probabilities (N,7) float32, after a
    layer called `logits`. `l2` regularises all kernels; `precision` is a Keras dtype policy, `float32` or `mixed_bfloat16`, which
    does not change the weights that the network has. The layer `mean` holds the image to subtract, zero until it is set or loaded.
    Raises FercliError if the features are not vectors, if `graph_of` could not write a layer, or if a layer has weights but no
    name of its own.
    """
    network, style = model.network, Style(l2, precision)
    pixels = keras.Input((model.input_size, model.input_size), dtype="uint8", name="pixels")
    hog = keras.Input((HOG_LENGTH,), dtype="float32", name="hog") if model.uses_hog else None
    tones = ToneStandardization(name="tones")(pixels) if network.standardize else pixels
    tones = ToneEqualization(network.equalize, name="even_tones")(tones) if network.equalize else tones
    features = network.features(MeanSubtraction(name="mean", **style.plain)(tones), hog, style)
    if len(getattr(features, "shape", ())) != 2:
        raise FercliError(f"The features of {model.name} are no vectors; let its network end in a layer such as Flatten.")
    exact = {"kernel_initializer": network.initializer} | style.kernel | {"dtype": "float32"}
    logits = keras.layers.Dense(len(model.labels), name="logits", **exact)(features)
    built = keras.Model(
        [pixels] if hog is None else [pixels, hog],
        keras.layers.Softmax(name="probabilities", dtype="float32")(logits),
        name=model.name.replace("-", "_"),
    )
    for layer in built.layers:
        _refuse_nameless(layer)
    graph_of(built)  # refuses now what it could not write after the first epoch
    return built


def _refuse_nameless(layer: keras.layers.Layer) -> None:
    # Keras numbers names such as `conv2d_1` throughout a process, so another process would not find the weights again.
    if layer.weights and re.sub(r"_\d+$", "", layer.name).replace("_", "") == type(layer).__name__.lower():
        raise FercliError(f"The layer {layer.name} has weights and no name of its own, by which they are stored; give it a name=.")


def backend_name() -> str:
    """Return Keras's backend with its version, such as `tensorflow 2.21.0`."""
    backend = keras.backend.backend()
    return f"{backend} {sys.modules[backend].__version__}"
