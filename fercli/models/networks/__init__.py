"""Networks in Keras, backend-neutral: `build` turns a registry entry into a model. Importing this imports Keras.

TensorFlow is the default; set KERAS_BACKEND to `jax` or `torch`, with that package installed, for another.
"""

import os
import sys
from collections.abc import Callable

import keras

from fercli.models.networks.graphs import refuse_unknown
from fercli.models.networks.paper import paper_network
from fercli.models.networks.residual import residual_network
from fercli.models.registry import Model, PaperNetwork, ResidualNetwork

# TensorFlow would take all memory of a graphics processor, also from other processes, such as workers of one machine.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

BUILDERS: dict[type, Callable[..., keras.Model]] = {PaperNetwork: paper_network, ResidualNetwork: residual_network}


def build(model: Model, *, l2: float = 0.0, precision: str = "float32") -> keras.Model:
    """Return the registry entry's network, untrained.

    Inputs: `pixels` (N,48,48) uint8 and, if the entry uses it, `hog` (N,800) float32. Outputs: probabilities (N,7) float32,
    behind a layer called `logits`. `l2` regularises all kernels; `precision` is a Keras dtype policy, `float32` or
    `mixed_bfloat16`, that does not change which weights there are. The layer `mean` holds the image to subtract; load or set it.
    Raises FercliError for a layer that `graph_of` could not write.
    """
    network = BUILDERS[type(model.network)](model.network, model, l2=l2, precision=precision)
    for layer in network.layers:
        refuse_unknown(layer)
    return network


def backend_name() -> str:
    """Return Keras's backend with its version, such as `tensorflow 2.21.0`."""
    backend = keras.backend.backend()
    return f"{backend} {sys.modules[backend].__version__}"
