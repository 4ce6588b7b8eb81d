from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fercli.labels import LABELS
from fercli.models.networks import build
from fercli.models.networks.graphs import save_network
from fercli.models.registry import MODELS
from tests.conftest import FakeLabeller, Ran

Run = Callable[..., Ran]


@pytest.mark.usefixtures("fake_shipped")
def test_tables_on_standard_output_beside_the_published_columns(fercli: Run, data: Path) -> None:
    ran = fercli("evaluate", "--data", data)
    assert ran.code == 0
    assert "paper," in ran.stdout
    assert next(line.split() for line in ran.stdout.splitlines() if "happy" in line)[2:] == ["80.5", "79.6"]
    assert "95 % interval" in ran.stdout
    assert "leak-free accuracy" in ran.stdout
    assert "Confusion matrix, fake, test: " in ran.stdout


def test_usage_errors(fercli: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert fercli("evaluate", "--data", "no.npz").code == 2
    assert "fercli prepare" in fercli("evaluate", "--data", "no.npz", "--weights", "w").talk
    ran = fercli("evaluate", "--data", data, "--weights", "runs/none")
    assert ran.code == 2
    assert "does not exist" in ran.talk
    (tmp_path / "w.onnx").write_bytes(b"no weights")
    assert fercli("evaluate", "--data", data, "--weights", "w.onnx").code == 4


def test_a_broken_run_does_not_hide_the_others(fercli: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    good = Path("runs/good/model.onnx")
    save_network(build(MODELS["deep"]), {"model": "deep", "labels": list(LABELS)}, good)
    Path("runs/bad").mkdir()
    Path("runs/bad/model.onnx").write_bytes(good.read_bytes()[:1000])
    monkeypatch.setattr("fercli.models.inference.MODELS", {"deep": replace(MODELS["deep"], sha256=None)})
    ran = fercli("evaluate", "--data", data)
    assert ran.code == 3
    assert "reject: runs/bad: " in ran.talk
    assert "note: runs/good was trained on another data set" in ran.talk
    assert "Confusion matrix, runs/good" in ran.stdout
    assert fercli("evaluate", "--data", data, "--shallow").code == 1
    untold = fercli("evaluate", "--data", data, "--weights", "runs/good", "--card", "card")
    assert untold.code == 4
    assert "holds no recipe that this version knows" in untold.talk


@pytest.mark.usefixtures("fake_shipped")
def test_an_ensemble_has_no_card(fercli: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fercli.models.ensembles.EnsembleLabeller", FakeLabeller)
    ran = fercli("evaluate", "--data", data, "--model", "ensemble", "--card", tmp_path / "cards")
    assert ran.code == 2
    assert "name one of compact, deep, deep-hog" in ran.talk
