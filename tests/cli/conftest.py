from pathlib import Path

import pytest

from fercli.dataset import Dataset, write_dataset


@pytest.fixture
def data(dataset: Dataset, tmp_path: Path) -> Path:
    write_dataset(dataset, tmp_path / "d.npz")
    return tmp_path / "d.npz"
