"""What Keras computes on, and how several devices share a batch."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras


def device_names() -> list[str]:
    """Return what there is to compute on, such as `gpu:0`: all visible graphics processors or, without any, the processor."""
    if keras.backend.backend() == "torch":  # has no keras.distribution (keras 3.15)
        gpus = [f"gpu:{number}" for number in range(sys.modules["torch"].cuda.device_count())]
        return gpus or ["cpu:0"]
    names: list[str] = keras.distribution.list_devices()
    return [name for name in names if not name.startswith("cpu")] or names


class Devices:
    """Some of `device_names`: a network built and trained `together` has each batch shared among them, gradients summed.

    As many of them as divide `batch_size`, for backends share a batch only evenly: what is given to them must be so many images,
    or a multiple of `number`. With TensorFlow and JAX; PyTorch trains on the first device alone.
    """

    def __init__(self, batch_size: int) -> None:
        backend, names = keras.backend.backend(), device_names()
        most = 1 if backend == "torch" else len(names)
        self.number = next(number for number in range(most, 0, -1) if batch_size % number == 0)
        self.names = names[: self.number]
        self._strategy: Any = None
        if self.number > 1 and backend == "tensorflow":
            import tensorflow

            self._strategy = tensorflow.distribute.MirroredStrategy(self.names)
        elif self.number > 1 and backend == "jax":
            self._strategy = keras.distribution.DataParallel(devices=self.names)

    @property
    def description(self) -> str:
        """What computes, for people, such as `cpu, 2 cores` or `gpu:0, gpu:1`."""
        return f"cpu, {os.cpu_count()} cores" if self.names[0].startswith("cpu") else ", ".join(self.names)

    def together(self) -> AbstractContextManager[Any]:
        """Return the block to build and train in."""
        return self._strategy.scope() if self._strategy else nullcontext()

    def normalise_together(self, network: keras.Model) -> None:
        """Let batches be normalised whole rather than each device's share alone, as JAX does by itself."""
        if self._strategy and keras.backend.backend() == "tensorflow":
            for layer in network.layers:
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.synchronized = True
