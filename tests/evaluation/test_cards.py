import re
from dataclasses import asdict, replace

import numpy as np

from fercli.evaluation.cards import model_card
from fercli.evaluation.measures import Evaluation, measure
from fercli.labels import LABELS
from fercli.models.calibration import Kept
from fercli.models.history import Choice, Epoch, Portraits, Repetition
from fercli.models.recipes import with_options
from fercli.models.registry import MODELS

METADATA = {
    "model": "deep",
    "epoch": 2,
    "recipe": asdict(MODELS["deep"].recipe) | {"epochs": 2, "batch_size": 64},
    "device": "cpu, 2 cores",
    "versions": {"fercli": "0.1.0"},
    "dataset": "abc",
}


CHOICES = [Choice("deep-hog", "momentum=0.97", 1, 0.4, 0.45), Choice("shallow", "optimizer=sgd", 1, 0.2, 0.3)]
REPETITIONS = [Repetition("deep", 0, 2, 0.5, 0.6), Repetition("deep", 1, 2, 0.51, 0.62), Repetition("deep", 1, 9, 0.9, 0.9)]


def test_the_card_says_how_good_how_trained_and_what_not_for() -> None:
    labels = np.arange(14, dtype=np.uint8) % 7
    predicted = np.where(labels == 3, 4, labels)
    result = Evaluation("deep", "deep", "test", 10, 20, 5.0, measure(labels, predicted, labels == 0), np.zeros((14, 7), np.float32))
    history = [Epoch(1, 1, 1, 1, 1, 1, 60.0), Epoch(2, 1, 1, 1, 1, 1, 60.0)]
    card = model_card([result], [result.measures], METADATA, history, {"curves": "c.png"}, CHOICES, REPETITIONS)
    assert "| accuracy | 85.71 % |" in card
    assert "| happy | 0.00 % |" in card
    assert len(re.findall(rf"^\| ({'|'.join(LABELS)}) ", card.split("How far")[0], re.M)) == 7
    assert "![curves](c.png)" in card
    assert "    fercli train --model deep --epochs 2 --batch-size 64\n" in card
    assert "duration: 2 minutes" in card
    assert "The registry's recipe has 35 epochs; these weights had 2." in card
    assert "| momentum=0.97 | deep-hog | 1 | 40.00 % | 45.00 % |" in card
    assert "| seed | test | validation |\n" in card
    assert "| 1 | 62.00 % | 51.00 % |" in card
    assert "90.00" not in card  # of more epochs
    assert "optimizer=sgd" not in card  # another network's
    assert "- dropout, by layer: 0.1, " in card
    assert "What it is not for" in card


def test_the_card_says_what_labels_are_worth_and_for_whom() -> None:
    labels = np.arange(14, dtype=np.uint8) % 7
    predicted = np.where(labels == 3, 4, labels)
    measures = replace(measure(labels, predicted, None), crowd=[9] * 7, kept=[Kept(0.5, 0.8, 0.75), Kept(0.9, 0, None)])
    tests, validation = (
        Evaluation("deep", "deep", split, 1, 2, 5.0, measures, np.zeros((14, 7), np.float32), shifts={"noise": share, "blur": 0.5})
        for split, share in (("test", 0.25), ("validation", 0.3))
    )
    portraits = [
        Portraits("deep", "Studio (2017)", "everybody", "happy", 10, 5, 0.9),
        Portraits("deep", "Studio (2017)", "everybody", "neutral", 10, 10, float("nan")),
        Portraits("compact", "Studio (2017)", "everybody", "happy", 10, 7, 0.8),
    ]
    history = [Epoch(1, 1, 1, 1, 1, 1, 60.0), Epoch(2, 1, 1, 1, 1, 1, 60.0)]
    card = model_card([tests, validation], [], METADATA, history, {}, portraits=portraits)
    assert "| happy | – | 0.00 % | 2 | 0 | 9 |" in card
    assert "| sad | 50.00 % | 66.67 % | 2 | 4 | 9 |" in card
    assert "| 0.5 | 80.00 % | 75.00 % |\n| 0.9 | 0.00 % | – |" in card
    assert "| noise | 25.00 % | 30.00 % |\n| blur | 50.00 % | 50.00 % |\n| mean | 37.50 % | 40.00 % |" in card
    assert "Studio (2017):" in card
    assert "| everybody | happy | 5 of 10 | 23.66 % to 76.34 % | 0.900 |" in card
    assert "| everybody | neutral | 10 of 10 | 72.25 % to 100.00 % | – |" in card
    assert "7 of 10" not in card  # another model's
    assert "For whom" not in model_card([tests, validation], [], METADATA, history, {})
    assert "after changes" not in model_card([replace(tests, shifts={})], [], METADATA, history, {})


def test_a_card_of_another_recipe_promises_no_command() -> None:
    labels = np.arange(7, dtype=np.uint8)
    result = Evaluation(
        "deep", "deep", "test", 10, 20, 5.0, measure(labels, labels.astype(np.int64), None), np.zeros((7, 7), np.float32)
    )
    metadata = METADATA | {"recipe": METADATA["recipe"] | {"optimizer": "rmsprop"}, "dropout": [0.9] * 6}  # type: ignore[operator]
    card = model_card([result], [result.measures], metadata, [Epoch(1, 1, 1, 1, 1, 1, 60.0)], {})
    assert "the registry's recipe has changed since, in its optimizer (rmsprop then), dropout ([0.9" in card
    assert "fercli train --model" not in card
    assert "dropout, by layer" not in card


def test_a_card_of_weights_that_began_with_others_has_all_commands() -> None:
    labels = np.arange(7, dtype=np.uint8)
    probabilities = np.zeros((7, 7), np.float32)
    result = Evaluation("compact", "compact", "test", 10, 20, 5.0, measure(labels, labels.astype(np.int64), None), probabilities)
    recipe = MODELS["compact"].recipe
    first_recipe = asdict(with_options(recipe, epochs=9, erasing=0.25))
    given = {"dataset": "abc", "input": MODELS["compact"].input}
    first = given | {"sha256": "d1g", "epoch": 9, "recipe": first_recipe, "start": None}
    second = given | {
        "sha256": "d2g",
        "epoch": 7,
        "recipe": asdict(with_options(recipe, learning_rate=0.05)),
        "start": first,
    }
    last = asdict(with_options(recipe, epochs=1, balanced_votes=False))
    metadata = METADATA | given | {"model": "compact", "recipe": last, "start": [first, second]}
    history = [Epoch(1, 1, 1, 1, 1, 1, 60.0)]
    card = model_card([result], [result.measures], metadata, history, {})
    assert (
        "    fercli train --model compact --epochs 9 --erasing 0.25 --out runs/compact-1\n"
        "    fercli train --model compact --start runs/compact-1 --learning-rate 0.05 --out runs/compact-2\n"
        "    fercli train --model compact --start runs/compact-1 --start runs/compact-2 --epochs 1 --no-balanced-votes\n"
    ) in card
    assert "- begun with: the mean of the weights of runs/compact-1, runs/compact-2\n- runs/compact-1: optimizer sgd" in card
    assert "- runs/compact-2: begun with the weights of runs/compact-1, optimizer sgd" in card
    assert "; kept: epoch 7, SHA-256 d2g; data set abc\n" in card
    assert "- duration: 1 minutes, not counting the earlier runs\n" in card
    assert "The registry's recipe has" not in card
    metadata["recipe"] = asdict(with_options(recipe, votes=0.0))
    assert "--ferplus fer2013new.csv" in model_card(
        [result], [result.measures], metadata, history, {}
    )  # the earlier ones had votes
    first["dataset"] = "other"
    assert "began with weights trained on another data set" in model_card([result], [result.measures], metadata, history, {})
    first_recipe["average"] = 0.5
    assert "has changed since, in its average (0.5 then)" in model_card([result], [result.measures], metadata, history, {})
    del first["input"]
    card = model_card([result], [result.measures], metadata, history, {})
    assert "has changed since, in its average (0.5 then), standardized tones (False then)" in card


def test_a_card_of_ones_own_faces_names_their_data_set_and_the_shipped_model() -> None:
    labels = np.arange(7, dtype=np.uint8)
    probabilities = np.zeros((7, 7), np.float32)
    result = Evaluation("compact", "compact", "test", 10, 20, 5.0, measure(labels, labels.astype(np.int64), None), probabilities)
    model = MODELS["compact"]
    before = {"dataset": "fer", "sha256": "d1g", "recipe": asdict(model.recipe) | {"average": 0.5}, "input": model.input}
    shipped = {"dataset": "fer", "sha256": model.sha256, "recipe": asdict(model.recipe), "input": model.input, "start": before}
    recipe = asdict(with_options(model.recipe, votes=0.0, epochs=10))
    metadata = METADATA | {"model": "compact", "input": model.input, "recipe": recipe, "start": [shipped]}
    history = [Epoch(1, 1, 1, 1, 1, 1, 60.0)]
    card = model_card([result], [result.measures], metadata, history, {}, data="my-faces")
    assert "- data set: my-faces, digest abc\n" in card
    assert "- begun with: the weights of compact, as shipped\n" in card
    assert (
        "Again, after preparing the same data set:\n\n    fercli train --model compact --start compact --epochs 10 --votes 0.0"
        in card
    )
    assert "runs/compact-1" not in card
    other = model_card([result], [result.measures], metadata, history, {}, data="")
    assert "- data set: another than these figures are of, digest abc\n" in other
