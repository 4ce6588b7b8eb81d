import json
import re
from dataclasses import asdict, replace

import numpy as np
import pytest

from fercli.errors import IntegrityError, UsageError
from fercli.models.lineage import lineage
from fercli.models.recipes import Augmentation, known_recipe, options_of, recipe_from, with_options
from fercli.models.registry import MODELS, weights_path
from fercli.models.weights import read_weights


def test_options_leave_out_none() -> None:
    recipe = MODELS["deep"].recipe
    assert with_options(recipe, epochs=None, seed=5) == replace(recipe, seed=5)


@pytest.mark.parametrize("name", MODELS)
def test_a_recipes_own_options_change_nothing(name: str) -> None:
    recipe = MODELS[name].recipe
    assert with_options(recipe, **options_of(recipe)) == recipe


def test_a_short_run_averages_over_fewer_steps() -> None:
    recipe = replace(MODELS["compact"].recipe, average=0.998)
    assert recipe.momentum_of_average(30 * 225) == 0.998
    assert recipe.momentum_of_average(10) == 0.5
    assert replace(recipe, average=0.0).momentum_of_average(10) == 0


def test_erasing_is_the_augmentations() -> None:
    erased = with_options(MODELS["compact"].recipe, erasing=0.25)
    assert erased.augmentation == replace(MODELS["compact"].recipe.augmentation, erasing=0.25)  # type: ignore[type-var]
    assert options_of(erased)["erasing"] == 0.25
    alone = with_options(MODELS["deep"].recipe, erasing=0.1).augmentation
    assert alone is not None
    assert (alone.erasing, alone.flip) == (0.1, True)
    assert with_options(MODELS["deep"].recipe, erasing=0.0) == MODELS["deep"].recipe


def test_strength_is_of_the_changes_but_for_erasing_and_flips() -> None:
    recipe = MODELS["compact"].recipe
    weaker = with_options(recipe, augmentation_strength=0.4, erasing=0.1)
    assert recipe.augmentation is not None
    assert weaker.augmentation == replace(recipe.augmentation, strength=0.4, erasing=0.1)
    assert options_of(weaker)["augmentation_strength"] == 0.4
    scaled = weaker.augmentation.scaled
    assert (scaled.rotation, scaled.noisy, scaled.noise, scaled.quality, scaled.erasing) == (6, 0.2, 12, 20, 0.1)
    assert (scaled.flip, scaled.unmoved, scaled.strength) == (True, recipe.augmentation.unmoved, 1)
    assert scaled.scaled == scaled
    given = with_options(recipe, augmentation=Augmentation(rotation=10), augmentation_strength=0.5)
    assert given.augmentation == Augmentation(rotation=10, strength=0.5)
    with pytest.raises(UsageError, match="drop --augmentation-strength"):
        with_options(MODELS["deep"].recipe, augmentation_strength=0.4)


@pytest.mark.parametrize("name", MODELS)
def test_a_recipe_survives_json(name: str) -> None:
    recipe = MODELS[name].recipe
    assert recipe_from(json.loads(json.dumps(asdict(recipe)))) == recipe


def test_an_older_versions_recipe_has_none_of_what_it_did_not_know() -> None:
    values = {"optimizer": "sgd", "learning_rate": 0.01, "l2": 1e-7, "epochs": 35, "batch_size": 128}
    recipe = recipe_from(values)
    assert (recipe.augmentation, recipe.votes, recipe.average, recipe.warmup_epochs) == (None, 0, 0, 0)
    assert (recipe.balanced_votes, recipe.teacher_share) == (False, 0)
    with pytest.raises(TypeError):
        recipe_from(values | {"unheard": 1})


def test_an_older_versions_field_is_left_out_only_if_it_did_nothing() -> None:
    values = asdict(MODELS["deep"].recipe)
    assert recipe_from(values | {"mixup": 0.0}) == MODELS["deep"].recipe
    assert known_recipe({"recipe": values | {"mixup": 0.0}}, "w") == MODELS["deep"].recipe
    with pytest.raises(IntegrityError, match="w holds no recipe that this version knows"):
        known_recipe({"recipe": values | {"mixup": 0.2}}, "w")


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.sha256])
def test_the_shipped_weights_recipes_are_known(name: str) -> None:
    for run in lineage(read_weights(weights_path(name)).metadata):
        known_recipe(run, name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "adamw"}, "optimizer cannot be 'adamw'; choose one of 'adam' and 'sgd'"),
        ({"class_weights": "off"}, "class_weights cannot be 'off'"),
        ({"schedule": "linear"}, "schedule cannot be 'linear'"),
        ({"precision": "float99"}, "precision cannot be 'float99'"),
        ({"batch_size": 0}, "batch_size cannot be 0; give a whole number from 2 to 1000000"),
        ({"epochs": 1.5}, "epochs cannot be 1.5; give a whole number from 1 to 1000000"),
        ({"epochs": 10**400}, "give a whole number from 1 to 1000000"),
        ({"epochs": True}, "epochs cannot be True"),
        ({"epochs": "3"}, "epochs cannot be '3'"),
        ({"seed": 2**32}, "seed cannot be 4294967296; give a whole number from 0 to 4294967295"),
        ({"learning_rate": float("inf")}, "learning_rate cannot be inf"),
        ({"l2": float("nan")}, "l2 cannot be nan"),
        ({"erasing": 2}, "erasing cannot be 2; give a number from 0 to 1"),
    ],
)
def test_what_nothing_can_be_trained_with_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        with_options(MODELS["compact"].recipe, **options)


def test_numbers_of_numpy_are_taken() -> None:
    assert with_options(MODELS["compact"].recipe, epochs=np.int64(3), l2=np.float32(0.5)).epochs == 3
