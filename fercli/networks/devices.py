"""What Keras computes on: the one place that speaks to a backend by name."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras


def device_names() -> list[str]:
    """Return what to compute on, such as `gpu:0`: all visible graphics processors or, without any, the processor."""
    if keras.backend.backend() == "torch":  # has no keras.distribution (keras 3.15)
        gpus = [f"gpu:{number}" for number in range(sys.modules["torch"].cuda.device_count())]
        return gpus or ["cpu:0"]
    names: list[str] = keras.distribution.list_devices()
    return [name for name in names if not name.startswith("cpu")] or names


def described() -> str:
    """Return what Keras computes on for people, such as `cpu, 2 cores` or `gpu:0, gpu:1`."""
    names = device_names()
    return f"cpu, {os.cpu_count()} cores" if names[0].startswith("cpu") else ", ".join(names)


class Devices:
    """All of `device_names`: a network built and trained `together` has each batch shared among them, gradients summed.

    With TensorFlow and JAX; PyTorch trains on the first device alone.
    """

    def __init__(self) -> None:
        names = device_names()
        self._strategy: Any = None
        if len(names) > 1 and keras.backend.backend() == "tensorflow":
            import tensorflow

            self._strategy = tensorflow.distribute.MirroredStrategy(names)
        elif len(names) > 1 and keras.backend.backend() == "jax":
            self._strategy = keras.distribution.DataParallel(devices=names)

    def together(self) -> AbstractContextManager[Any]:
        """Return the block to build and train in."""
        return self._strategy.scope() if self._strategy else nullcontext()

    def normalise_together(self, network: keras.Model) -> None:
        """Let batches be normalised whole rather than each device's share alone, as JAX does by itself."""
        if self._strategy and keras.backend.backend() == "tensorflow":
            for layer in network.layers:
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.synchronized = True
