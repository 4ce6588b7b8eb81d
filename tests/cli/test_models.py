import json
from collections.abc import Callable

import pytest

from fercli.models.registry import DEFAULT_MODEL, DEFAULT_TO_TRAIN, ENSEMBLES, MODELS, card_path, weights_path
from tests.conftest import Ran


def test_every_entry_stands_on_standard_output(fercli: Callable[..., Ran]) -> None:
    ran = fercli("models")
    assert ran.code == 0
    for model in MODELS.values():
        (line,) = [line for line in ran.stdout.splitlines() if line.split()[:1] == [model.name] and "." in line]
        cost = model.measured["multiply_adds"] / MODELS[DEFAULT_MODEL].measured["multiply_adds"]
        assert f" {cost:.1f} " in line
        assert f"{weights_path(model.name).stat().st_size / 1e6:.1f}" in line
        assert f"{100 * model.measured['accuracy']:.1f}" in line
        assert f"{100 * model.measured['leak_free_accuracy']:.1f}" in line
        assert (" * " in line) == (model.name in (DEFAULT_MODEL, DEFAULT_TO_TRAIN))
        assert len(line) <= 80


def test_json_has_shares_and_bytes(fercli: Callable[..., Ran]) -> None:
    entries = {entry["name"]: entry for entry in json.loads(fercli("models", "--json").stdout)}
    assert list(entries) == [*MODELS, *ENSEMBLES]
    for model in MODELS.values():
        entry = entries[model.name]
        assert 0 < entry["leak_free_accuracy"] < entry["accuracy"] < 1
        assert all(0 < share < 1 for share in entry["published"].values())
        assert entry["bytes"] == weights_path(model.name).stat().st_size
    for ensemble in ENSEMBLES.values():
        members = [entries[name]["accuracy"] for name in ensemble.members]
        assert max(members) - 0.01 < entries[ensemble.name]["accuracy"] < 1
        assert entries[ensemble.name]["cost"] == pytest.approx(sum(entries[name]["cost"] for name in ensemble.members))
        assert entries[ensemble.name]["bytes"] == sum(entries[name]["bytes"] for name in ensemble.members)
    assert json.loads(fercli("models", "deep", "--json").stdout) == entries["deep"]


@pytest.mark.parametrize("name", ["deep-hog", "compact"])
def test_one_model_has_its_recipe_its_layers_and_its_card(fercli: Callable[..., Ran], name: str) -> None:
    ran = fercli("models", name)
    assert ran.code == 0
    words = [line.split() for line in ran.stdout.splitlines()]
    assert ["learning", "rate", str(MODELS[name].recipe.learning_rate)] in words
    layers = ran.stdout.split("numbers", 1)[1]
    counts = [int(line.split()[2].replace(",", "")) for line in layers.splitlines() if "×" in line]
    assert 0.9 * (MODELS[name].parameters or 0) < sum(counts) <= (MODELS[name].parameters or 0)
    assert f"# {name}" in ran.stdout
    assert str(card_path(name, "card.md")) in ran.stdout.splitlines()[0]
    assert ["dropout,", "by", "layer", *", ".join(map(str, MODELS[name].network.dropout)).split()] in words
    assert "![" in ran.stdout
    assert "## How it was trained" in ran.stdout


def test_the_papers_layers_are_told_with_pooling_and_dropout(fercli: Callable[..., Ran]) -> None:
    lines = fercli("models", "shallow").stdout.splitlines()
    (first, second), (dense,) = ([line for line in lines if line.startswith(name)] for name in (" convolution", " affine"))
    assert first.rstrip().endswith("448  ReLU, spatial dropout 0.1")
    assert second.rstrip().endswith("18,752  2×2 max-pooling, ReLU, spatial dropout 0.1")
    assert dense.rstrip().endswith("ReLU, dropout 0.5")


def test_a_terminal_is_shown_no_figures(fercli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fercli.cli.console.on_terminal", lambda: True)
    ran = fercli("models", "shallow")
    assert "![" not in ran.stdout
    assert "## How it was trained" not in ran.stdout
    assert "## What it is not for" in ran.stdout
    assert "which also says how it was trained" in ran.stdout


def test_nothing_is_published_for_networks_with_hog(fercli: Callable[..., Ran]) -> None:
    """Neither source reports one by itself."""
    entries = {entry["name"]: entry for entry in json.loads(fercli("models", "--json").stdout)}
    assert {name for name, entry in entries.items() if entry["published"]} == {"shallow", "deep"}
    for name, model in MODELS.items():
        assert ("Published for this network" in card_path(name, "card.md").read_text()) == bool(model.published)


def test_an_ensemble_names_its_members_and_has_its_card(fercli: Callable[..., Ran]) -> None:
    ran = fercli("models", "ensemble")
    assert ran.code == 0
    assert all(name in ran.stdout for name in ENSEMBLES["ensemble"].members)
    assert "# ensemble" in ran.stdout
