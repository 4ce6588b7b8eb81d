"""`fercli models`."""

import json
from typing import Annotated, Any

import typer

from fercli.cli import console
from fercli.errors import listed
from fercli.models.recipes import settings
from fercli.models.registry import (
    DEFAULT_MODEL,
    DEFAULT_TO_TRAIN,
    ENSEMBLES,
    MODELS,
    Ensemble,
    Model,
    card_path,
    find_entry,
    weights_path,
)

EXAMPLES = (
    "fercli models",
    "fercli models compact",
)


def models(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Show this model: its recipe, its layers and its card.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with shares from 0 to 1.")] = False,
) -> None:
    """List the models with their accuracy and size, or show one in detail."""
    entries: list[Model | Ensemble] = [find_entry(name)] if name else [*MODELS.values(), *ENSEMBLES.values()]
    if as_json:
        values = [_facts(entry) for entry in entries]
        console.say_result(json.dumps(values[0] if name else values, indent=1))
    elif name:
        _show_one(entries[0])
    else:
        _show_all([_facts(entry) for entry in entries])


def _facts(entry: Model | Ensemble) -> dict[str, Any]:
    """Return what is known of an entry without computing anything, as JSON values; None where nothing is known."""
    networks = [MODELS[name] for name in entry.members] if isinstance(entry, Ensemble) else [entry]
    measured = entry.measured
    multiply_adds = measured.get("multiply_adds")
    default = MODELS[DEFAULT_MODEL].measured.get("multiply_adds")
    files = [weights_path(network.name) for network in networks]
    return {
        "name": entry.name,
        "summary": entry.summary,
        "members": list(entry.members) if isinstance(entry, Ensemble) else [],
        "default_of": [
            command for command, chosen in {"classify": DEFAULT_MODEL, "train": DEFAULT_TO_TRAIN}.items() if chosen == entry.name
        ],
        "shipped": all(network.sha256 for network in networks),
        "parameters": entry.parameters,
        "bytes": sum(file.stat().st_size for file in files) if all(file.is_file() for file in files) else None,
        "multiply_adds": multiply_adds,
        "cost": multiply_adds / default if multiply_adds and default else None,
        **{key: measured.get(key) for key in ("accuracy", "leak_free_accuracy", "mean_over_shifts")},
        "published": {item.source: item.test / 100 for item in entry.published},
    }


def _show_all(entries: list[dict[str, Any]]) -> None:
    shifts = any(facts["mean_over_shifts"] is not None for facts in entries)
    columns = ["name", "MB", "cost", "accuracy,\n%", "leak-free,\n%", *["shifted,\n%"] * shifts, "published,\n%"]
    table = console.table("Models, measured on FER2013's PrivateTest", columns)
    for facts in entries:
        table.add_row(
            facts["name"] + " *" * bool(facts["default_of"]),
            console.NOTHING if facts["bytes"] is None else f"{facts['bytes'] / 1e6:.1f}",
            console.NOTHING if facts["cost"] is None else f"{facts['cost']:.1f}",
            *(console.percent(facts[key]) for key in ("accuracy", "leak_free_accuracy", *["mean_over_shifts"] * shifts)),
            " / ".join(f"{100 * share:.1f}" for share in facts["published"].values()) or console.NOTHING,
        )
    console.show_result(table)
    console.say_result(f"* {DEFAULT_MODEL} is the default of classify, {DEFAULT_TO_TRAIN} that of train.")
    for facts in entries:
        if facts["members"]:
            console.say_result(f"{facts['name']}: the weighted mean of {listed(facts['members'])}.")
    console.say_result(f"Cost: multiply-adds per face, relative to {DEFAULT_MODEL}.")
    console.say_result("Leak-free: without the images that are also in the training set.")
    if shifts:
        console.say_result("Shifted: the mean over changed images: noise, blur, JPEG and others.")
    sources = dict.fromkeys(source for facts in entries for source in facts["published"])
    console.say_result(f"Published: {' / '.join(sources)}; neither reports a network with HOG by itself.")
    without = [facts["name"] for facts in entries if not facts["shipped"]]
    if without:
        console.say_result(f"Without shipped weights: {', '.join(without)}; train some with fercli train --model NAME.")
    console.say_result("To see one with its recipe, layers and card: fercli models NAME")


def _show_one(entry: Model | Ensemble) -> None:
    card = card_path(entry.name, "card.md")
    if card.is_file():
        from fercli.evaluation.cards import for_terminal, without_front_matter

        text = without_front_matter(card.read_text(encoding="utf-8"))
        shown = for_terminal(text) if console.on_terminal() else text
        trained = ", which also says how it was trained" if isinstance(entry, Model) and shown != text else ""
        console.say_result(f"From its card, {console.name(card)}{trained}:\n\n{shown.rstrip()}\n")
    else:
        how = "fercli evaluate --weights RUN --card FOLDER writes one"
        console.say_result(f"{entry.name}: {entry.summary}. It has no card; {how}.")
    if isinstance(entry, Model):
        _show_recipe(entry)
        if entry.sha256:
            _show_layers(entry)


def _show_recipe(model: Model) -> None:
    table = console.table(f"Recipe of fercli train --model {model.name}", ["setting", "value"])
    dropout = ", ".join(f"{rate:g}" for rate in model.network.dropout)
    for name, value in (settings(model.recipe) | ({"dropout, by layer": dropout} if dropout else {})).items():
        table.add_row(name, value)
    console.show_result(table)


def _show_layers(model: Model) -> None:
    from fercli.models.weights import read_weights

    layers: dict[str, list[Any]] = {}
    for name, tensor in read_weights(weights_path(model.name), model.sha256).tensors.items():
        layers.setdefault(name.partition("/")[0].removesuffix("_normalization"), []).append(tensor)
    then = model.network.then
    columns = ["layer", "kernel", "numbers", *["then"] * bool(then)]
    table = console.table(f"Layers of {model.name} that have weights, each with its normalisation", columns)
    for layer, tensors in layers.items():
        shape = "×".join(map(str, tensors[0].shape))
        table.add_row(layer, shape, f"{sum(tensor.size for tensor in tensors):,}", *[then.get(layer, "")] * bool(then))
    if then:
        table.columns[-1].justify = "left"
    console.show_result(table)
