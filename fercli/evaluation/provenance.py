"""How weights came about, as the part of a card: the runs that made them, one after another, and what was tried besides."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from fercli.dataset import FER2013
from fercli.errors import listed
from fercli.evaluation.markdown import percent, table
from fercli.models.history import Choice, Epoch, Repetition
from fercli.models.lineage import begun_with, lineage
from fercli.models.recipes import Recipe, options_of, recipe_from, settings, with_options
from fercli.models.registry import MODELS, Model

SHIPPED = {model.sha256: name for name, model in MODELS.items() if model.sha256}  # by the digests of their weights
_SHORT_RUN = 10  # epochs, below which a run tells nothing of a whole schedule: what regularises least learns soonest
_NO_STEP = 1e-7  # a learning rate below which training leaves the weights as they are
Run = dict[str, Any]  # what weights say of a run, theirs or one that they come from


def training(
    model: Model,
    metadata: Run,
    history: Sequence[Epoch],
    data: str,
    choices: Sequence[Choice],
    repetitions: Sequence[Repetition],
) -> list[str]:
    """Return lines of Markdown that say how weights with this `metadata` were trained; `data` names their data set, if known."""
    runs = _runs(metadata)
    lines = [*_story(runs, model.name), "", *_facts(metadata, history, data, several=len(runs) > 1), ""]
    lines += [*_recipes(model, runs), "", *_again(model, runs, data)]
    return [*lines, *_repetitions(model, recipe_from(metadata["recipe"]), repetitions), *_choices(model, choices)]


def _runs(metadata: Run) -> list[Run]:
    """Return the `lineage` of weights, but for what came before shipped weights, which everybody has."""
    *before, last = lineage(metadata)
    runs, begun = [last], {start["sha256"] for start in begun_with(last)} - SHIPPED.keys()
    for run in reversed(before):  # each comes before those that began with it
        if run["sha256"] in begun:
            runs.append(run)
            begun |= {start["sha256"] for start in begun_with(run)} - SHIPPED.keys()
    return runs[::-1]


def _story(runs: Sequence[Run], name: str) -> list[str]:
    if len(runs) == 1:
        return [f"In one run, which started from {_start(runs[0], {})}."]
    begun = f"run 1 started from {_start(runs[0], {})}, the others from weights of earlier runs"
    told = f"In {len(runs)} runs: {begun}; the last made `{name}`."
    means = [f"run {number}" for number, run in enumerate(runs, 1) if recipe_from(run["recipe"]).learning_rate < _NO_STEP]
    if means:
        told += f" With a learning rate of almost 0, {listed(means)} only averaged the starting weights."
    return [told]


def _facts(metadata: Run, history: Sequence[Epoch], data: str, *, several: bool) -> list[str]:
    epochs = f"{len(history)} of {recipe_from(metadata['recipe']).epochs}"
    seconds = sum(epoch.seconds for epoch in history)
    facts = {
        "data set": f"{data or 'not the one that the figures above are of'}, digest {metadata['dataset']}",
        "epochs": f"{epochs}; kept: epoch {metadata['epoch']}, the best on validation",
        "duration": f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds",
        "device": metadata.get("device", "unknown"),
        "versions": ", ".join(f"{key} {value}" for key, value in metadata["versions"].items()),
    }
    if several:
        facts["duration"] += " (the last run alone)"
    elif metadata.get("teachers"):
        facts["teacher"] = _teachers(metadata, {})
    return [f"- {key}: {value}" for key, value in facts.items()]


def _numbers(runs: Sequence[Run]) -> dict[str, str]:
    """Return what to call the weights of each run but the last, by their digests."""
    return {run["sha256"]: f"run {number}" for number, run in enumerate(runs[:-1], 1)}


def _start(run: Run, names: dict[str, str]) -> str:
    """Say which weights a run started from; `names` are those of earlier runs, by the digests of what each kept."""
    known = {digest: f"`{name}` as shipped" for digest, name in SHIPPED.items()} | names
    starts = [known[start["sha256"]] for start in begun_with(run)]
    return f"the mean of {listed(starts)}" if len(starts) > 1 else "".join(starts) or "random weights"


def _recipes(model: Model, runs: Sequence[Run]) -> list[str]:
    """Return a table of what the runs' recipes set, a column each; what is the same in all of several is a sentence."""
    columns = [_settings(model, run) for run in runs]
    keys = sorted(dict.fromkeys(key for column in columns for key in column), key=lambda key: key.startswith("augmentation"))
    if len(runs) == 1:
        return table(["setting", "value"], [[key, columns[0][key]] for key in keys])
    names, last = _numbers(runs), len(runs)
    rows = {"starts from": [_start(run, names) for run in runs]}
    rows |= {key: [column.get(key, "–") for column in columns] for key in keys}
    rows |= {"teacher": [_teachers(run, names) for run in runs]}
    rows |= {"data set, digest": [str(run.get("dataset", "unknown"))[:12] for run in runs]}
    rows |= {"epoch kept": [str(run.get("epoch", "unknown")) for run in runs]}
    rows |= {"weights, SHA-256": [run["sha256"][:12] if number < last else "these" for number, run in enumerate(runs, 1)]}
    same = [f"{key} {values[0]}" for key, values in rows.items() if len(set(values)) == 1 and values[0] != "–"]
    body = [[key, *values] for key, values in rows.items() if len(set(values)) > 1]
    header = ["setting", *(f"run {number}" for number in range(1, last + 1))]
    return [*table(header, body), "", f"The same in all runs: {'; '.join(same)}."]


def _settings(model: Model, run: Run) -> dict[str, str]:
    dropout = ", ".join(f"{rate:g}" for rate in run.get("dropout") or model.network.dropout)
    was = model.as_trained(run).input
    tones = {"input standardised": "yes"} if was["standardized"] else {}
    tones |= {"input equalised, share": f"{was['equalized']:g}"} if was["equalized"] else {}
    return settings(recipe_from(run["recipe"])) | {"dropout, by layer": dropout} | tones


def _teachers(run: Run, names: dict[str, str]) -> str:
    teachers = [names.get(item["sha256"], f"{item['name']}, SHA-256 {item['sha256'][:12]}") for item in run.get("teachers") or []]
    return listed(dict.fromkeys(teachers)) or "–"


def _again(model: Model, runs: Sequence[Run], data: str) -> list[str]:
    """Return the commands that train such weights again, or why there are none."""
    changed = _changed_since(model, runs)
    if changed:
        told = f"since then the registry has changed settings that no option controls: {', '.join(changed)}"
        return [f"No command reproduces these weights, because {told}.", ""]
    if any(run.get("dataset") != runs[-1]["dataset"] for run in runs):
        return ["No command reproduces these weights, because they started from weights trained on a different data set.", ""]
    ferplus = " --ferplus fer2013new.csv" if any(recipe_from(run["recipe"]).uses_votes for run in runs) else ""
    prepared = f"`fercli prepare fer2013.csv{ferplus}`" if data == FER2013 else "preparing the same data set as `DATA.npz`"
    folders = SHIPPED | {run["sha256"]: f"runs/{model.name}-{number}" for number, run in enumerate(runs[:-1], 1)}
    files = folders | {run["sha256"]: f"{folders[run['sha256']]}/{run['file']}" for run in runs[:-1] if "file" in run}
    named = "" if data == FER2013 else " --data DATA.npz"
    lines = [
        f"To train such weights again, after {prepared}:",
        "",
        *(f"    {_command(model, run, folders, files)}{named}" for run in runs),
        "",
    ]
    epochs = recipe_from(runs[-1]["recipe"]).epochs
    if len(runs) == 1 and epochs != model.recipe.epochs:
        lines += [f"The registry's recipe has {model.recipe.epochs} epochs; these weights had {epochs}.", ""]
    return lines


def _changed_since(model: Model, runs: Sequence[Run]) -> list[str]:
    """Name the settings of runs that no option can ask for and the registry has otherwise."""
    changed = []
    for run in runs:
        then = recipe_from(run["recipe"])
        now = with_options(model.recipe, **options_of(then))
        changed += [
            field.name.replace("_", " ") for field in fields(Recipe) if getattr(then, field.name) != getattr(now, field.name)
        ]
        changed += ["dropout"] if run.get("dropout", list(model.network.dropout)) != list(model.network.dropout) else []
        changed += ["the tones of the input"] if model.as_trained(run).input != model.input else []
    return list(dict.fromkeys(changed))


def _command(model: Model, run: Run, folders: dict[str, str], files: dict[str, str]) -> str:
    """Return the command that trains such weights, into a folder of its own if it is an earlier run.

    `folders` are those of earlier runs, `files` the same or the file in them to start from, by the digests of what they left.
    """
    ours, theirs = (options_of(recipe) for recipe in (recipe_from(run["recipe"]), model.recipe))
    options = [("start", files[start["sha256"]]) for start in begun_with(run)]
    options += [("teacher", folders.get(teacher["sha256"], teacher["name"])) for teacher in run.get("teachers", [])]
    options += [(name.replace("_", "-"), value) for name, value in ours.items() if value != theirs[name]]
    options += [("out", folders[run["sha256"]])] if "sha256" in run else []
    return " ".join([f"fercli train --model {model.name}", *(_option(name, value) for name, value in options)])


def _option(name: str, value: Any) -> str:
    return f"--{'' if value else 'no-'}{name}" if isinstance(value, bool) else f"--{name} {value}"


def _repetitions(model: Model, recipe: Recipe, repetitions: Sequence[Repetition]) -> list[str]:
    alike = [item for item in repetitions if (item.model, item.epochs) == (model.name, recipe.epochs)]
    if len(alike) < 2:
        return []
    body = [[str(item.seed), percent(item.test_accuracy), percent(item.val_accuracy)] for item in alike]
    return [
        "How much of the accuracy is chance: the same training with other seeds.",
        "",
        *table(["seed", "test", "validation"], body),
        "",
    ]


def _choices(model: Model, choices: Sequence[Choice]) -> list[str]:
    alike = {name for name, other in MODELS.items() if (other.network, other.recipe) == (model.network, model.recipe)}
    tried = [item for item in choices if item.model in alike]
    tried = [item for item in tried if item.epochs >= _SHORT_RUN or item.setting.startswith("start=")]
    if not tried:
        return []
    header = ["setting", "epochs", "accuracy in training", "accuracy on validation"]
    body = [[item.setting, str(item.epochs), percent(item.accuracy), percent(item.val_accuracy)] for item in tried]
    text = (
        f"What was tried, each for a whole schedule, with the accuracy after its last epoch; `{model.name}-1` is run 1, and "
        "settings not named are those of the registry at that time. Accuracy in training is that with dropout and augmentation."
    )
    return [text, "", *table(header, body), ""]
