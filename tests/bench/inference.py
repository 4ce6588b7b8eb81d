"""The shipped weights on ONNX Runtime and in Keras on this machine: images a second, and how far their probabilities are apart.

python tests/bench/inference.py [--model deep]
"""

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from numpy.typing import NDArray

from fercli.models.calibration import tempered
from fercli.models.checkpoints import assign, weights_of
from fercli.models.hog import hog_features
from fercli.models.inference import BATCH, Labeller, shipped_weights
from fercli.models.networks import build
from fercli.models.weights import read_weights

ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="compact")
    labeller = Labeller(shipped_weights(parser.parse_args().model))
    network = build(labeller.model)
    assign(weights_of(network), read_weights(labeller.weights.path).tensors, labeller.weights.path)
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, 48, 48), np.uint8)

    def by_keras() -> NDArray[np.float32]:
        hog = [hog_features(pixels)] if labeller.model.uses_hog else []
        return tempered(network.predict_on_batch([pixels, *hog]), labeller.temperature)

    ways: dict[str, Callable[[], NDArray[np.float32]]] = {
        "Keras": by_keras,
        "ONNX Runtime": lambda: labeller.label(pixels),
    }
    results = [way() for way in ways.values()]
    seconds = dict.fromkeys(ways, 0.0)
    for _ in range(ROUNDS):  # in turn, so that a busy moment hits both alike
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            seconds[name] += time.perf_counter() - started
    for name, spent in seconds.items():
        print(f"{name:14} {ROUNDS * BATCH / spent:7.0f} images/s")
    print(f"at most {np.abs(results[0] - results[1]).max():.1e} apart")


if __name__ == "__main__":
    main()
