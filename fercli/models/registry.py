"""The registry of models: everything that any command needs to know about one, as data.

A new network takes one class in `architectures` and one record here; every command, and every test that walks `MODELS`, then
includes it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fercli.errors import UsageError, nearest
from fercli.labels import LABELS
from fercli.models.architectures import Network
from fercli.models.architectures.paper import Affine, Convolution, PaperNetwork
from fercli.models.architectures.residual import ResidualNetwork
from fercli.models.recipes import Augmentation, Recipe

SIDE = 48  # of a face, in pixels: FER2013's
HOG_LENGTH = 800  # features of a face, as `hog` computes them


@dataclass(frozen=True)
class Published:
    """What a source reports for its `network`, in percent; `validation` is PublicTest, `test` is PrivateTest."""

    source: str
    network: str
    validation: float
    test: float
    per_class: tuple[float, ...]

    @property
    def title(self) -> str:
        """What to call it in a table."""
        return f"{self.source}, {self.network}"


@dataclass(frozen=True)
class Entry:
    """What the registry has under a name."""

    name: str
    summary: str

    @property
    def measured(self) -> dict[str, Any]:
        """Figures of the shipped weights on PrivateTest from their card, named as in `Evaluation.summary`; empty without a card."""
        metrics = card_path(self.name, "metrics.json")
        splits = json.loads(metrics.read_bytes())["splits"] if metrics.is_file() else []
        return next((split for split in splits if split["split"] == "test"), {})

    @property
    def parameters(self) -> int | None:
        """How many parameters the shipped weights have, according to their card; None without a card."""
        return self.measured.get("parameters")


@dataclass(frozen=True)
class Model(Entry):
    """A network: architecture, training recipe, shipped weights, and the published results to compare with."""

    network: Network
    recipe: Recipe
    uses_hog: bool = False
    published: tuple[Published, ...] = ()
    sha256: str | None = None  # of weights/<name>.onnx; None while no weights are shipped
    input_size: int = SIDE
    labels: tuple[str, ...] = LABELS

    @property
    def input(self) -> dict[str, Any]:
        """What the network takes, and what it does to the tones first, as recorded in the metadata of weights."""
        pixels = ["uint8", self.input_size, self.input_size]
        tones = {"standardized": self.network.standardize, "equalized": self.network.equalize}
        return {"pixels": pixels, "hog": self.uses_hog} | tones

    def as_trained(self, metadata: dict[str, Any]) -> "Model":
        """Return the entry with the network as it was when weights with this metadata were trained."""
        told = metadata.get("input")
        was = told if isinstance(told, dict) else {}
        share = was.get("equalized")
        share = 0.5 if share is True else share  # as it was while weights did not tell
        equalized = share if isinstance(share, float) else 0.0
        return replace(self, network=self.network.as_trained(standardized=was.get("standardized") is True, equalized=equalized))


@dataclass(frozen=True)
class Ensemble(Entry):
    """Models that label together, by the weighted mean of their probabilities; they are trained one by one.

    `members` are their names, each with its share of the mean; shares sum to 1. The mean of calibrated members is less sure than
    it could be, because they err on different images; `temperature` makes up for that. Shares and temperature were chosen on
    PublicTest with the shipped weights.
    """

    members: dict[str, float]
    temperature: float = 1.0
    published: tuple[Published, ...] = ()
    input_size: int = SIDE

    @property
    def percentages(self) -> dict[str, str]:
        """The shares of the members, for people."""
        return {name: f"{100 * share:.0f} %" for name, share in self.members.items()}


SHALLOW = PaperNetwork(
    convolutions=(
        Convolution(filters=32, size=3, pool=False, dropout=0.1),
        Convolution(filters=64, size=3, pool=True, dropout=0.1),
    ),
    affines=(Affine(units=512, dropout=0.5),),
)
DEEP = PaperNetwork(
    convolutions=(
        Convolution(filters=64, size=3, pool=True, dropout=0.1),
        Convolution(filters=128, size=5, pool=True, dropout=0.1),
        Convolution(filters=512, size=3, pool=True, dropout=0.2),
        Convolution(filters=512, size=3, pool=True, dropout=0.2),
    ),
    affines=(Affine(units=256, dropout=0.5), Affine(units=512, dropout=0.5)),
)

# Learning rate, L2, epochs and batch size are the paper's; it does not name the optimizer.
SHALLOW_RECIPE = Recipe(optimizer="adam", learning_rate=0.001, l2=1e-6, epochs=35, batch_size=128)
DEEP_RECIPE = Recipe(optimizer="adam", learning_rate=0.01, l2=1e-7, epochs=35, batch_size=128)

# Neither source reports a network with HOG by itself, only that HOG changed neither depth by much.
SHALLOW_PUBLISHED = (
    Published("paper", "shallow", 55.0, 54.0, (41.0, 32.0, 54.0, 75.0, 32.0, 67.5, 39.9)),
    Published("re-implementation", "shallow", 53.02, 52.9, (33.47, 44.64, 36.06, 77.39, 53.92, 69.00, 32.94)),
)
DEEP_PUBLISHED = (
    Published("paper", "deep", 65.0, 64.0, (53.0, 70.0, 46.0, 80.5, 63.0, 62.5, 51.5)),
    Published("re-implementation", "deep", 60.18, 62.77, (46.07, 60.71, 49.00, 79.57, 53.09, 77.15, 61.26)),
)

COMPACT = ResidualNetwork(
    stem=64, stages=((64, 1), (128, 2), (256, 2)), squeeze=16, head_dropout=0.2, standardize=True, equalize=0.75
)
AUGMENTATION = Augmentation(
    flip=True,
    rotation=15,
    scale=0.2,
    shift=0.1,
    unmoved=0.25,
    brightness=0.1,
    contrast=0.45,
    gamma=0.35,
    side_light=0.3,
    sharpness=1.0,
    noise=12,
    noisy=0.5,
    quality=20,
    compressed=0.5,
    erasing=0.3,
)
COMPACT_RECIPE = Recipe(
    optimizer="sgd",
    learning_rate=0.1,
    l2=2.5e-4,
    epochs=30,  # as in the first of the schedules through which the shipped weights went; their card lists them all
    batch_size=128,
    precision="mixed_bfloat16",
    warmup_epochs=1.0,
    label_smoothing=0.1,
    votes=0.4,
    balanced_votes=True,
    average=0.998,
    augmentation=AUGMENTATION,
)
# The one run that the shipped weights of `compact-labels` come from, seed included.
LABELS_RECIPE = replace(
    COMPACT_RECIPE, epochs=44, seed=11, votes=0.0, augmentation=replace(AUGMENTATION, erasing=0.1, strength=0.5)
)

MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        Model(
            name="shallow",
            summary="the paper's shallow network: 2 convolutions, 1 dense layer",
            network=SHALLOW,
            recipe=SHALLOW_RECIPE,
            published=SHALLOW_PUBLISHED,
            sha256="379168b1a7a748f0b43e89e45c874975a1d77a65efebcfea8168b7ecae963353",
        ),
        Model(
            name="shallow-hog",
            summary="the shallow network, HOG features joined before its dense layer",
            network=SHALLOW,
            uses_hog=True,
            recipe=SHALLOW_RECIPE,
            sha256="0043bc0085dbc7a0b00811a9fe01908947539b033ff89eb75d5429e59362ee3c",
        ),
        Model(
            name="deep",
            summary="the paper's deep network: 4 convolutions, 2 dense layers",
            network=DEEP,
            recipe=DEEP_RECIPE,
            published=DEEP_PUBLISHED,
            sha256="4fb0005efdd28491c7b5a3436b81c52daeded7ba9f18f153fb83963e51e5fe45",
        ),
        Model(
            name="deep-hog",
            summary="the deep network, HOG features joined before its dense layers",
            network=DEEP,
            uses_hog=True,
            recipe=DEEP_RECIPE,
            sha256="068832845e344137196ced73e8ad317e420595ee160e2a47df69843a8d4c0938",
        ),
        Model(
            name="compact",
            summary="a residual network with squeeze-and-excitation, small enough for a laptop",
            network=COMPACT,
            recipe=COMPACT_RECIPE,
            sha256="0c186610086c9971a4f3734bb5c97c8fc6e3a6e0904dd8d536bee29cecb2f4d5",
        ),
        Model(
            name="compact-labels",
            summary="the network of compact, trained in one run on FER2013's own labels alone",
            network=COMPACT,
            recipe=LABELS_RECIPE,
            sha256="310257dc9e737276825b72432136539392fad8cb6b84a28ab3aa207b700bcc94",
        ),
        Model(
            name="compact-labels-2",
            summary="the network of compact-labels from other random weights, a member of ensemble",
            network=COMPACT,
            recipe=replace(LABELS_RECIPE, seed=12),
            sha256="cff4b54f77da1701c8ca730ee8b5dedf49203a166f1702842488f793f0df3cba",
        ),
    )
}

ENSEMBLES: dict[str, Ensemble] = {
    "ensemble": Ensemble(
        "ensemble",
        "networks that label together",
        members={"compact": 0.55, "compact-labels": 0.15, "compact-labels-2": 0.15, "deep-hog": 0.15},
        temperature=0.8639,
    ),
}

DEFAULT_MODEL = "compact"  # of classify
DEFAULT_TO_TRAIN = "deep"  # one of the paper's, which needs nothing but the data set


def find_entry(name: str) -> Model | Ensemble:
    """Return the entry called `name`; UsageError names the known ones."""
    entry = MODELS.get(name) or ENSEMBLES.get(name)
    if entry is None:
        raise _unknown(name, [*MODELS, *ENSEMBLES])
    return entry


def find_model(name: str) -> Model:
    """Return the network called `name`; UsageError for an ensemble, and for an unknown name."""
    if name in ENSEMBLES:
        members = ", ".join(ENSEMBLES[name].members)
        raise UsageError(f"{name} is an ensemble, which has no weights of its own; name one of {members}.")
    if name not in MODELS:
        raise _unknown(name, list(MODELS))
    return MODELS[name]


def _unknown(name: str, known: Sequence[str]) -> UsageError:
    path = Path(name)
    hint = nearest(name, known)
    if path.suffix in {".onnx", ".safetensors"} or len(path.parts) > 1:
        hint = f" To label or evaluate with a file of weights, give --weights {name} instead."
    return UsageError(f"There is no model {name!r}; choose one of {', '.join(known)}.{hint}")


def name_from_flags(
    *, model: str | None, deep: bool, shallow: bool, hog: bool | None, find: Callable[[str], Entry] = find_entry
) -> str | None:
    """Return the name that `--model`, or `--deep` or `--shallow` with `--hog` or `--no-hog`, stands for; None if none is given.

    `--hog` alone means the deep network with HOG; `find` returns what `--model` names. Raises UsageError for options that exclude
    each other, and an unknown name.
    """
    if deep and shallow:
        raise UsageError("--deep and --shallow exclude each other; give one of them.")
    chosen = deep or shallow or hog is not None
    if model is not None:
        name = find(model).name
        if hog and f"{name}-hog" in MODELS:
            raise UsageError(f"--model already names the network; for the one with HOG features, give --model {name}-hog.")
        if hog and not (name in MODELS and MODELS[name].uses_hog):
            raise UsageError(f"{name} takes no HOG features; leave --hog out.")
        if chosen:
            raise UsageError("--model already names the network; leave --deep, --shallow, --hog and --no-hog out.")
        return name
    return ("shallow" if shallow else "deep") + ("-hog" if hog else "") if chosen else None


def weights_folder() -> Path:
    """Return the folder of the shipped weights: inside an installed package, beside it in a checkout."""
    package = Path(__file__).parent.parent
    installed = package / "weights"
    return installed if installed.is_dir() else package.parent / "weights"


def weights_path(name: str) -> Path:
    """Return where the shipped weights of the model `name` are, or would be."""
    return weights_folder() / f"{name}.onnx"


def card_path(name: str, part: str) -> Path:
    """Return where a part of a shipped model's card is: `card.md`, `history.csv`, `metrics.json`, or a figure, `curves.png`."""
    return weights_folder() / f"{name}-{part}"
