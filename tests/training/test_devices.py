"""Training on two devices: TensorFlow makes two out of one processor, which only a process of its own can ask for."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fercli.dataset import Dataset, write_dataset
from fercli.preparation.prepare import prepare
from tests.conftest import csv_text, ferplus_text

CODE = """
import json, sys
from dataclasses import replace
from pathlib import Path
import tensorflow as tf
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * int(sys.argv[1]))
from fercli.dataset import read_dataset
from fercli.models.architectures.residual import ResidualNetwork
from fercli.models.registry import MODELS
from fercli.training.trainer import Trainer
network = ResidualNetwork(stem=4, stages=((4, 1), (8, 1)), squeeze=2, head_dropout=0.0)
model = replace(MODELS["compact"], network=network)
recipe = replace(model.recipe, epochs=3, batch_size=12, precision="float32", learning_rate=0.02)
dataset, folder = read_dataset(Path(sys.argv[2])), Path(sys.argv[3])
if len(dataset.originals) % 2 == 0:
    recipe = replace(recipe, augmentation=None)
for stopped in (True, False):
    trainer = Trainer(model, recipe, dataset, folder, resume=not stopped)
    for epoch in trainer:
        print(json.dumps([epoch.loss, epoch.val_loss, trainer._devices.names, trainer._devices.description, trainer.images]))
        if stopped:
            break
"""


def trained(devices: int, dataset: Path, folder: Path) -> list[tuple[float, float, list[str], str, int]]:
    child = subprocess.run(
        [sys.executable, "-c", CODE, *map(str, (devices, dataset, folder))],
        capture_output=True, text=True, check=False, cwd=Path.cwd(),
    )  # fmt: skip
    assert child.returncode == 0, child.stderr
    return [tuple(json.loads(line)) for line in child.stdout.splitlines() if line.startswith("[")]


def test_two_devices_learn_as_one_does(dataset: Dataset, tmp_path: Path) -> None:
    """Within 1 % of the loss, over three epochs, the last two of a resumed run; sums are rounded in another order."""
    write_dataset(dataset, tmp_path / "d.npz")
    one, two = (trained(count, tmp_path / "d.npz", tmp_path / str(count)) for count in (1, 2))
    assert [line[2] for line in two] == [["cpu:0", "cpu:1"]] * 3
    assert two[0][3] == one[0][3]
    assert one[2][0] < one[0][0]
    for column in (0, 1):
        assert np.allclose([line[column] for line in one], [line[column] for line in two], rtol=0.01)


def test_what_two_devices_cannot_share_evenly(tmp_path: Path) -> None:
    """An odd number of images, for training and for validation."""
    (tmp_path / "odd.csv").write_text(csv_text(train=49, validation=15))
    (tmp_path / "votes.csv").write_text(ferplus_text(train=49, validation=15))
    write_dataset(prepare(tmp_path / "odd.csv", ferplus=tmp_path / "votes.csv", hog=False).dataset, tmp_path / "d.npz")
    lines = trained(2, tmp_path / "d.npz", tmp_path / "run")
    assert [(line[2], line[4]) for line in lines] == [(["cpu:0", "cpu:1"], 48)] * 3
    assert np.isfinite([line[:2] for line in lines]).all()


NORMALISE = """
import json
import tensorflow as tf
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
from fercli.training.devices import Devices
from fercli.models.architectures.layers import BatchNormalization
devices = Devices(4)
with devices.together():
    network = keras.Sequential([keras.Input((2, 2, 1)), BatchNormalization(momentum=0.0)])
    devices.normalise_together(network)
    network.compile(optimizer=keras.optimizers.SGD(0.0), loss="mse")
    images = tf.concat([tf.zeros((2, 2, 2, 1)), tf.fill((2, 2, 2, 1), 10.0)], 0)
    network.fit(images, tf.zeros((4, 2, 2, 1)), batch_size=4, verbose=0)
layer = network.layers[-1]
print(json.dumps([float(layer.moving_mean[0]), float(layer.moving_variance[0])]))
"""


def test_a_batch_is_normalised_whole() -> None:
    """One device has the zeros and the other the tens; alone, each would find no variance."""
    child = subprocess.run([sys.executable, "-c", NORMALISE], capture_output=True, text=True, check=False, cwd=Path.cwd())
    assert child.returncode == 0, child.stderr
    assert json.loads(child.stdout.splitlines()[-1]) == pytest.approx([5.0, 25.0])


def test_a_batch_goes_to_as_many_devices_as_divide_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from fercli.training.devices import Devices

    monkeypatch.setattr("fercli.training.devices.device_names", lambda: [f"gpu:{number}" for number in range(6)])
    monkeypatch.setattr("keras.backend.backend", lambda: "none that shares")
    assert {size: Devices(size).number for size in (128, 126, 7, 25)} == {128: 4, 126: 6, 7: 1, 25: 5}
    assert Devices(128).description == "gpu:0, gpu:1, gpu:2, gpu:3"
    monkeypatch.setattr("keras.backend.backend", lambda: "torch")
    assert Devices(128).number == 1
