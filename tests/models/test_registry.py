import hashlib
import json
import re
from dataclasses import asdict

import pytest

from fercli.errors import UsageError
from fercli.labels import LABELS
from fercli.models.architectures.paper import PaperNetwork
from fercli.models.architectures.residual import ResidualNetwork
from fercli.models.registry import DEFAULT_MODEL, MODELS, Model, card_path, find_model, name_from_flags, weights_path


def test_the_papers_four_as_published() -> None:
    networks = {name: model.network for name, model in MODELS.items() if isinstance(model.network, PaperNetwork)}
    shapes = {name: [(c.filters, c.size, c.pool) for c in network.convolutions] for name, network in networks.items()}
    shallow = [(32, 3, False), (64, 3, True)]
    deep = [(64, 3, True), (128, 5, True), (512, 3, True), (512, 3, True)]
    assert shapes == {"shallow": shallow, "shallow-hog": shallow, "deep": deep, "deep-hog": deep}
    for name, network in networks.items():
        model = MODELS[name]
        assert [a.units for a in network.affines] == ([512] if "shallow" in name else [256, 512])
        assert model.uses_hog == name.endswith("-hog")
        recipe = model.recipe
        assert (recipe.learning_rate, recipe.l2) == ((0.001, 1e-6) if "shallow" in name else (0.01, 1e-7))
        assert (recipe.epochs, recipe.batch_size) == (35, 128)
        assert all(len(published.per_class) == len(LABELS) for published in model.published)


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ("", None),
        ("deep", "deep"),
        ("shallow", "shallow"),
        ("hog", "deep-hog"),
        ("no-hog", "deep"),
        ("shallow hog", "shallow-hog"),
        ("deep no-hog", "deep"),
    ],
)
def test_flags_name_a_model(flags: str, name: str | None) -> None:
    given = flags.split()
    hog = "hog" in given or (False if "no-hog" in given else None)
    assert name_from_flags(model=None, deep="deep" in given, shallow="shallow" in given, hog=hog) == name


def test_flags_that_exclude_each_other_and_unknown_models_are_usage_errors() -> None:
    assert name_from_flags(model="shallow-hog", deep=False, shallow=False, hog=None) == "shallow-hog"
    with pytest.raises(UsageError, match="leave --deep"):
        name_from_flags(model="deep", deep=True, shallow=False, hog=None)
    with pytest.raises(UsageError, match="exclude each other"):
        name_from_flags(model=None, deep=True, shallow=True, hog=None)
    with pytest.raises(UsageError, match="shallow, shallow-hog, deep, deep-hog"):
        find_model("vgg")


def test_records_are_plain_data() -> None:
    for model in MODELS.values():
        assert asdict(model)["name"] == model.name
        assert json.loads(json.dumps(asdict(model)))["recipe"]["seed"] == model.recipe.seed


def test_the_compact_network_is_small() -> None:
    model = MODELS["compact"]
    assert model.parameters
    assert model.parameters <= 3_000_000
    assert isinstance(model.network, ResidualNetwork)


def test_the_default_is_shipped() -> None:
    assert MODELS[DEFAULT_MODEL].sha256


@pytest.mark.parametrize("model", [model for model in MODELS.values() if model.sha256], ids=lambda model: model.name)
def test_shipped_weights_are_those_of_the_digest_small_enough_and_have_a_card(model: Model) -> None:
    data = weights_path(model.name).read_bytes()
    assert hashlib.sha256(data).hexdigest() == model.sha256
    assert len(data) < 50_000_000
    for part in ("card.md", "history.csv", "confusion.png", "reliability.png", "metrics.json"):
        assert card_path(model.name, part).is_file()
    card = card_path(model.name, "card.md").read_text()
    figures = re.findall(r"!\[.*\]\((.*)\)", card)
    assert len(figures) >= 2
    assert all(card_path(model.name, "card.md").with_name(figure).is_file() for figure in figures)
