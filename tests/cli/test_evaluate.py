import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fercli.dataset import Dataset, write_dataset
from fercli.history import Epoch, write_history
from fercli.inference import WeightsFile
from fercli.labels import LABELS
from tests.conftest import Ran

Run = Callable[..., Ran]


@pytest.fixture
def data(dataset: Dataset, tmp_path: Path) -> Path:
    write_dataset(dataset, tmp_path / "d.npz")
    return tmp_path / "d.npz"


@pytest.fixture
def fake_shipped(fake_labeller: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = tmp_path / "h.csv"
    write_history([Epoch(1, 2.0, 0.2, 1.9, 0.3, 0.01, 1.0), Epoch(2, 1.5, 0.4, 1.6, 0.4, 0.0, 1.0)], history)
    monkeypatch.setattr("fercli.inference.all_weights", lambda: [WeightsFile("fake", tmp_path / "w", history)])


@pytest.mark.usefixtures("fake_shipped")
def test_tables_on_standard_output_beside_the_published_columns(fercli: Run, data: Path) -> None:
    ran = fercli("evaluate", "--data", data)
    assert ran.code == 0
    assert "paper, deep" in ran.stdout
    assert next(line.split() for line in ran.stdout.splitlines() if "happy" in line)[2:] == ["80.5", "79.6"]
    assert "95 % interval" in ran.stdout
    assert "leak-free accuracy" in ran.stdout
    assert "Confusion matrix of fake, test" in ran.stdout


@pytest.mark.usefixtures("fake_shipped")
def test_files_hold_every_number(fercli: Run, data: Path, tmp_path: Path) -> None:
    files = tmp_path / "e.json", tmp_path / "p.csv", tmp_path / "plots"
    ran = fercli(
        "evaluate", "--data", data, "--split", "validation", "--json", files[0], "--predictions", files[1], "--plots", files[2]
    )
    assert ran.code == 0
    report = json.loads(files[0].read_text())
    (model,) = report["models"]
    assert (model["title"], model["split"], model["images"]) == ("fake", "validation", 14)
    assert f"{100 * model['accuracy']:.1f}" in ran.stdout
    assert [item["source"] for item in report["published"]] == ["paper", "re-implementation"]
    with files[1].open() as handle:
        lines = list(csv.DictReader(handle))
    assert len(lines) == 14
    assert lines[0]["row"] == "42"
    right = [line["true"] == line["predicted"] for line in lines]
    assert sum(right) / 14 == pytest.approx(model["accuracy"])
    assert all(abs(sum(float(line[name]) for name in LABELS) - 1) < 1e-3 for line in lines)
    assert {path.name for path in files[2].iterdir()} == {"confusion-fake.png", "curves.png"}


def test_usage_errors(fercli: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert fercli("evaluate", "--data", "no.npz").code == 2
    assert "fercli prepare" in fercli("evaluate", "--data", "no.npz", "--weights", "w").talk
    ran = fercli("evaluate", "--data", data, "--weights", "runs/none")
    assert ran.code == 2
    assert "does not exist" in ran.talk
    (tmp_path / "w.safetensors").write_bytes(b"no weights")
    assert fercli("evaluate", "--data", data, "--weights", "w.safetensors").code == 4
