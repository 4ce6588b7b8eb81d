"""Model cards in Markdown: what a model is for, how good it is and for whom it is worse, how it was trained, what it is not for."""

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from fercli.dataset import FER2013
from fercli.errors import listed
from fercli.evaluation.markdown import percent, table
from fercli.evaluation.measures import SURE_VOTES, Evaluation, Measures, wilson_interval
from fercli.evaluation.provenance import training
from fercli.labels import LABELS
from fercli.models.history import Choice, Epoch, Portraits, Repetition
from fercli.models.registry import Ensemble, Model, card_path, find_entry

_PURPOSE = f"""\
It labels the expression of a face as one of {listed(LABELS)}, with a probability for each: to compare
sets of photos or videos, or to find those to look at. It takes a face of 48 x 48 grey pixels, cropped as in FER2013"""
_LIMITS = """\
- The network expects a tight, upright, frontal crop of a face. Posed studio portraits, strong head turns, masks, glasses, and
  crops framed differently from its training images get worse labels than the figures above suggest.
- A label says which of seven words fits a picture, as the annotators of its training images used them. It says nothing about what
  anybody feels, and must not be used to decide anything about a person."""
_LIMITS_OF_FER2013 = """\
- FER2013's own labels are noisy: people agree with them about 65 % of the time (Goodfellow et al. 2013), and some test images are
  also in its training set; the leak-free figure leaves those out."""


def model_card(
    evaluations: Sequence[Evaluation],
    augmented: Sequence[Measures],
    metadata: dict[str, Any],
    history: Sequence[Epoch],
    figures: dict[str, str],
    choices: Sequence[Choice] = (),
    repetitions: Sequence[Repetition] = (),
    portraits: Sequence[Portraits] = (),
    *,
    data: str = FER2013,
    trained_on_data: bool = True,
    own_weights: str = "",
) -> str:
    """Return the card of one model as Markdown, with a front matter as Hugging Face reads it.

    `evaluations` are of the same weights, or of an ensemble, one a split, on the data set called `data`; `augmented` the same with
    test-time augmentation, or none; `metadata` is stored with the weights; `figures` maps captions to files. Of the `choices` those
    of the same layers and recipe are quoted, of the `repetitions` those of the same model and number of epochs, of the `portraits`
    those that this model labelled. `trained_on_data` says whether the weights were trained on this data set. `own_weights` names
    the file or run of weights that are not shipped.
    """
    entry = find_entry(evaluations[0].model)
    trained_on = data if trained_on_data else ""
    lines = [
        *_front_matter(evaluations, data, licensed=not own_weights),
        "",
        f"# {entry.name}",
        "",
        *_introduction(entry, evaluations[0]),
    ]
    lines += [*_use(entry, own_weights), "## How good it is", "", *_quality(evaluations, augmented, data)]
    for item in entry.published:
        lines += [f"Published for this network, {item.source}: {item.validation:g} % validation, {item.test:g} % test.", ""]
    lines += [line for caption, file in figures.items() for line in (f"![{caption}]({file})", "")]
    lines += _for_whom([item for item in portraits if item.model == entry.name])
    if isinstance(entry, Ensemble):
        lines += _members(entry)
    else:
        lines += ["## How it was trained", "", *training(entry, metadata, history, trained_on, choices, repetitions)]
    return "\n".join([*lines, "## What it is not for", "", _LIMITS, *[_LIMITS_OF_FER2013] * (data == FER2013), ""])


def _members(ensemble: Ensemble) -> list[str]:
    """Return where an ensemble's labels come from."""
    members = [f"[{name}]({card_path(name, 'card.md').name}) ({share})" for name, share in ensemble.percentages.items()]
    told = f"The probabilities are the weighted mean of those of {listed(members)}, each trained by itself. "
    told += f"A temperature of {ensemble.temperature:g}, fitted on validation, calibrates that mean."
    return ["## Where it comes from", "", told, ""]


def without_front_matter(card: str) -> str:
    """Return what people read of a card."""
    return card.partition("---\n")[2].partition("---\n")[2].lstrip() if card.startswith("---\n") else card


def for_terminal(card: str) -> str:
    """Return a card without what a terminal cannot show: its figures, and how it was trained, in tables of many columns."""
    card = re.sub(r"^## How it was trained\n.*?(?=^## |\Z)", "", card, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^!\[.*\]\(.*\)\n\n?", "", card, flags=re.MULTILINE)


def _front_matter(evaluations: Sequence[Evaluation], data: str, *, licensed: bool) -> list[str]:
    """Return metadata in YAML: licence, tags, and the results; see https://huggingface.co/docs/hub/model-cards."""
    lines = ["---", *["license: mit"] * licensed, "library_name: fercli", "pipeline_tag: image-classification", "tags:"]
    lines += [f"- {tag}" for tag in ("facial-expression-recognition", "emotion-recognition", "onnx")]
    lines += ["metrics:", "- accuracy", "- f1", "model-index:", f"- name: {evaluations[0].model}", "  results:"]
    for item in evaluations:
        values = [("accuracy", "accuracy", item.measures.accuracy), ("f1", "macro-F1", item.measures.macro_f1)]
        lines += ["  - task:", "      type: image-classification", "      name: facial expression recognition"]
        # JSON's texts are YAML's: a data set may be called anything
        lines += [
            "    dataset:",
            f"      name: {json.dumps(data)}",
            f"      type: {json.dumps(data.lower())}",
            f"      split: {item.split}",
        ]
        lines += ["    metrics:"]
        lines += [
            line
            for kind, name, value in values
            for line in (f"    - type: {kind}", f"      name: {name}", f"      value: {value:.4f}")
        ]
    return [*lines, "---"]


def _introduction(entry: Model | Ensemble, result: Evaluation) -> list[str]:
    work = f"{result.parameters:,} parameters, {result.multiply_adds / 1e6:,.0f} million multiply-adds per face"
    features = ", and its HOG features" if isinstance(entry, Model) and entry.uses_hog else ""
    purpose = f"{_PURPOSE}{features}; fercli finds and crops faces itself."
    return [f"{entry.summary[0].upper()}{entry.summary[1:]}; {work}.", "", "## What it is for", "", purpose, ""]


def _use(entry: Model | Ensemble, own_weights: str) -> list[str]:
    option, argument = f"--model {entry.name}", f'model="{entry.name}"'
    if own_weights:
        option, argument = f"--weights {own_weights}", f'weights="{own_weights}"'
    return [
        "## How to use it",
        "",
        "On the command line:",
        "",
        f"    fercli classify ./photos -o results.csv {option}",
        "",
        "From Python:",
        "",
        "```python",
        "import fercli",
        "",  # as ruff formats code in Markdown, too
        f'for photo in fercli.classify("photos", {argument}):',
        "    print(photo.path, [(face.label, face.confidence) for face in photo.faces])",
        "```",
        "",
    ]


def _quality(evaluations: Sequence[Evaluation], augmented: Sequence[Measures], data: str) -> list[str]:
    splits = [item.split for item in evaluations]
    measures = [item.measures for item in evaluations]
    lines = [f"On {data}{' (test: PrivateTest; validation: PublicTest)' if data == FER2013 else ''}:", ""]
    lines += table(["measure", *splits], _overall(measures, augmented))
    lines += ["", "Accuracy per class, as the paper defines it (recall):", ""]
    lines += table(
        ["expression", *splits], [[name, *(percent(item.per_class[n]) for item in measures)] for n, name in enumerate(LABELS)]
    )
    lines += [
        *_counts(evaluations[0]),
        *_where_crowd_is_sure(evaluations[0]),
        *_confidence(evaluations[0]),
        *_after_shifts(evaluations),
        "",
    ]
    return [*lines, "Measured with the weights as stored, each image labelled once unless test-time augmentation is named.", ""]


def _overall(measures: Sequence[Measures], augmented: Sequence[Measures]) -> list[list[str]]:
    return [
        ["accuracy", *(percent(item.accuracy) for item in measures)],
        ["95 % interval", *(f"{percent(item.interval[0])} to {percent(item.interval[1])}" for item in measures)],
        *([["with test-time augmentation", *(percent(item.accuracy) for item in augmented)]] if augmented else []),
        ["leak-free accuracy", *(percent(item.leak_free_accuracy) for item in measures)],
        ["balanced accuracy", *(percent(item.balanced_accuracy) for item in measures)],
        ["macro-F1", *(percent(item.macro_f1) for item in measures)],
        ["agreement with the crowd (FER+)", *(percent(item.crowd_agreement) for item in measures)],
        ["expected calibration error", *(percent(item.calibration_error) for item in measures)],
        ["the same before calibration", *(percent(item.calibration_error_before) for item in measures)],
        ["images (leaked)", *(f"{item.images:,} ({'–' if item.leaked is None else f'{item.leaked:,}'})" for item in measures)],
    ]


def _counts(result: Evaluation) -> list[str]:
    measures = result.measures
    counts = {"true": measures.true, "predicted": measures.predicted} | ({"by the crowd": measures.crowd} if measures.crowd else {})
    shares = [measures.precision, measures.f1]
    body = [
        [name, *(percent(column[label]) for column in shares), *(f"{column[label]:,}" for column in counts.values())]
        for label, name in enumerate(LABELS)
    ]
    text = f"Precision and F1 of each label, and how many images have it ({result.split}):"
    return ["", text, "", *table(["expression", "precision", "F1", *counts], body)]


def _where_crowd_is_sure(result: Evaluation) -> list[str]:
    measures = result.measures
    if not measures.crowd_images or not measures.crowd_confusion:
        return []
    body = [[name, *(f"{count:,}" for count in counts)] for name, counts in zip(LABELS, measures.crowd_confusion, strict=True)]
    text = (
        f"Where at least {SURE_VOTES} of 10 people agree (FER+), {result.split}: what they see by row, the label by column, images:"
    )
    return ["", text, "", *table(["the crowd", *LABELS], body)]


def _confidence(result: Evaluation) -> list[str]:
    if not result.measures.kept:
        return []
    body = [[f"{item.confidence:g}", percent(item.kept), percent(item.right)] for item in result.measures.kept]
    text = f"Accuracy by `confidence` ({result.split}): how many faces have at least this, and how many of them are correct:"
    return ["", text, "", *table(["confidence", "faces", "right"], body)]


def _after_shifts(evaluations: Sequence[Evaluation]) -> list[str]:
    if not all(item.shifts for item in evaluations):
        return []
    body = [[name, *(percent(item.shifts[name]) for item in evaluations)] for name in evaluations[0].shifts]
    body.append(["mean", *(percent(item.mean_over_shifts) for item in evaluations)])
    text = "Accuracy on changed images (`fercli evaluate --shifts`):"
    return ["", text, "", *table(["change", *(item.split for item in evaluations)], body)]


def _for_whom(portraits: Sequence[Portraits]) -> list[str]:
    """Return how well labels hold for groups of people, a table for each source of portraits."""
    if not portraits:
        return []
    lines = [
        "## For whom it is worse",
        "",
        "Measured end to end, from photo to label, on portraits whose expression is known. AUC, the area under the ROC curve, "
        "says how well the probabilities separate these faces from the neutral ones of the same group: 1 is perfect, 0.5 chance.",
        "",
    ]
    for source in dict.fromkeys(item.source for item in portraits):
        body = []
        for item in (item for item in portraits if item.source == source and item.faces):
            low, high = wilson_interval(item.right, item.faces)
            area = "–" if math.isnan(item.area) else f"{item.area:.3f}"
            group = item.group.replace("_", " ")
            body.append([group, item.label, f"{item.right} of {item.faces}", f"{percent(low)} to {percent(high)}", area])
        lines += [f"{source}:", "", *table(["group", "expression", "right", "95 % interval", "AUC"], body), ""]
    return lines
