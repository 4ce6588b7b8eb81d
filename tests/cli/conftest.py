from pathlib import Path

import pytest

from fercli.dataset import Dataset, write_dataset
from fercli.history import Epoch, write_history
from fercli.inference import WeightsFile


@pytest.fixture
def data(dataset: Dataset, tmp_path: Path) -> Path:
    write_dataset(dataset, tmp_path / "d.npz")
    return tmp_path / "d.npz"


@pytest.fixture
def fake_shipped(fake_labeller: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = tmp_path / "h.csv"
    write_history([Epoch(1, 2.0, 0.2, 1.9, 0.3, 0.01, 1.0), Epoch(2, 1.5, 0.4, 1.6, 0.4, 0.0, 1.0)], history)
    monkeypatch.setattr("fercli.inference.all_weights", lambda: [WeightsFile("fake", tmp_path / "w", history)])
