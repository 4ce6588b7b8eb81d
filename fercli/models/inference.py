"""A trained network, ready to label faces: what `evaluate` and `classify` share."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fercli.errors import IntegrityError, UsageError
from fercli.files import Kind, kind_of, shown_name
from fercli.models.calibration import HIGHEST, LOWEST, tempered
from fercli.models.checkpoints import assign, read_checkpoint, weights_of
from fercli.models.registry import MODELS, Model, card_path, find_model, weights_path

BATCH = 128
SHIFTS = ((0, 0), (0, 2), (0, -2), (2, 0), (-2, 0))  # pixels down and across, for test-time augmentation
RUNS = Path("runs")
RUN_WEIGHTS = "model.safetensors"
RUN_HISTORY = "history.csv"


@dataclass(frozen=True)
class WeightsFile:
    """Weights on disk: what to call them, where they and their history are, and the digest they must have if shipped."""

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
    """Return the user's weights: a file, or the folder of a run."""
    file = path / RUN_WEIGHTS if kind_of(path) is Kind.FOLDER else path
    title = shown_name(file.parent if file.name == RUN_WEIGHTS else file)
    return WeightsFile(title, file, file.parent / RUN_HISTORY)


def start_weights(path: Path) -> WeightsFile:
    """Return the weights that training begins with: the user's or, where nothing has that name, those shipped of a model."""
    return shipped_weights(str(path)) if kind_of(path) is Kind.MISSING and str(path) in MODELS else own_weights(path)


def all_weights(runs: Path = RUNS) -> list[WeightsFile]:
    """Return every shipped model's weights, then those of every run in the folder `runs`."""
    shipped = [shipped_weights(model.name) for model in MODELS.values() if model.sha256]
    return shipped + [own_weights(path.parent) for path in sorted(runs.glob(f"*/{RUN_WEIGHTS}"))]


class Labels(Protocol):
    """Whatever labels faces: a network, or an ensemble of them.

    `name` is its entry's in the registry, `title` what to call it, `metadata` stored with the weights, `trained_on` the digests of
    all data sets that these have seen, `history` the file of its learning curve, if it has one.
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
        """Multiplications with addition that a face takes."""

    def features(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Return what `label` takes as `hog` beside the faces (N,48,48); None if it needs nothing or computes it itself."""

    def label(self, pixels: NDArray[np.uint8], hog: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Return the calibrated probabilities (N,7) of faces (N,48,48)."""

    def augmented(self) -> "Labels":
        """Return the same with test-time augmentation."""


class Labeller:
    """A network with its weights: faces in, probabilities out, calibrated by the temperature stored with the weights.

    Raises UsageError for a missing file and IntegrityError for one that is broken, tampered with, or not of `model`.
    """

    def __init__(self, weights: WeightsFile, model: str | None = None) -> None:
        checkpoint = read_checkpoint(weights.path, weights.sha256)
        self.title = weights.title
        self.tta = False
        self.weights = weights
        self.sha256 = checkpoint.sha256
        self.metadata: dict[str, Any] = checkpoint.metadata
        self.trained_on = datasets_seen(self.metadata)
        self.model = _entry(self.metadata, weights.path).as_trained(self.metadata)
        self.name, self.input_size = self.model.name, self.model.input_size
        self.history: Path | None = weights.history
        self.temperature = _temperature(self.metadata, weights.path)
        if model is not None and model != self.model.name:
            raise UsageError(f"{weights.path} holds a {self.model.name} network, not {model}; leave the model's name away.")
        from fercli.models.networks import build, multiply_adds  # Keras takes seconds to import; a broken file is told before

        self._network = build(self.model)
        assign(weights_of(self._network), checkpoint.tensors, weights.path)
        self.parameters: int = self._network.count_params()
        self.multiply_adds = multiply_adds(self._network)

    def augmented(self) -> "Labeller":
        """Return the same with test-time augmentation: the mean over all `views` of a face, at as many times the cost."""
        twin = copy.copy(self)
        twin.tta = True
        twin.title = f"{self.title}+tta"
        twin.multiply_adds = 2 * len(SHIFTS) * self.multiply_adds
        return twin

    def features(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Return the HOG features (N,800) of faces (N,48,48), or None if the network takes none."""
        if not self.model.uses_hog:
            return None
        from fercli.models.hog import hog_features  # scikit-image takes a second to import

        return hog_features(pixels)

    def label(self, pixels: NDArray[np.uint8], hog: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Return the probabilities (N,7), rows summing to 1, of faces (N,48,48); features as from `features`, or computed."""
        if not self.tta:
            return tempered(self._label_view(pixels, hog), self.temperature)
        seen = [self._label_view(view, hog if number == 0 else None) for number, view in enumerate(views(pixels))]
        return tempered(np.mean(seen, axis=0, dtype=np.float32), self.temperature)

    def _label_view(self, pixels: NDArray[np.uint8], hog: NDArray[np.float32] | None) -> NDArray[np.float32]:
        if hog is None:
            hog = self.features(pixels)
        parts = [self._label_batch(pixels[start : start + BATCH], hog, start) for start in range(0, len(pixels), BATCH)]
        return np.concatenate(parts) if parts else np.empty((0, len(self.model.labels)), np.float32)

    def _label_batch(self, pixels: NDArray[np.uint8], hog: NDArray[np.float32] | None, start: int) -> NDArray[np.float32]:
        inputs: dict[str, Any] = {"pixels": pixels}
        if hog is not None:
            inputs["hog"] = hog[start : start + BATCH]
        count = len(pixels)
        if count == 1:  # a batch of one takes other kernels, whose last digits differ; who stands beside a face must not matter
            inputs = {name: np.repeat(values, 2, axis=0) for name, values in inputs.items()}
        result: NDArray[np.float32] = self._network.predict_on_batch(inputs)
        return result[:count]


def begun_with(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what is told of the runs whose weights, or the mean of them, this one began with; none if it began at random."""
    start = run.get("start") or []
    return [start] if isinstance(start, dict) else start  # older versions knew a single start only, and wrote it, or None


def lineage(metadata: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what weights say of all runs that they come from, each once: each after those that it began with, their own last."""
    before = {run["sha256"]: run for start in begun_with(metadata) for run in lineage(start)}
    return [*before.values(), metadata]


def datasets_seen(metadata: dict[str, Any]) -> frozenset[str]:
    """Return the digests of the data sets that weights have seen in all runs of their `lineage`; `unknown` where none is told."""
    return frozenset(run.get("dataset", "unknown") for run in lineage(metadata))


def views(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Yield the faces (N,H,W) as they are, then shifted as `SHIFTS` says with their borders repeated, and all these mirrored."""
    far = max(abs(step) for shift in SHIFTS for step in shift)
    height, width = pixels.shape[1:]
    padded = np.pad(pixels, ((0, 0), (far, far), (far, far)), mode="edge")
    for mirrored in (padded, padded[:, :, ::-1]):
        for down, across in SHIFTS:
            yield np.ascontiguousarray(mirrored[:, far - down : far - down + height, far - across : far - across + width])


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
