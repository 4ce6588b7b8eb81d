"""What the shipped networks say of the real data set; a pass over a split takes long, so that each is made once."""

import json

import numpy as np
import pytest

from fercli.dataset import Dataset
from fercli.evaluation.measures import Evaluation, evaluate
from fercli.models.calibration import fit_temperature, tempered
from fercli.models.checkpoints import assign, weights_of
from fercli.models.inference import BATCH, Labeller, shipped_weights
from fercli.models.networks import build
from fercli.models.registry import DEFAULT_MODEL, ENSEMBLES, MODELS, card_path
from fercli.models.weights import read_weights

pytestmark = pytest.mark.timeout(900)  # seconds by the clock, where others are at work, too
SHIPPED = [name for name, model in MODELS.items() if model.sha256]
MEMBERS = {name for ensemble in ENSEMBLES.values() for name in ensemble.members}


def stated(name: str, split: str) -> dict[str, float]:
    card = json.loads(card_path(name, "metrics.json").read_text())
    values: dict[str, float] = next(told for told in card["splits"] if told["split"] == split)
    return values


def measured_as_its_card_tells(name: str, dataset: Dataset, split: str) -> Evaluation:
    result = evaluate(Labeller(shipped_weights(name)), dataset, split)
    for measure in ("accuracy", "leak_free_accuracy", "balanced_accuracy", "macro_f1"):
        assert getattr(result.measures, measure) == pytest.approx(stated(name, split)[measure], abs=1e-3)
    return result


@pytest.mark.parametrize("name", ENSEMBLES)
def test_members_and_their_mean_reproduce_their_cards_and_the_registered_temperature_fits(name: str, real_dataset: Dataset) -> None:
    """On PublicTest, which the temperature is fitted with."""
    results = [measured_as_its_card_tells(member, real_dataset, "validation") for member in ENSEMBLES[name].members]
    logits = np.log(np.mean([result.probabilities for result in results], axis=0))
    fitting = fit_temperature(logits, real_dataset.validation.labels)
    right = (logits.argmax(axis=1) == real_dataset.validation.labels).mean()
    assert right == pytest.approx(stated(name, "validation")["accuracy"], abs=1e-3)
    assert fitting == pytest.approx(ENSEMBLES[name].temperature, abs=0.01)


@pytest.mark.parametrize("name", [name for name in SHIPPED if name == DEFAULT_MODEL or name not in MEMBERS])
def test_the_default_and_those_of_no_ensemble_reproduce_their_cards(name: str, real_dataset: Dataset) -> None:
    """On PrivateTest."""
    measured_as_its_card_tells(name, real_dataset, "test")


@pytest.mark.parametrize("name", SHIPPED)
def test_labels_are_those_that_keras_gives(name: str, real_dataset: Dataset) -> None:
    """For each twelfth image of PrivateTest."""
    labeller, pixels = Labeller(shipped_weights(name)), real_dataset.test.pixels[::12]
    network = build(labeller.model)
    assign(weights_of(network), read_weights(labeller.weights.path).tensors, labeller.weights.path)
    hog = labeller.features(pixels)
    ours = labeller.label(pixels, hog)
    theirs = tempered(
        network.predict([pixels] if hog is None else [pixels, hog], batch_size=BATCH, verbose=0), labeller.temperature
    )
    assert np.abs(ours - theirs).max() <= 1e-4
    ordered = np.sort(theirs, axis=1)
    sure = ordered[:, -1] - ordered[:, -2] > 2e-4
    assert sure.mean() > 0.98
    assert np.array_equal(ours.argmax(axis=1)[sure], theirs.argmax(axis=1)[sure])
