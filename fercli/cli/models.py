"""`fercli models`."""

from fercli.cli import console
from fercli.models.registry import DEFAULT_MODEL, DEFAULT_TO_TRAIN, ENSEMBLES, MODELS

_NO_RECIPE = ("–",) * 6


EXAMPLES = (
    "fercli models",
    "fercli models --help",
)


def models() -> None:
    """List the models of the registry, from its data alone."""
    columns = ["name", "parameters", "rate", "L2", "epochs", "batch", "published,\ntest, %", "weights"]
    table = console.table("Models", columns)
    for model in MODELS.values():
        recipe = model.recipe
        table.add_row(
            model.name,
            f"{model.parameters:,}" if model.parameters else "–",
            f"{recipe.learning_rate:g}",
            f"{recipe.l2:g}",
            str(recipe.epochs),
            str(recipe.batch_size),
            " / ".join(f"{item.test:g}" for item in model.published) or "–",
            "shipped" if model.sha256 else "–",
        )
    for ensemble in ENSEMBLES.values():
        table.add_row(ensemble.name, *_NO_RECIPE, "" if all(MODELS[name].sha256 for name in ensemble.members) else "–")
    console.show_result(table)
    for ensemble in ENSEMBLES.values():
        console.say_result(f"{ensemble.name}: the mean of {', '.join(ensemble.members)}")
    console.say_result(f"Published: {' / '.join(_sources())}, on PrivateTest; HOG changed it by little, both say.")
    console.say_result(
        f"{DEFAULT_MODEL} is the default of classify, {DEFAULT_TO_TRAIN} of train. "
        "Where no weights are shipped: fercli train --model NAME"
    )


def _sources() -> list[str]:
    return list(dict.fromkeys(item.source for model in MODELS.values() for item in model.published))
