from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fercli.errors import UsageError
from fercli.models.architectures.paper import Affine, Convolution, PaperNetwork
from fercli.models.architectures.residual import ResidualNetwork
from fercli.models.ensembles import EnsembleLabeller, labeller_for
from fercli.models.inference import Labeller, WeightsFile, own_weights
from fercli.models.networks import build
from fercli.models.networks.graphs import save_network
from fercli.models.registry import DEFAULT_MODEL, ENSEMBLES, MODELS, Ensemble, find_model
from fercli.models.views import VIEWS
from tests.conftest import synthetic_faces

FACES = synthetic_faces(3)[0]


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two small untrained networks as if they were shipped."""
    networks = {
        "compact": ResidualNetwork(stem=4, stages=((4, 1),), squeeze=2, head_dropout=0.1, standardize=True, equalize=1.0),
        "deep-hog": PaperNetwork((Convolution(4, 3, True, 0.1),), (Affine(8, 0.2),)),
    }
    for name, network in networks.items():
        monkeypatch.setitem(MODELS, name, replace(MODELS[name], network=network))
        mix = [[0.2, 0.3], [0.4, 0.1]][name == "compact"] + [0.1] * 5
        metadata = {"model": name, "labels": list(MODELS[name].labels), "dataset": "d", "class_mix": mix}
        save_network(build(MODELS[name]), metadata, tmp_path / f"{name}.onnx")
    monkeypatch.setattr(
        "fercli.models.ensembles.shipped_weights",
        lambda name: WeightsFile(name, tmp_path / f"{name}.onnx", tmp_path / "h.csv"),
    )
    return tmp_path


def test_the_mean_of_the_members(shipped: Path) -> None:
    ensemble = EnsembleLabeller(Ensemble("both", "", {"compact": 0.8, "deep-hog": 0.2}))
    members = [Labeller(own_weights(shipped / f"{name}.onnx")) for name in ("compact", "deep-hog")]
    compact, other = (member.label(FACES) for member in members)
    assert np.allclose(ensemble.label(FACES), 0.8 * compact + 0.2 * other, atol=1e-6)
    assert ensemble.parameters == sum(member.parameters for member in members)
    assert ensemble.multiply_adds == sum(member.multiply_adds for member in members)
    assert ensemble.trained_on == {"d"}
    assert ensemble.metadata["class_mix"] == pytest.approx([0.36, 0.14] + [0.1] * 5)  # of their mean
    several = ensemble.augmented()
    assert (several.title, ensemble.title) == ("both+tta", "both")
    assert several.multiply_adds == VIEWS * ensemble.multiply_adds
    compact, other = (member.augmented().label(FACES) for member in members)
    assert np.allclose(several.label(FACES), 0.8 * compact + 0.2 * other, atol=1e-6)


def test_the_ensembles_temperature_sharpens_the_mean(shipped: Path) -> None:
    plain, sharp = (EnsembleLabeller(Ensemble("both", "", {"compact": 0.5, "deep-hog": 0.5}, temperature=t)) for t in (1.0, 0.5))
    assert plain.sha256 != sharp.sha256  # a run of the one is not resumed with the other
    squares = plain.label(FACES) ** 2
    assert np.allclose(sharp.label(FACES), squares / squares.sum(axis=1, keepdims=True), atol=1e-6)


@pytest.mark.usefixtures("shipped")
def test_names_and_weights_choose_who_labels(shipped: Path) -> None:
    assert labeller_for("deep-hog").name == "deep-hog"
    assert labeller_for(None, shipped / "compact.onnx").name == "compact"
    with pytest.raises(UsageError, match="holds a compact network, not deep"):
        labeller_for("deep", shipped / "compact.onnx")


def test_registered_ensembles_have_known_members_and_no_weights_of_their_own() -> None:
    for ensemble in ENSEMBLES.values():
        assert set(ensemble.members) <= set(MODELS)
        assert sum(ensemble.members.values()) == pytest.approx(1)
        assert ensemble.name not in MODELS
        with pytest.raises(UsageError, match="name one of compact"):
            find_model(ensemble.name)


def test_without_a_name_the_default_answers() -> None:
    assert labeller_for(None).name == DEFAULT_MODEL
