"""The real data set, where FERCLI_FER2013 names it: prepared by one of pytest's processes, read by the others."""

import fcntl
import os
import pickle
from pathlib import Path

import pytest

from fercli.dataset import Dataset, read_dataset, write_dataset
from fercli.preparation.prepare import Preparation, prepare


@pytest.fixture(scope="session")
def shared_preparation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes share, with what is made of the data set, without HOG, with FER+ if that is beside it."""
    name = os.environ.get("FERCLI_FER2013")
    if not name:
        pytest.skip("FERCLI_FER2013 names no CSV")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "fer2013"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "preparation.pickle").exists():
            ferplus = Path(name).parent / "fer2013new.csv"
            preparation = prepare(Path(name), hog=False, ferplus=ferplus if ferplus.is_file() else None)
            write_dataset(preparation.dataset, folder / "fer2013.npz")
            (folder / "preparation.pickle").write_bytes(pickle.dumps(preparation))
    return folder


@pytest.fixture(scope="session")
def real_preparation(shared_preparation: Path) -> Preparation:
    """What is made of the real data set."""
    preparation: Preparation = pickle.loads((shared_preparation / "preparation.pickle").read_bytes())  # noqa: S301 (this run's own)
    return preparation


@pytest.fixture(scope="session")
def real_dataset(shared_preparation: Path) -> Dataset:
    """The real data set as it is read back."""
    return read_dataset(shared_preparation / "fer2013.npz")
