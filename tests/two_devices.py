"""What `tests/training/test_devices.py` computes on two devices: TensorFlow makes two out of one processor, in a new process."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import tensorflow as tf

from fercli.dataset import read_dataset
from fercli.models.architectures.layers import BatchNormalization
from fercli.models.architectures.residual import ResidualNetwork
from fercli.models.recipes import Recipe
from fercli.models.registry import MODELS
from fercli.training.devices import Devices
from fercli.training.trainer import Trainer

MODEL = replace(MODELS["compact"], network=ResidualNetwork(stem=4, stages=((4, 1),), squeeze=0, head_dropout=0.0))
RECIPE = replace(MODEL.recipe, epochs=3, batch_size=12, precision="float32", learning_rate=0.02)
TOLD = Path("told.json")


def learn() -> None:
    """Train with `even.npz`, stopped and resumed, and with `odd.npz`, and tell of each epoch."""
    _make_two()
    with mock.patch("fercli.training.run.plot_curves", return_value=b"curves"):  # which takes longer than an epoch
        even = _epochs("even", replace(RECIPE, augmentation=None), stops=True)
        _tell({"even": even, "odd": _epochs("odd", replace(RECIPE, epochs=1, average=0.0), stops=False)})


def normalise() -> None:
    """Normalise a batch, half of which is zeros and half tens, and tell of its mean and variance.

    TensorFlow 2.21 takes what two networks sum up in one process for one thing, and refuses other shapes.
    """
    _make_two()
    devices = Devices(4)
    with devices.together():
        network = keras.Sequential([keras.Input((2, 2, 1)), BatchNormalization(momentum=0.0)])
        devices.normalise_together(network)
        network.compile(optimizer=keras.optimizers.SGD(0.0), loss="mse")
        images = tf.concat([tf.zeros((2, 2, 2, 1)), tf.fill((2, 2, 2, 1), 10.0)], 0)
        network.fit(images, tf.zeros((4, 2, 2, 1)), batch_size=4, verbose=0)
    layer = network.layers[-1]
    _tell([float(layer.moving_mean[0]), float(layer.moving_variance[0])])


def _make_two() -> None:
    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)


def _epochs(name: str, recipe: Recipe, *, stops: bool) -> list[Any]:
    lines = []
    for resume in (False, True)[: 1 + stops]:
        trainer = Trainer(MODEL, recipe, read_dataset(Path(f"{name}.npz")), Path(name), resume=resume)
        for epoch in trainer:
            lines.append([epoch.loss, epoch.val_loss, trainer._devices.names, trainer._devices.description, trainer.images])
            if stops and not resume:
                break
    return lines


def _tell(what: object) -> None:
    TOLD.write_text(json.dumps(what))
