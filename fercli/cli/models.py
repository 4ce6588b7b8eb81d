"""`fercli models`."""

from fercli.cli import console
from fercli.registry import DEFAULT_MODEL, DEFAULT_TO_TRAIN, MODELS


def models() -> None:
    """List the models of the registry, from its data alone."""
    columns = ["name", "parameters", "rate", "L2", "epochs", "batch", "published,\ntest, %", "weights"]
    table = console.table("Models", columns)
    for model in MODELS.values():
        recipe = model.recipe
        table.add_row(
            model.name,
            f"{model.parameters:,}",
            f"{recipe.learning_rate:g}",
            f"{recipe.l2:g}",
            str(recipe.epochs),
            str(recipe.batch_size),
            " / ".join(f"{item.test:g}" for item in model.published) or "–",
            "shipped" if model.sha256 else "–",
        )
    console.show_result(table)
    console.say_result(f"Published: {' / '.join(_sources())}, on PrivateTest; HOG changed it by little, both say.")
    console.say_result(
        f"{DEFAULT_MODEL} is the default of classify, {DEFAULT_TO_TRAIN} of train. "
        "Where no weights are shipped: fercli train --model NAME"
    )


def _sources() -> list[str]:
    return list(dict.fromkeys(item.source for model in MODELS.values() for item in model.published))
