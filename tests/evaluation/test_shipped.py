"""What the shipped networks say of the real data set; a pass over a split takes long, so that each is made once."""

import functools
import json
from collections.abc import Callable

import numpy as np
import pytest

from fercli.dataset import Dataset
from fercli.evaluation.measures import Evaluation, evaluate
from fercli.models.calibration import fit_temperature, tempered
from fercli.models.checkpoints import assign, weights_of
from fercli.models.hog import hog_features
from fercli.models.inference import Labeller, shipped_weights
from fercli.models.networks import build
from fercli.models.registry import DEFAULT_MODEL, ENSEMBLES, MODELS, card_path
from fercli.models.weights import read_weights

Said = Callable[[str, str], Evaluation]
pytestmark = pytest.mark.timeout(900)  # seconds by the clock, where others are at work, too
SHIPPED = [name for name, model in MODELS.items() if model.sha256]
MEMBERS = {name for ensemble in ENSEMBLES.values() for name in ensemble.members}


def stated(name: str, split: str) -> dict[str, float]:
    card = json.loads(card_path(name, "metrics.json").read_text())
    values: dict[str, float] = next(told for told in card["splits"] if told["split"] == split)
    return values


@pytest.fixture(scope="module")
def said(real_dataset: Dataset) -> Said:
    """What a shipped network says of a split."""
    return functools.cache(lambda name, split: evaluate(Labeller(shipped_weights(name)), real_dataset, split))


def measured_as_its_card_tells(said: Said, name: str, split: str) -> Evaluation:
    result = said(name, split)
    for measure in ("accuracy", "leak_free_accuracy", "balanced_accuracy", "macro_f1"):
        assert getattr(result.measures, measure) == pytest.approx(stated(name, split)[measure], abs=1e-3)
    return result


@pytest.mark.parametrize("name", ENSEMBLES)
def test_members_and_their_mean_reproduce_their_cards_and_the_registered_temperature_fits(
    name: str, said: Said, real_dataset: Dataset
) -> None:
    """On PublicTest, which the temperature is fitted with."""
    results = [measured_as_its_card_tells(said, member, "validation") for member in ENSEMBLES[name].members]
    shares = list(ENSEMBLES[name].members.values())
    logits = np.log(np.average([result.probabilities for result in results], axis=0, weights=shares))
    fitting = fit_temperature(logits, real_dataset.validation.labels)
    right = (logits.argmax(axis=1) == real_dataset.validation.labels).mean()
    assert right == pytest.approx(stated(name, "validation")["accuracy"], abs=1e-3)
    assert fitting == pytest.approx(ENSEMBLES[name].temperature, abs=0.01)


@pytest.mark.parametrize("name", [name for name in SHIPPED if name == DEFAULT_MODEL or name not in MEMBERS])
def test_the_default_and_those_of_no_ensemble_reproduce_their_cards(name: str, said: Said) -> None:
    """On PrivateTest."""
    measured_as_its_card_tells(said, name, "test")


@pytest.mark.parametrize("name", SHIPPED)
def test_labels_are_those_that_keras_gives(name: str, real_dataset: Dataset) -> None:
    """For each twelfth image of PrivateTest."""
    labeller, pixels = Labeller(shipped_weights(name)), real_dataset.test.pixels[::12]
    network = build(labeller.model)
    assign(weights_of(network), read_weights(labeller.weights.path).tensors, labeller.weights.path)
    ours = labeller.label(pixels)
    hog = [hog_features(pixels)] if labeller.model.uses_hog else []
    theirs = tempered(network([pixels, *hog]).numpy(), labeller.temperature)
    assert np.abs(ours - theirs).max() <= 1e-4
    ordered = np.sort(theirs, axis=1)
    sure = ordered[:, -1] - ordered[:, -2] > 2e-4
    assert sure.mean() > 0.98
    assert np.array_equal(ours.argmax(axis=1)[sure], theirs.argmax(axis=1)[sure])
