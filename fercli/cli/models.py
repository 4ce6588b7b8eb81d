"""`fercli models`."""

from fercli.cli import console
from fercli.registry import DEFAULT_MODEL, MODELS


def models() -> None:
    """List the models of the registry, from its data alone."""
    columns = ["name", "parameters", "optimizer", "rate", "L2", "epochs", "batch", *_published_titles(), "weights"]
    caption = (
        f"{DEFAULT_MODEL} is the default of classify and train. Published: accuracy on PrivateTest, in %; "
        "HOG changed it by little, the sources say."
    )
    table = console.table("Models", columns, caption=caption)
    for model in MODELS.values():
        recipe = model.recipe
        published = {item.source: f"{item.test:g}" for item in model.published}
        table.add_row(
            model.name,
            f"{model.parameters:,}",
            recipe.optimizer,
            f"{recipe.learning_rate:g}",
            f"{recipe.l2:g}",
            str(recipe.epochs),
            str(recipe.batch_size),
            *(published.get(source, "–") for source in _published_titles()),
            "shipped" if model.sha256 else "train it",
        )
    console.show_result(table)


def _published_titles() -> list[str]:
    return list(dict.fromkeys(item.source for model in MODELS.values() for item in model.published))
