"""Model cards in Markdown: how a model was trained, how good it is, and what it must not be used for."""

import math
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from fercli.dataset import FER2013
from fercli.evaluation.measures import Evaluation, Measures, wilson_interval
from fercli.labels import LABELS
from fercli.models.history import Choice, Epoch, Portraits, Repetition
from fercli.models.inference import begun_with
from fercli.models.recipes import Recipe, options_of, recipe_from, with_options
from fercli.models.registry import MODELS, Model

CHOICES = "choices.csv"  # beside the cards
REPETITIONS = "repetitions.csv"
PORTRAITS = "portraits.csv"
SHIPPED = {model.sha256: name for name, model in MODELS.items() if model.sha256}  # by the digests of their weights

_LIMITS = """\
- The networks see a tight, upright, frontal crop of a face. Posed studio portraits, strong head turns, masks and glasses, and
  crops with another frame than FER2013's give worse labels than the figures above.
- FER2013's own labels are noisy: people agree with them about 65 % of the time (Goodfellow et al. 2013), and test images leak
  into its training set; the leak-free figure leaves those out.
- A label says which of seven words fits a picture, as FER2013's annotators used them. It says nothing of what anybody feels, and
  must not decide about anybody."""


def model_card(
    evaluations: Sequence[Evaluation],
    augmented: Sequence[Measures],
    metadata: dict[str, Any],
    history: Sequence[Epoch],
    figures: dict[str, str],
    choices: Sequence[Choice] = (),
    repetitions: Sequence[Repetition] = (),
    portraits: Sequence[Portraits] = (),
    data: str = FER2013,
) -> str:
    """Return the card of one model as Markdown.

    `evaluations` are of the same weights, one a split; `augmented` the same with test-time augmentation, or none; `metadata` is
    stored with the weights; `figures` maps a caption to a file; of the `choices` those of the same layers are quoted, of the
    `repetitions` those of the same model and as many epochs, of the `portraits` those that this model labelled. `data` is
    the name of the data set that was trained on, empty if it is not known.
    """
    model = MODELS[evaluations[0].model]
    recipe = recipe_from(metadata["recipe"])
    *earlier, _ = runs = _runs(metadata)
    folders = SHIPPED | {run["sha256"]: f"runs/{model.name}-{number}" for number, run in enumerate(earlier, 1)}
    lines = [f"# {model.name}", "", f"{model.summary.capitalize()}; {evaluations[0].parameters:,} parameters.", ""]
    lines += ["## How good it is", ""]
    measures = [item.measures for item in evaluations]
    lines += _table(["measure", *(item.split for item in evaluations)], _overall(measures, augmented))
    lines += ["", "Accuracy per class:", ""]
    lines += _table(["expression", *(item.split for item in evaluations)], _per_class(measures))
    lines += [*_counts(evaluations[0]), *_worth(evaluations[0]), *_after_shifts(evaluations)]
    lines += ["", "Measured with the weights as stored (float16), one crop an image, unless test-time augmentation is named.", ""]
    for published in model.published:
        lines += [
            f"Published for this network, {published.source}: {published.validation:g} % validation, {published.test:g} % test.",
            "",
        ]
    lines += [line for caption, file in figures.items() for line in (f"![{caption}]({file})", "")]
    lines += _for_whom([item for item in portraits if item.model == model.name])
    lines += ["## How it was trained", ""]
    facts = {
        "recipe": recipe.summary,
        "epochs done": f"{len(history)} of {recipe.epochs}; kept: epoch {metadata['epoch']}, the best on validation",
        "duration": f"{sum(epoch.seconds for epoch in history) / 60:.0f} minutes",
        "device": metadata.get("device", "unknown"),
        "versions": ", ".join(f"{key} {value}" for key, value in metadata["versions"].items()),
        "data set": f"{data or 'another than these figures are of'}, digest {metadata['dataset']}",
    }
    if begun_with(metadata):
        facts["duration"] += ", not counting the earlier runs"
        facts["begun with"] = _start(metadata, folders)
        facts |= {folders[run["sha256"]]: _origin(run, folders) for run in earlier}
    if metadata.get("teachers"):
        facts["taught by"] = ", ".join(f"{teacher['name']}, SHA-256 {teacher['sha256']}" for teacher in metadata["teachers"])
    changed = _changed_since(model, metadata)
    if not changed:
        facts["dropout, by layer"] = ", ".join(f"{rate:g}" for rate in model.network.dropout)
    lines += [f"- {key}: {value}" for key, value in facts.items()]
    if changed:
        lines += ["", f"No command gives these weights again: the registry's recipe has changed since, in its {changed}.", ""]
    elif any(run.get("dataset") != metadata["dataset"] for run in runs):
        lines += ["", "No command gives these weights again: they began with weights trained on another data set.", ""]
    else:
        ferplus = " --ferplus fer2013new.csv" if any(run["recipe"].get("votes") for run in runs) else ""
        prepared = f"`fercli prepare fer2013.csv{ferplus}`" if data == FER2013 else "preparing the same data set"
        lines += ["", f"Again, after {prepared}:", ""]
        lines += [*(f"    {_command(model, run, folders)}" for run in runs), ""]
    if recipe.epochs != model.recipe.epochs and not begun_with(metadata):  # else the commands tell each run's
        lines += [f"The registry's recipe has {model.recipe.epochs} epochs; these weights had {recipe.epochs}.", ""]
    alike = [item for item in repetitions if (item.model, item.epochs) == (model.name, recipe.epochs)]
    if len(alike) > 1:
        lines += ["How much of it is chance: trained alike, but for the seed.", ""]
        body = [[str(item.seed), _percent(item.test_accuracy), _percent(item.val_accuracy)] for item in alike]
        lines += [*_table(["seed", "test", "validation"], body), ""]
    tried = [choice for choice in choices if MODELS[choice.model].network == model.network]
    if tried:
        lines += [
            "Tried, each a whole schedule, and measured after its last epoch. In a few epochs less regularisation learns sooner, "
            "which says little of longer runs.",
            "",
        ]
        header = ["setting", "model", "epochs", "training, with dropout", "validation"]
        body = [
            [item.setting, item.model, str(item.epochs), _percent(item.accuracy), _percent(item.val_accuracy)] for item in tried
        ]
        lines += [*_table(header, body), ""]
    return "\n".join([*lines, "## What it is not for", "", _LIMITS, ""])


def _runs(metadata: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the `lineage` of weights, but for what came before those shipped, which are there for everybody."""
    begun = [start for start in begun_with(metadata) if start["sha256"] not in SHIPPED]
    before = {run["sha256"]: run for start in begun for run in _runs(start)}
    return [*before.values(), metadata]


def _start(run: dict[str, Any], folders: dict[str, str]) -> str:
    """Say which weights a run began with; `folders` are of the earlier runs, by the digests of what each kept."""
    names = [folders[start["sha256"]] + ", as shipped" * (start["sha256"] in SHIPPED) for start in begun_with(run)]
    return f"the mean of the weights of {', '.join(names)}" if len(names) > 1 else f"the weights of {names[0]}"


def _origin(run: dict[str, Any], folders: dict[str, str]) -> str:
    """Say how a run was trained that others began with."""
    begun = f"begun with {_start(run, folders)}, " if begun_with(run) else ""
    kept = f"kept: epoch {run.get('epoch', '?')}, SHA-256 {run['sha256']}"
    return f"{begun}{recipe_from(run['recipe']).summary}; {kept}; data set {run.get('dataset', 'unknown')}"


def _changed_since(model: Model, metadata: dict[str, Any]) -> str:
    """Name what weights, or those they began with, were trained with that no option can ask for and the registry has otherwise."""
    changed: dict[str, Any] = {}
    names, dropout = [field.name for field in fields(Recipe)], list(model.network.dropout)
    for run in _runs(metadata):
        then = recipe_from(run["recipe"])
        now = with_options(model.recipe, **options_of(then))
        changed |= {name: getattr(then, name) for name in names if getattr(then, name) != getattr(now, name)}
        if run.get("dropout", dropout) != dropout:
            changed["dropout"] = run["dropout"]
        if (was := model.as_trained(run).input) != model.input:
            changed["standardized tones"] = was["standardized"]
    return ", ".join(f"{name.replace('_', ' ')} ({value} then)" for name, value in changed.items())


def _command(model: Model, run: dict[str, Any], folders: dict[str, str]) -> str:
    """Return the command that trains such weights, into the run's own folder if it is one of the earlier."""
    ours, theirs = (options_of(recipe) for recipe in (recipe_from(run["recipe"]), model.recipe))
    options = [("start", folders[start["sha256"]]) for start in begun_with(run)]
    options += [("teacher", teacher["name"]) for teacher in run.get("teachers", [])]
    options += [(name.replace("_", "-"), value) for name, value in ours.items() if value != theirs[name]]
    options += [("out", folders[run["sha256"]])] if "sha256" in run else []
    return " ".join([f"fercli train --model {model.name}", *(_option(name, value) for name, value in options)])


def _option(name: str, value: Any) -> str:
    return f"--{'' if value else 'no-'}{name}" if isinstance(value, bool) else f"--{name} {value}"


def _overall(measures: Sequence[Measures], augmented: Sequence[Measures]) -> list[list[str]]:
    return [
        ["accuracy", *(_percent(item.accuracy) for item in measures)],
        ["95 % interval", *(f"{_percent(item.interval[0])} to {_percent(item.interval[1])}" for item in measures)],
        *([["with test-time augmentation", *(_percent(item.accuracy) for item in augmented)]] if augmented else []),
        ["leak-free accuracy", *(_percent(item.leak_free_accuracy) for item in measures)],
        ["balanced accuracy", *(_percent(item.balanced_accuracy) for item in measures)],
        ["macro-F1", *(_percent(item.macro_f1) for item in measures)],
        ["as the crowd (FER+)", *(_percent(item.crowd_agreement) for item in measures)],
        ["calibration error", *(_percent(item.calibration_error) for item in measures)],
        ["before calibration", *(_percent(item.calibration_error_before) for item in measures)],
        ["images (leaked)", *(f"{item.images:,} ({'–' if item.leaked is None else f'{item.leaked:,}'})" for item in measures)],
    ]


def _per_class(measures: Sequence[Measures]) -> list[list[str]]:
    return [[name, *(_percent(item.per_class[label]) for item in measures)] for label, name in enumerate(LABELS)]


def _counts(result: Evaluation) -> list[str]:
    measures = result.measures
    counts = {"images": measures.true, "labelled so": measures.predicted} | (
        {"so by the crowd": measures.crowd} if measures.crowd else {}
    )
    body = [
        [
            name,
            *(_percent(column[label]) for column in (measures.precision, measures.f1)),
            *(f"{column[label]:,}" for column in counts.values()),
        ]
        for label, name in enumerate(LABELS)
    ]
    text = f"How far a label can be relied on, and whether it comes too often, {result.split}:"
    return ["", text, "", *_table(["expression", "precision", "F1", *counts], body)]


def _worth(result: Evaluation) -> list[str]:
    """Return what a confidence is worth."""
    if not result.measures.kept:
        return []
    body = [[f"{item.confidence:g}", _percent(item.kept), _percent(item.right)] for item in result.measures.kept]
    text = f"What `confidence` is worth, {result.split}: the share of faces that have at least this, and of these right:"
    return ["", text, "", *_table(["confidence", "faces", "right"], body)]


def _after_shifts(evaluations: Sequence[Evaluation]) -> list[str]:
    if not all(item.shifts for item in evaluations):
        return []
    body = [[name, *(_percent(item.shifts[name]) for item in evaluations)] for name in evaluations[0].shifts]
    body.append(["mean", *(_percent(item.mean_over_shifts) for item in evaluations)])
    text = "Accuracy after changes of the images, as `fercli evaluate --shifts` makes them:"
    return ["", text, "", *_table(["change", *(item.split for item in evaluations)], body)]


def _for_whom(portraits: Sequence[Portraits]) -> list[str]:
    """Return how labels hold for groups of people, by whose portraits these are."""
    if not portraits:
        return []
    lines = [
        "## For whom it is worse",
        "",
        "Portraits, searched for faces and labelled; area: of the label against neutral, under the curve.",
        "",
    ]
    for source in dict.fromkeys(item.source for item in portraits):
        body = []
        for item in (item for item in portraits if item.source == source and item.faces):
            low, high = wilson_interval(item.right, item.faces)
            area = "–" if math.isnan(item.area) else f"{item.area:.3f}"
            right = f"{item.right} of {item.faces}"
            body.append([item.group, item.label, right, f"{_percent(low)} to {_percent(high)}", area])
        lines += [f"{source}:", "", *_table(["group", "label", "right", "95 % interval", "area"], body), ""]
    return lines


def _table(header: list[str], body: list[list[str]]) -> list[str]:
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return ["| " + " | ".join(row) + " |" for row in (header, rule, *body)]


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f} %"
