"""A trained network, ready to label faces: what `evaluate` and `classify` share."""

import copy
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fercli.errors import IntegrityError, UsageError
from fercli.files import Kind, kind_of, shown_name
from fercli.models.calibration import HIGHEST, LOWEST, tempered
from fercli.models.graphs import Value
from fercli.models.lineage import datasets_seen, refuse_odd
from fercli.models.registry import ENSEMBLES, HOG_LENGTH, MODELS, Model, card_path, find_model, weights_path
from fercli.models.sessions import compute, open_session
from fercli.models.views import VIEWS, views
from fercli.models.weights import TEMPERATURE, Weights, read_weights
from fercli.surroundings import quiet_import

_LOG = logging.getLogger("fercli")  # the command line says what comes here
BATCH = 128  # faces to hand over together; `sessions.BATCH` is how many of them are computed in one go
CLASS_MIX = "class_mix"  # among the metadata of weights: the mean target of each label, smoothed as in training; they sum to 1
RUNS = Path("runs")
RUN_WEIGHTS = "model.onnx"
OLD_WEIGHTS = "model.safetensors"  # of older versions, which wrote weights as they write checkpoints
RUN_HISTORY = "history.csv"


@dataclass(frozen=True)
class WeightsFile:
    """Weights on disk: what to call them, where they and their history are, and the digest that shipped ones must have."""

    title: str
    path: Path
    history: Path
    sha256: str | None = None


def shipped_weights(name: str) -> WeightsFile:
    """Return the shipped weights of a model; UsageError if none are shipped."""
    model = find_model(name)
    if model.sha256 is None:
        raise UsageError(
            f"No weights of {name} are shipped yet; name your own with --weights runs/{name}, "
            f"or train them with: fercli train --model {name}"
        )
    return WeightsFile(name, weights_path(name), card_path(name, "history.csv"), model.sha256)


def own_weights(path: Path) -> WeightsFile:
    """Return the user's weights: a file, or the folder of a run; UsageError for a folder that is none."""
    kind = kind_of(path)
    file = _weights_in(path) if kind is Kind.FOLDER else path
    if kind is Kind.MISSING and str(path) in {**MODELS, **ENSEMBLES}:
        raise UsageError(f"{path} is a shipped model; name it with --model {path}.")
    if file != path and kind_of(file) is Kind.MISSING:
        raise UsageError(f"{path} has no {RUN_WEIGHTS}; {_instead_of(path)}.")
    title = shown_name(file.parent if file.name in {RUN_WEIGHTS, OLD_WEIGHTS} else file)
    return WeightsFile(title, file, file.parent / RUN_HISTORY)


def _weights_in(folder: Path) -> Path:
    old = folder / OLD_WEIGHTS
    return old if kind_of(folder / RUN_WEIGHTS) is Kind.MISSING and kind_of(old) is not Kind.MISSING else folder / RUN_WEIGHTS


def _instead_of(folder: Path) -> str:
    """Say what to name instead of a folder that is not a run, such as that of the shipped weights."""
    files = sorted(path for path in folder.glob("*.onnx") if path.is_file())
    if not files:
        return "give the folder of a run that fercli train wrote"
    names = [path.stem for path in files if path.stem in MODELS]
    shipped = f", or a shipped model by its name, such as --model {names[0]}" if names else ""
    return f"give one of its files, such as {shown_name(files[0])}{shipped}"


def start_weights(path: Path) -> WeightsFile:
    """Return the weights that training begins with: the user's or, if nothing has that path, the shipped ones of that model."""
    return shipped_weights(str(path)) if kind_of(path) is Kind.MISSING and str(path) in MODELS else own_weights(path)


def all_weights(runs: Path = RUNS) -> list[WeightsFile]:
    """Return the weights of every shipped model, then those of every run in the folder `runs`."""
    shipped = [shipped_weights(model.name) for model in MODELS.values() if model.sha256]
    found = {path.parent for name in (RUN_WEIGHTS, OLD_WEIGHTS) for path in runs.glob(f"*/{name}")}
    return shipped + [own_weights(folder) for folder in sorted(found)]


class Labels(Protocol):
    """Whatever labels faces: a network, or an ensemble of them.

    `name` is that of its entry in the registry, `title` what to call it, `metadata` what is stored with the weights, `trained_on`
    the digests of all data sets that they have seen, `history` the file with its learning curve, None if it has none.
    """

    name: str
    title: str
    sha256: str
    metadata: dict[str, Any]
    trained_on: frozenset[str]
    temperature: float
    parameters: int
    input_size: int
    history: Path | None

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds for one face."""

    def label(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the calibrated probabilities (N,7) of faces (N,48,48)."""

    def augmented(self) -> "Labels":
        """Return the same with test-time augmentation."""


class Labeller:
    """A network with its weights: faces in, probabilities out, calibrated by the temperature stored with the weights.

    Raises UsageError if the file is missing or holds another network than `model`, and IntegrityError if it is damaged or was
    tampered with.
    """

    def __init__(self, weights: WeightsFile, model: str | None = None) -> None:
        stored = _read(weights)
        self.title = weights.title
        self.tta = False
        self.weights = weights
        self.sha256 = stored.sha256
        self.metadata: dict[str, Any] = stored.metadata
        refuse_odd(self.metadata, weights.path)
        self.trained_on = datasets_seen(self.metadata)
        self.model = _entry(self.metadata, weights.path).as_trained(self.metadata)
        self.name, self.input_size = self.model.name, self.model.input_size
        self.history: Path | None = weights.history
        self.temperature = _temperature(self.metadata, weights.path)
        if model is not None and model != self.model.name:
            raise UsageError(f"{weights.path} holds a {self.model.name} network, not {model}; leave the model's name out.")
        _refuse_other_graph(stored, self.model, self.temperature, weights.path)
        self.parameters = stored.parameters
        self.multiply_adds = stored.work.multiply_adds
        try:
            self._session = open_session(stored.data)
        except ValueError as error:
            raise IntegrityError(f"{weights.path} cannot be run ({error}); give another, or train again.") from error

    def augmented(self) -> "Labeller":
        """Return the same with test-time augmentation: the mean over all `VIEWS` views of a face, at `VIEWS` times the cost."""
        twin = copy.copy(self)
        twin.tta = True
        twin.title = f"{self.title}+tta"
        twin.multiply_adds = VIEWS * self.multiply_adds
        return twin

    def label(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probabilities (N,7), rows summing to 1, of faces (N,48,48)."""
        if not self.tta:
            return self._label(pixels)
        seen = self._label(np.concatenate(list(views(pixels))))
        plain = tempered(seen, 1 / self.temperature).reshape(VIEWS, *pixels.shape[:1], *seen.shape[1:])
        return tempered(np.mean(plain, axis=0, dtype=np.float32), self.temperature)

    def _label(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        inputs: dict[str, NDArray[Any]] = {"pixels": pixels}
        if self.model.uses_hog:
            from fercli.models.hog import hog_features  # scikit-image takes a second to import

            inputs["hog"] = hog_features(pixels)
        return compute(self._session, inputs)


def _read(weights: WeightsFile) -> Weights:
    if weights.path.suffix != ".safetensors":
        return read_weights(weights.path, weights.sha256)
    from fercli.models.checkpoints import read_checkpoint  # imports safetensors, which only training needs

    stored = read_checkpoint(weights.path, weights.sha256)
    if stored.resumable:
        folder = shown_name(weights.path.parent)
        raise UsageError(f"{weights.path} is what a run resumes from; for its weights, give its folder: {folder}")
    _LOG.info("Starting TensorFlow to convert %s …", shown_name(weights.path))
    with quiet_import():
        from fercli.models.networks.conversion import converted  # imports Keras, which only weights of older versions need

    return converted(stored, weights.path)


def _refuse_other_graph(stored: Weights, model: Model, temperature: float, path: Path) -> None:
    """Raise IntegrityError unless the graph has the inputs and output of the model, and the given temperature."""
    pixels = Value(np.dtype(np.uint8), (model.input_size, model.input_size))
    hog = {"hog": Value(np.dtype(np.float32), (HOG_LENGTH,))} if model.uses_hog else {}
    graph = stored.graph
    if (
        graph.inputs != {"pixels": pixels} | hog
        or list(graph.outputs.values()) != [Value(np.dtype(np.float32), (len(model.labels),))]
        or not np.array_equal(graph.tensors.get(TEMPERATURE, ()), [np.float32(temperature)])
    ):
        raise IntegrityError(f"{path} does not hold the network {model.name} that it says it does; give another, or train again.")


def _temperature(metadata: dict[str, Any], path: Path) -> float:
    value = metadata.get("temperature", 1.0)
    if not isinstance(value, float) or not LOWEST <= value <= HIGHEST:
        raise IntegrityError(f"{path} has the temperature {value!r}, not a number from {LOWEST} to {HIGHEST}; train again.")
    return value


def _entry(metadata: dict[str, Any], path: Path) -> Model:
    name, labels = metadata.get("model"), metadata.get("labels")
    if not isinstance(name, str) or name not in MODELS:
        raise IntegrityError(f"{path} holds a model {name!r} that this version of fercli does not know; update fercli.")
    if labels != list(MODELS[name].labels):
        raise IntegrityError(f"{path} has the labels {labels}, not those of this version of fercli; update fercli.")
    return MODELS[name]
