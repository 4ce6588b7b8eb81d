"""Ways to run the same weights on a CPU: images a second, and how far their probabilities are from Keras's own.

python tests/bench/inference.py [--model deep]
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fercli.models.checkpoints import assign, read_checkpoint, weights_of
from fercli.models.inference import BATCH, Labeller, shipped_weights
from fercli.models.networks import build

Way = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def ways(name: str) -> dict[str, Way]:
    labeller = Labeller(shipped_weights(name))
    network: Any = labeller._network
    traced = tf.function(lambda pixels: network(pixels, training=False), input_signature=[tf.TensorSpec((None, 48, 48), tf.uint8)])
    fixed = tf.function(lambda pixels: network(pixels, training=False), input_signature=[tf.TensorSpec((BATCH, 48, 48), tf.uint8)])
    half = build(labeller.model, precision="mixed_bfloat16")
    assign(weights_of(half), read_checkpoint(labeller.weights.path).tensors, labeller.weights.path)
    interpreter = tf.lite.Interpreter(
        model_content=tf.lite.TFLiteConverter.from_concrete_functions([fixed.get_concrete_function()], network).convert(),
        num_threads=os.cpu_count(),
    )
    interpreter.allocate_tensors()
    (entry,), (exit_,) = interpreter.get_input_details(), interpreter.get_output_details()

    def lite(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        interpreter.set_tensor(entry["index"], pixels)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(exit_["index"]))

    return {
        "Keras predict_on_batch": lambda pixels: np.asarray(network.predict_on_batch(pixels)),
        "traced function": lambda pixels: traced(pixels).numpy(),
        "traced, fixed batch": lambda pixels: fixed(pixels).numpy(),
        "bfloat16": lambda pixels: np.asarray(half.predict_on_batch(pixels)),
        "TensorFlow Lite": lite,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="deep")
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, 48, 48), np.uint8)
    reference = None
    for name, way in ways(parser.parse_args().model).items():
        result = way(pixels)
        reference = result if reference is None else reference
        way(pixels)
        started = time.perf_counter()
        for _ in range(10):
            way(pixels)
        speed = 10 * BATCH / (time.perf_counter() - started)
        print(
            f"{name:24} {speed:7.0f} images/s   at most {np.abs(result - reference).max():.1e} from Keras's probabilities",
            flush=True,
        )


if __name__ == "__main__":
    main()
