"""Training on two devices: TensorFlow makes two out of one processor, which only a process of its own can ask for."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fercli.dataset import Dataset, write_dataset
from fercli.models.architectures.residual import ResidualNetwork
from fercli.models.registry import MODELS
from fercli.preparation.prepare import prepare
from fercli.training.devices import Devices
from fercli.training.trainer import Trainer
from tests.conftest import csv_text, ferplus_text

MODEL = replace(MODELS["compact"], network=ResidualNetwork(stem=4, stages=((4, 1),), squeeze=2, head_dropout=0.0))
RECIPE = replace(MODEL.recipe, epochs=3, batch_size=12, precision="float32", learning_rate=0.02)

TWO_DEVICES = f"""
import json, sys
sys.path[:0] = [{str(Path(__file__).parents[2])!r}]
import tensorflow as tf
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
"""

LEARN = """
from dataclasses import replace
from pathlib import Path
from fercli.dataset import read_dataset
from fercli.training.trainer import Trainer
from tests.training.test_devices import MODEL, RECIPE

def learn(name, recipe, stops):
    lines = []
    for resume in (False, True)[:1 + stops]:
        trainer = Trainer(MODEL, recipe, read_dataset(Path(f"{name}.npz")), Path(name), resume=resume)
        for epoch in trainer:
            lines.append([epoch.loss, epoch.val_loss, trainer._devices.names, trainer._devices.description, trainer.images])
            if stops and not resume:
                break
    return lines

even = learn("even", replace(RECIPE, augmentation=None), stops=True)
print(json.dumps({"even": even, "odd": learn("odd", replace(RECIPE, epochs=1), stops=False)}))
"""

# In a process of its own: TensorFlow 2.21 takes what two networks sum up for one thing, and refuses other shapes.
NORMALISE = """
import keras
from fercli.models.architectures.layers import BatchNormalization
from fercli.training.devices import Devices
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


def told(code: str, folder: Path) -> Any:
    """Return what a process with two devices printed last, as JSON."""
    child = subprocess.run([sys.executable, "-c", TWO_DEVICES + code], capture_output=True, text=True, check=False, cwd=folder)
    assert child.returncode == 0, child.stderr
    return json.loads(child.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def two_devices(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What came of all trainings on two devices, in one process, for TensorFlow takes long to start."""
    folder = tmp_path_factory.mktemp("devices")
    write_dataset(dataset, folder / "even.npz")
    (folder / "odd.csv").write_text(csv_text(train=49, validation=15))
    (folder / "votes.csv").write_text(ferplus_text(train=49, validation=15))
    write_dataset(prepare(folder / "odd.csv", ferplus=folder / "votes.csv", hog=False).dataset, folder / "odd.npz")
    return told(LEARN, folder)


def test_two_devices_learn_as_one_does(two_devices: Any, dataset: Dataset, tmp_path: Path) -> None:
    """Within 1 % of the loss, over three epochs, the last two of a resumed run; sums are rounded in another order."""
    trainer = Trainer(MODEL, replace(RECIPE, augmentation=None), dataset, tmp_path)
    one, two = list(trainer), two_devices["even"]
    assert [line[2] for line in two] == [["cpu:0", "cpu:1"]] * 3
    assert two[0][3] == trainer.device
    assert one[2].loss < one[0].loss
    assert np.allclose([[epoch.loss, epoch.val_loss] for epoch in one], [line[:2] for line in two], rtol=0.01)


def test_what_two_devices_cannot_share_evenly(two_devices: Any) -> None:
    """An odd number of images, for training and for validation."""
    (line,) = two_devices["odd"]
    assert (line[2], line[4]) == (["cpu:0", "cpu:1"], 48)
    assert np.isfinite(line[:2]).all()


def test_a_batch_is_normalised_whole(tmp_path: Path) -> None:
    """One device has the zeros and the other the tens; alone, each would find no variance."""
    assert told(NORMALISE, tmp_path) == pytest.approx([5.0, 25.0])


def test_a_batch_goes_to_as_many_devices_as_divide_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fercli.training.devices.device_names", lambda: [f"gpu:{number}" for number in range(6)])
    monkeypatch.setattr("keras.backend.backend", lambda: "none that shares")
    assert {size: Devices(size).number for size in (128, 126, 7, 25)} == {128: 4, 126: 6, 7: 1, 25: 5}
    assert Devices(128).description == "gpu:0, gpu:1, gpu:2, gpu:3"
    monkeypatch.setattr("keras.backend.backend", lambda: "torch")
    assert Devices(128).number == 1


def test_a_processor_without_bfloat16(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    processor = tmp_path / "cpuinfo"
    monkeypatch.setattr("fercli.training.devices._PROCESSOR", processor)
    assert not Devices(1).emulates_bfloat16  # not Linux: nobody knows
    for told, emulated in {
        "flags\t\t: fpu avx512f avx512_vnni": True,
        "flags\t\t: fpu avx512f avx512_bf16": False,
        "Features\t: fp asimd bf16 sve": False,
        "Features\t: fp asimd": True,
        "isa\t: rv64imafdc": False,
    }.items():
        processor.write_text(f"processor\t: 0\n{told}\n")
        assert Devices(1).emulates_bfloat16 == emulated
    processor.write_text("flags\t\t: fpu avx512f\n")
    monkeypatch.setattr("fercli.training.devices.device_names", lambda: ["gpu:0"])
    assert not Devices(1).emulates_bfloat16
