"""How networks are trained, as data."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from fercli.errors import IntegrityError


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a training image, drawn anew whenever it is shown, each uniformly up to its bound either way; 0 is none.

    `rotation` is in degrees; `scale` and `shift` are shares of the size and the side. `flip` mirrors half of the images, and a
    share `unmoved` of them are moved by whole pixels only, so that the network knows images without interpolation, too.

    `brightness` is a share of the full range, `side_light` of the light, as much more in one corner as less in the other; `gamma`
    and `contrast` are logarithms, of a power and of a factor. `sharpness` 1 adds what a 3x3 binomial blur would take away, -1 is
    that blur.

    A share `noisy` of the images have noise of a standard deviation up to `noise`, of 255, and a share `compressed` of them what
    JPEG would do to them at a quality from `quality` up to 95. A share `erasing` of them lose a rectangle (Zhong et al. 2020).
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


@dataclass(frozen=True)
class Recipe:
    """How a model is trained. `--resume` refuses any change of it.

    The learning rate rises from zero over `warmup_epochs`, at most half of all, then falls to zero along a cosine over the others,
    or stays `constant`. `l2` weighs the squared kernels.

    An image's target is its label, of which a share `votes` is given to what the crowd voted (FER+, Barsoum et al. 2016); if
    `balanced_votes`, each class's votes weigh as much more as labels of it are more frequent than votes for it. A share
    `teacher_share` of the outcome is given to what other networks say (Hinton et al. 2015), and a share `label_smoothing` of that
    to all classes alike. With `class_weights`, which may be `balanced`, an image counts in the loss as much more as its class has
    fewer images than others.

    `average`, if not 0, is the momentum of the moving average of the weights, which is what is kept; see `momentum_of_average`.
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
    class_weights: str = ""
    teacher_share: float = 0.0
    average: float = 0.0
    augmentation: Augmentation | None = None

    def momentum_of_average(self, steps: int) -> float:
        """Return `average`, or what is left of it for a run of so few steps in all that the average would never leave the start."""
        return min(self.average, steps / (steps + 10))

    @property
    def summary(self) -> str:
        """The recipe in a line; what it leaves out is not named."""
        return summary(asdict(self))


def summary(recipe: dict[str, Any]) -> str:
    """Return in a line what the recipe's fields say that are neither empty nor zero."""
    named = {name: value for name, value in recipe.items() if value or name in ("l2", "seed")}
    augmentation = named.pop("augmentation", None)
    text = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in named.items())
    return f"{text}; augmentation: {summary(augmentation)}" if augmentation else text


_FORMER = ("mixup",)  # fields of older versions, which this one can leave out if they were 0


def recipe_from(values: dict[str, Any]) -> Recipe:
    """Return the recipe that `asdict` gave these values of; TypeError if this version knows no such recipe."""
    augmentation = values.get("augmentation")
    known = {name: value for name, value in values.items() if name not in _FORMER or value}
    return Recipe(**known | {"augmentation": augmentation and Augmentation(**augmentation)})


def known_recipe(metadata: dict[str, Any], where: object) -> Recipe:
    """Return the recipe in the metadata of weights or of a checkpoint; IntegrityError names `where` if there is none known."""
    try:
        return recipe_from(metadata["recipe"])
    except (KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{where} holds no recipe that this version knows ({error!r}).") from error


OPTIONS = (  # of `train`, beside `erasing`
    *("epochs", "batch_size", "learning_rate", "l2", "seed", "precision"),
    *("votes", "balanced_votes", "class_weights", "teacher_share"),
)


def options_of(recipe: Recipe) -> dict[str, Any]:
    """Return the values of a recipe that options of `train` can set; `erasing` is its augmentation's, None without one."""
    augmentation = recipe.augmentation
    return {name: getattr(recipe, name) for name in OPTIONS} | {"erasing": augmentation and augmentation.erasing}


def with_options(recipe: Recipe, **options: Any) -> Recipe:
    """Return the recipe with the values that are not None, named as in `options_of`, in place of its own."""
    augmentation, erasing = recipe.augmentation, options.pop("erasing", None)
    if erasing is not None and (augmentation or erasing):  # the mirrored copies, which an augmentation leaves out, are in its flip
        augmentation = replace(augmentation or Augmentation(flip=True), erasing=erasing)
    return replace(recipe, augmentation=augmentation, **{name: value for name, value in options.items() if value is not None})
