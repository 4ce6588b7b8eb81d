"""What Keras computes on, and how several devices share a batch."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import keras

_PROCESSOR = Path("/proc/cpuinfo")
_BFLOAT16 = {"avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16"}  # what Linux calls them, the last one on Arm


def device_names() -> list[str]:
    """Return the devices to compute on, such as `gpu:0`: all visible GPUs or, if there is none, the CPU."""
    if keras.backend.backend() == "torch":  # has no keras.distribution (keras 3.15)
        gpus = [f"gpu:{number}" for number in range(sys.modules["torch"].cuda.device_count())]
        return gpus or ["cpu:0"]
    names: list[str] = keras.distribution.list_devices()
    return [name for name in names if not name.startswith("cpu")] or names


class Devices:
    """Some of `device_names`: a network built and trained inside `together()` has each batch divided among them.

    Backends divide a batch only evenly, so these are as many devices as divide `batch_size`; their `number` must divide any other
    batch, too. With TensorFlow and JAX; PyTorch trains on the first device alone.
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
        """The devices, for people, such as `cpu, 2 cores` or `gpu:0, gpu:1`."""
        return f"cpu, {os.cpu_count()} cores" if self.names[0].startswith("cpu") else ", ".join(self.names)

    @property
    def emulates_bfloat16(self) -> bool:
        """Whether this is a processor without instructions for bfloat16; False where Linux does not tell.

        A step of `compact` took 2.8 s with bfloat16 and 0.87 s with float32 on such a processor (Intel Xeon, two cores).
        """
        try:
            told = _PROCESSOR.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        features = [line for line in told.splitlines() if line.startswith(("flags", "Features"))]
        return self.names[0].startswith("cpu") and bool(features) and _BFLOAT16.isdisjoint(features[0].split())

    def together(self) -> AbstractContextManager[Any]:
        """Return the context to build and train in."""
        return self._strategy.scope() if self._strategy else nullcontext()

    def normalise_together(self, network: keras.Model) -> None:
        """Make batch normalisation use the whole batch rather than each device's part of it; JAX does so by itself."""
        if self._strategy and keras.backend.backend() == "tensorflow":
            for layer in network.layers:
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.synchronized = True
