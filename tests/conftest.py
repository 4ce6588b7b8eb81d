"""What the tests share: a small synthetic FER2013, a fake network, and a way to run commands inside the process."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray
from typer.testing import CliRunner

from fercli.cli import app
from fercli.dataset import Dataset, read_dataset, write_dataset
from fercli.errors import FercliError
from fercli.labels import LABELS
from fercli.models.history import Epoch, write_lines
from fercli.models.inference import WeightsFile
from fercli.preparation.prepare import prepare
from tests.fakes import FakeLabeller
from tests.order import pytest_collection_modifyitems  # noqa: F401 (pytest finds these here)
from tests.promises import did, pytest_terminal_summary  # noqa: F401
from tests.real_data import real_dataset, real_preparation, shared_preparation  # noqa: F401

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Containers often forbid bytecode. Then each of the hundreds of processes that tests start would compile all of fercli anew, and
# each of pytest's own all of the tests, which takes it seconds.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# A machine may be busy, and our fixtures give folders and counters, which examples may share.
settings.register_profile("fercli", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.load_profile("fercli")

PHOTOS = Path(__file__).parent / "photos"
HEADER = "emotion,pixels,Usage"


def synthetic_faces(count: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Noise with a bright square whose place tells the label: something to learn."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.uint8) % len(LABELS)
    pixels = generator.integers(0, 120, (count, 48, 48), dtype=np.uint8)
    for face, label in zip(pixels, labels, strict=True):
        face[6 * label : 6 * label + 6, 4:44] = 230
    return pixels, labels


def row(label: object, pixels: NDArray[np.uint8], usage: str) -> str:
    """One line of the Kaggle CSV."""
    return f"{label},{' '.join(map(str, pixels.ravel()))},{usage}"


def csv_text(train: int = 42, validation: int = 14, test: int = 21, seed: int = 0) -> str:
    """A small FER2013 in Kaggle's layout."""
    pixels, labels = synthetic_faces(train + validation + test, seed)
    usages = ["Training"] * train + ["PublicTest"] * validation + ["PrivateTest"] * test
    return "\n".join([HEADER, *map(row, labels, pixels, usages)]) + "\n"


def ferplus_text(train: int = 42, validation: int = 14, test: int = 21) -> str:
    """FER+'s file for `csv_text`: nine of ten people agree with the label, one knows nothing."""
    names = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
    columns = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")
    labels = synthetic_faces(train + validation + test)[1]
    usages = ["Training"] * train + ["PublicTest"] * validation + ["PrivateTest"] * test
    lines = [f"Usage,Image name,{','.join(columns)}"]
    for usage, label in zip(usages, labels, strict=True):
        counts = {names[label]: 9, "unknown": 1}
        lines.append(f"{usage},,{','.join(str(counts.get(name, 0)) for name in columns)}")
    return "\n".join(lines) + "\n"


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests of clusters, stops and two devices mostly wait."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    """The small FER2013 as a file."""
    path = tmp_path / "fer2013.csv"
    path.write_text(csv_text())
    return path


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The small FER2013, prepared with HOG and the crowd's votes, with its digest as after reading."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "small.csv").write_text(csv_text())
    (folder / "votes.csv").write_text(ferplus_text())
    write_dataset(prepare(folder / "small.csv", ferplus=folder / "votes.csv").dataset, folder / "small.npz")
    return read_dataset(folder / "small.npz", hog=True)


@pytest.fixture
def data(dataset: Dataset, tmp_path: Path) -> Path:
    """The small FER2013 as a file that `prepare` wrote."""
    write_dataset(dataset, tmp_path / "d.npz")
    return tmp_path / "d.npz"


@dataclass
class Ran:
    """How a command ended: exit code, standard output, and all talk with the error message last."""

    code: int
    stdout: str
    talk: str


@pytest.fixture
def fercli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run a command in this process as `main` would, without its signal handlers."""

    def run(*arguments: object) -> Ran:
        from fercli.cli import console

        with console._talk().capture() as talk:
            result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        error = result.exception
        if isinstance(error, FercliError):
            return Ran(error.exit_code, result.stdout, f"{talk.get()}error: {error}")
        if error is not None and not isinstance(error, SystemExit):
            raise error
        return Ran(result.exit_code, result.stdout, talk.get() + result.stderr)

    return run


def crop(brightness: int) -> NDArray[np.uint8]:
    """Return a crop (48,48) of about this brightness, from dark to light: in a flat one nobody is found."""
    ramp = np.linspace(brightness - 60, brightness + 60, 48)
    return np.tile(np.clip(ramp, 0, 255).astype(np.uint8), (48, 1))


@pytest.fixture
def fake_labeller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the fake network in the place of every real one."""
    monkeypatch.setattr("fercli.models.ensembles.labeller_for", FakeLabeller)  # first: it imports the real `Labeller`
    monkeypatch.setattr("fercli.models.inference.Labeller", FakeLabeller)


@pytest.fixture
def fake_shipped(fake_labeller: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ship the fake network, with a history."""
    history = tmp_path / "h.csv"
    write_lines(Epoch, [Epoch(1, 2.0, 0.2, 1.9, 0.3, 0.01, 1.0), Epoch(2, 1.5, 0.4, 1.6, 0.4, 0.0, 1.0)], history)
    monkeypatch.setattr("fercli.models.inference.all_weights", lambda: [WeightsFile("fake", tmp_path / "w", history)])


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an epoch of training learn nothing and draw no curves, where a test is of what is said and kept."""
    trainer = "fercli.training.trainer.Trainer"
    monkeypatch.setattr(f"{trainer}._train_epoch", lambda _, number: Epoch(number, 2 / number, 0.2, 2.0, 0.1, 0.1, 1.0))
    monkeypatch.setattr(f"{trainer}._validate", lambda self: np.eye(7, dtype=np.float32)[self.dataset.validation.labels])
    monkeypatch.setattr("fercli.training.run.plot_curves", lambda _: b"curves")
