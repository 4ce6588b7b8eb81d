from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from fercli.evaluation.cards import model_card, without_front_matter
from fercli.evaluation.measures import Evaluation, measure
from fercli.labels import LABELS
from fercli.models.calibration import Kept
from fercli.models.history import Epoch, Portraits
from fercli.models.registry import MODELS

METADATA = {
    "model": "deep",
    "epoch": 2,
    "recipe": asdict(MODELS["deep"].recipe),
    "versions": {"fercli": "0.1.0"},
    "dataset": "abc",
}
TRUE = np.arange(14, dtype=np.uint8) % 7
MEASURES = measure(TRUE, np.where(TRUE == 3, 4, TRUE), TRUE == 0)  # happy is taken for sad


def evaluation(name: str = "deep", split: str = "test", **values: Any) -> Evaluation:
    probabilities = np.zeros((14, 7), np.float32)
    given: dict[str, Any] = {"measures": MEASURES, "probabilities": probabilities} | values
    return Evaluation(title=name, model=name, split=split, parameters=10, multiply_adds=20, images_per_second=5.0, **given)


def card_of(*evaluations: Evaluation, **values: Any) -> str:
    history = [Epoch(1, 1, 1, 1, 1, 1, 60.0), Epoch(2, 1, 1, 1, 1, 1, 60.0)]
    return model_card(evaluations, values.pop("augmented", []), METADATA, history, values.pop("figures", {}), **values)


def test_the_card_says_how_good_how_trained_and_what_not_for() -> None:
    card = card_of(evaluation(), augmented=[MEASURES], figures={"curves": "c.png"})
    assert card.count("| accuracy | 85.71 % |") == 1
    assert "| with test-time augmentation | 85.71 % |" in card
    by_class = card.split("Accuracy per class, as")[1].split("Precision and")[0]
    assert [f"| {name} | {'0.00' if name == 'happy' else '100.00'} % |" in by_class for name in LABELS] == [True] * 7
    assert "![curves](c.png)" in card
    headings = [line for line in card.splitlines() if line.startswith("## ")]
    assert headings == [
        "## What it is for", "## How to use it", "## How good it is", "## How it was trained", "## What it is not for",
    ]  # fmt: skip


def test_the_front_matter_is_what_hugging_face_reads() -> None:
    yaml = pytest.importorskip("yaml")
    card = card_of(evaluation(), evaluation(split="validation"), data='a "set": of mine')
    values = yaml.safe_load(card.split("---\n")[1])
    assert values["license"] == "mit"
    assert values["pipeline_tag"] == "image-classification"
    assert "facial-expression-recognition" in values["tags"]
    (model,) = values["model-index"]
    assert model["name"] == "deep"
    assert [result["dataset"]["split"] for result in model["results"]] == ["test", "validation"]
    assert {result["dataset"]["name"] for result in model["results"]} == {'a "set": of mine'}
    measured = {metric["type"]: metric["value"] for metric in model["results"][0]["metrics"]}
    assert measured == {"accuracy": pytest.approx(12 / 14, abs=1e-4), "f1": pytest.approx(MEASURES.macro_f1, abs=1e-4)}


def test_the_front_matter_is_not_for_people() -> None:
    card = card_of(evaluation())
    assert card.startswith("---\n")
    assert without_front_matter(card).startswith("# deep\n")
    assert without_front_matter("# deep\n\n---\n") == "# deep\n\n---\n"


def test_how_to_use_it_names_shipped_models_and_own_weights() -> None:
    shipped = card_of(evaluation())
    assert "    fercli classify ./photos -o results.csv --model deep\n" in shipped
    assert 'fercli.classify("photos", model="deep")' in shipped
    own = card_of(evaluation(), own_weights="runs/mine")
    assert "    fercli classify ./photos -o results.csv --weights runs/mine\n" in own
    assert 'fercli.classify("photos", weights="runs/mine")' in own
    assert "license" not in own  # for that is their owner's to say


def test_hog_is_written_as_an_abbreviation() -> None:
    introduction = card_of(evaluation("deep-hog")).split("## How to use it")[0]
    assert "The deep network, HOG features joined" in introduction
    assert "and its HOG features" in introduction
    assert "HOG" not in card_of(evaluation("deep")).split("## How to use it")[0]


def test_the_card_says_what_labels_are_worth_and_for_whom() -> None:
    sure = [[0] * 7 for _ in LABELS]
    sure[6][4], sure[6][6] = 12, 30
    measures = replace(
        MEASURES, crowd=[9] * 7, crowd_images=42, crowd_confusion=sure, kept=[Kept(0.5, 0.8, 0.75), Kept(0.9, 0, None)]
    )
    both = [
        evaluation(split=split, measures=measures, shifts={"noise": share, "blur": 0.5})
        for split, share in (("test", 0.25), ("validation", 0.3))
    ]
    portraits = [
        Portraits("deep", "Studio (2017)", "everybody", "happy", 10, 5, 0.9),
        Portraits("deep", "Studio (2017)", "everybody", "neutral", 10, 10, float("nan")),
        Portraits("compact", "Studio (2017)", "everybody", "happy", 10, 7, 0.8),
    ]
    card = card_of(*both, portraits=portraits)
    assert "| happy | – | 0.00 % | 2 | 0 | 9 |" in card
    assert "| sad | 50.00 % | 66.67 % | 2 | 4 | 9 |" in card
    assert "| neutral | 0 | 0 | 0 | 0 | 12 | 0 | 30 |" in card
    assert "| 0.5 | 80.00 % | 75.00 % |\n| 0.9 | 0.00 % | – |" in card
    assert "| noise | 25.00 % | 30.00 % |\n| blur | 50.00 % | 50.00 % |\n| mean | 37.50 % | 40.00 % |" in card
    assert "Studio (2017):" in card
    assert "| everybody | happy | 5 of 10 | 23.66 % to 76.34 % | 0.900 |" in card
    assert "| everybody | neutral | 10 of 10 | 72.25 % to 100.00 % | – |" in card
    assert "7 of 10" not in card  # another model's
    assert "For whom" not in card_of(*both)
    assert "on changed images" not in card_of(replace(both[0], shifts={}))
