"""Training on two devices, in processes of their own; see `tests/two_devices.py`."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fercli.dataset import Dataset, write_dataset
from fercli.preparation.prepare import prepare
from fercli.training.devices import Devices
from fercli.training.trainer import Trainer
from tests.conftest import csv_text, ferplus_text
from tests.forks import forked
from tests.two_devices import MODEL, RECIPE, TOLD, learn, normalise


def told(work: Callable[[], None], folder: Path) -> Any:
    """Return what a process with two devices told."""
    with forked(work, folder) as child:
        code, talk = child.end()
    assert code == 0, talk
    return json.loads((folder / TOLD).read_text())


@pytest.fixture(scope="module")
def two_devices(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What came of all trainings on two devices, in one process, for TensorFlow takes long to start."""
    folder = tmp_path_factory.mktemp("devices")
    write_dataset(dataset, folder / "even.npz")
    (folder / "odd.csv").write_text(csv_text(train=49, validation=15))
    (folder / "votes.csv").write_text(ferplus_text(train=49, validation=15))
    write_dataset(prepare(folder / "odd.csv", ferplus=folder / "votes.csv", hog=False).dataset, folder / "odd.npz")
    return told(learn, folder)


def test_two_devices_learn_as_one_does(two_devices: Any, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within 1 % of the loss, over three epochs, the last two of a resumed run; sums are rounded in another order."""
    monkeypatch.setattr("fercli.training.run.plot_curves", lambda _: b"curves")
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
    assert told(normalise, tmp_path) == pytest.approx([5.0, 25.0])


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
