"""How networks are trained, as data."""

import math
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from numbers import Integral, Real
from typing import Any

from fercli.errors import IntegrityError, UsageError, listed


class Precision(StrEnum):
    """Dtype policies of Keras that the networks are tested with."""

    float32 = "float32"
    mixed_bfloat16 = "mixed_bfloat16"


class ClassWeights(StrEnum):
    """How much the images of each class count in the loss."""

    balanced = "balanced"


RANGES: dict[str, tuple[Any, Any]] = {  # the least and the greatest value; None: no limit
    **{"epochs": (1, 10**6), "batch_size": (2, 10**6), "learning_rate": (1e-8, None), "l2": (0, None), "seed": (0, 2**32 - 1)},
    **{"momentum": (0, 1), "warmup_epochs": (0, None), "label_smoothing": (0, 1), "average": (0, 1)},
    **{"votes": (0, 1), "teacher_share": (0, 1), "augmentation_strength": (0, 1), "erasing": (0, 1)},
}
_WORDS = {
    "optimizer": ("adam", "sgd"),
    "schedule": ("cosine", "constant"),
    "class_weights": ("", *ClassWeights),
    "precision": tuple(Precision),
}


@dataclass(frozen=True)
class Augmentation:
    """Random changes to a training image, drawn anew each time it is shown, each uniformly up to its bound either way; 0 is none.

    `rotation` is in degrees; `scale` and `shift` are shares of the size and of the side. `flip` mirrors half of the images. A share
    `unmoved` of the images is moved by whole pixels only, so that the network sees images without interpolation, too.

    `brightness` is a share of the full range. `side_light` is a share of the light, by which one corner is lighter and the opposite
    one darker. `gamma` and `contrast` are the logarithms of a power and of a factor. `sharpness` 1 adds what a 3x3 binomial blur
    would take away; -1 is that blur.

    A share `noisy` of the images gets noise with a standard deviation of up to `noise` grey levels, and a share `compressed` what
    JPEG would do to it at a quality from `quality` to 95. A share `erasing` loses a rectangle (Zhong et al. 2020).

    `strength`, 0 to 1, is how much of this holds: it multiplies the bounds of what moves an image or changes its light and
    sharpness, and the shares with noise and compressed. `flip`, `unmoved`, `noise`, `quality` and `erasing` stay as they are. A
    network that was trained on strongly changed images gains from some last epochs on images nearer to those it will be shown
    (He, Z. et al. 2019).
    """

    flip: bool = False
    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    unmoved: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    gamma: float = 0.0
    side_light: float = 0.0
    sharpness: float = 0.0
    noise: float = 0.0
    noisy: float = 0.0
    quality: float = 0.0
    compressed: float = 0.0
    erasing: float = 0.0
    strength: float = 1.0

    @property
    def scaled(self) -> "Augmentation":
        """The augmentation that does the same with strength 1."""
        return replace(self, strength=1.0, **{name: self.strength * getattr(self, name) for name in _SCALED})


_SCALED = ("rotation", "scale", "shift", "brightness", "contrast", "gamma", "side_light", "sharpness", "noisy", "compressed")


@dataclass(frozen=True)
class Recipe:
    """How a model is trained. `--resume` refuses any change to it.

    The learning rate rises from zero over `warmup_epochs`, but no more than half of all epochs, then falls to zero along a cosine
    over the others; with the schedule `constant` it stays as it is. `l2` weights the squared kernels.

    The target of an image is its label, of which a share `votes` gives way to the votes of the crowd (FER+, Barsoum et al. 2016).
    With `balanced_votes`, the votes for each class are weighted so that they are as many as its labels. With `votes_by_agreement`,
    the share is larger where most people agree on an expression that the labels usually call the same. Of the result a share
    `teacher_share` gives way to the answers of other networks (Hinton et al. 2015), and of that a share `label_smoothing` to all
    classes alike. With `class_weights` set to `balanced`, all classes count alike in the loss, however many images they have.

    `average`, if not 0, is the momentum of a moving average of the weights, and that average is kept; see `momentum_of_average`.
    With an `augmentation`, the original images are shown, without the mirrored copies.
    """

    optimizer: str
    learning_rate: float
    l2: float
    epochs: int
    batch_size: int
    schedule: str = "cosine"
    momentum: float = 0.9
    seed: int = 0
    precision: str = "float32"
    warmup_epochs: float = 0.0
    label_smoothing: float = 0.0
    votes: float = 0.0
    balanced_votes: bool = False
    votes_by_agreement: bool = False
    class_weights: str = ""
    teacher_share: float = 0.0
    average: float = 0.0
    augmentation: Augmentation | None = None

    @property
    def uses_votes(self) -> bool:
        """Whether the targets depend on the crowd's votes."""
        return bool(self.votes) or self.votes_by_agreement

    def momentum_of_average(self, steps: int) -> float:
        """Return `average`, or less for a run of so few `steps` in all that the average would never leave its start."""
        return min(self.average, steps / (steps + 10))


_TERMS = {  # for people, where a field's name says too little
    "l2": "L2 penalty (weight decay)",
    "seed": "random seed",
    "votes": "soft labels: share of the crowd's votes (FER+)",
    "balanced_votes": "crowd's votes weighted by class",
    "votes_by_agreement": "larger share of votes where labels and crowd mostly agree",
    "teacher_share": "knowledge distillation: share of the teacher's predictions",
    "average": "moving average of the weights: momentum",
    "flip": "horizontal flip",
    "rotation": "rotation, degrees",
    "shift": "translation",
    "unmoved": "share moved by whole pixels only",
    "side_light": "light from one side",
    "noise": "noise, grey levels",
    "noisy": "share with noise",
    "quality": "lowest JPEG quality",
    "compressed": "share compressed as JPEG",
    "erasing": "share with random erasing",
}


def settings(recipe: Recipe) -> dict[str, str]:
    """Return what a recipe sets, named for people; what is unused, zero or empty is left out, except for the seed."""
    values = asdict(recipe)
    if recipe.optimizer == "adam":
        values["momentum"] = 0.0
    if not recipe.uses_votes:
        values["balanced_votes"] = False
    augmentation = values.pop("augmentation") or {}
    found = {_TERMS.get(name, name.replace("_", " ")): value for name, value in values.items() if value or name == "seed"}
    found |= {f"augmentation: {_TERMS.get(name, name)}": value for name, value in augmentation.items() if value}
    return {
        name: "yes" if value is True else f"{value:g}" if isinstance(value, float) else str(value) for name, value in found.items()
    }


_FORMER = ("mixup",)  # fields of older versions, which may be left out if they were 0


def recipe_from(values: dict[str, Any]) -> Recipe:
    """Return the recipe from the values that `asdict` gave; TypeError if this version does not know such a recipe."""
    augmentation = values.get("augmentation")
    known = {name: value for name, value in values.items() if name not in _FORMER or value}
    recipe = Recipe(**known | {"augmentation": augmentation and Augmentation(**augmentation)})
    records: list[Any] = [recipe, *([recipe.augmentation] if recipe.augmentation else [])]
    for record in records:
        for item in fields(record):
            kind: Any = int | float if item.type is float else item.type
            if not isinstance(getattr(record, item.name), kind):
                raise TypeError(f"{item.name} is {getattr(record, item.name)!r}")
    return recipe


def known_recipe(metadata: dict[str, Any], where: object) -> Recipe:
    """Return the recipe in the metadata of weights or a checkpoint; IntegrityError, naming `where`, if none is known."""
    try:
        return recipe_from(metadata["recipe"])
    except (KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{where} holds no recipe that this version knows ({error!r}).") from error


OPTIONS = (  # of `train`, besides those of the augmentation
    *("epochs", "batch_size", "learning_rate", "l2", "seed", "precision"),
    *("votes", "balanced_votes", "votes_by_agreement", "class_weights", "teacher_share"),
)


def options_of(recipe: Recipe) -> dict[str, Any]:
    """Return the values of a recipe that options of `train` can set; those of its augmentation are None without one."""
    found = recipe.augmentation
    of_augmentation = {"augmentation_strength": found and found.strength, "erasing": found and found.erasing}
    return {name: getattr(recipe, name) for name in OPTIONS} | of_augmentation


def _refuse_odd(options: dict[str, Any]) -> None:
    """Raise UsageError for a word that is not known, and a number that is out of range."""
    for name in options.keys() & _WORDS.keys():
        if options[name] is not None and options[name] not in _WORDS[name]:
            known = listed([repr(str(word)) for word in _WORDS[name]])
            raise UsageError(f"{name} cannot be {options[name]!r}; choose one of {known}.")
    whole = {item.name for item in fields(Recipe) if item.type is int}
    for name in options.keys() & RANGES.keys():
        value, (low, high) = options[name], RANGES[name]
        kind = Integral if name in whole else Real  # NumPy's numbers, too
        number = isinstance(value, kind) and not isinstance(value, bool)
        fits = number and low <= value and (value < math.inf if high is None else value <= high)
        if value is not None and not fits:
            bounds = f"of at least {low:g}" if high is None else f"from {low:g} to {high:.10g}"
            raise UsageError(f"{name} cannot be {value!r}; give {'a whole number' if name in whole else 'a number'} {bounds}.")


def with_options(recipe: Recipe, **options: Any) -> Recipe:
    """Return the recipe with those options, named as in `options_of`, that are not None in place of its own values.

    Raises UsageError for the strength of an augmentation that there is not, and for values that nothing can be trained with.
    """
    _refuse_odd(options)
    augmentation = options.pop("augmentation", None) or recipe.augmentation
    strength, erasing = options.pop("augmentation_strength", None), options.pop("erasing", None)
    if strength is not None:
        if not augmentation:
            raise UsageError("The recipe has no augmentation whose strength could be set; drop --augmentation-strength.")
        augmentation = replace(augmentation, strength=strength)
    if erasing is not None and (augmentation or erasing):  # flips replace the mirrored copies, which are not shown then
        augmentation = replace(augmentation or Augmentation(flip=True), erasing=erasing)
    return replace(recipe, augmentation=augmentation, **{name: value for name, value in options.items() if value is not None})
