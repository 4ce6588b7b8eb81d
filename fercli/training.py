"""A recipe and a data set to a trained network: one checkpoint an epoch, exact resume, the best epoch kept."""

import math
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fercli import __version__
from fercli.checkpoints import Checkpoint, assign, read_checkpoint, save_weights, state_of, tensors_of, write_checkpoint
from fercli.dataset import Dataset, Split
from fercli.errors import IntegrityError, TrainingDiverged, UsageError
from fercli.files import Kind, exclusive, kind_of, write_json
from fercli.history import Epoch, write_history
from fercli.inference import RUN_HISTORY, RUN_WEIGHTS
from fercli.networks import backend_name, build, device_name
from fercli.plots import plot_curves
from fercli.registry import Model, Recipe

CHECKPOINT = "checkpoint.safetensors"
CURVES = "curves.png"
METRICS = "metrics.json"

_WHAT_TO_DO = "The last good checkpoint was kept; start anew with --overwrite and a lower --learning-rate."


@dataclass(frozen=True)
class Step:
    """How far an epoch has come: steps done of all, and loss and accuracy over them."""

    epoch: int
    step: int
    steps: int
    loss: float
    accuracy: float


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The images of a split in a given order, batch by batch, as the network takes them."""

    def __init__(self, split: Split, order: np.ndarray[Any, Any], batch_size: int) -> None:
        super().__init__()
        self._split, self._order, self._batch_size = split, order, batch_size

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._batch_size)

    def __getitem__(self, number: int) -> tuple[dict[str, Any], Any]:
        start = number * self._batch_size
        batch = self._split.take(self._order[start : start + self._batch_size])
        inputs = {"pixels": batch.pixels} | ({} if batch.hog is None else {"hog": batch.hog})
        return inputs, batch.labels


class _Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Reports every step, and stops at the first loss that is not finite."""

    def __init__(self, epoch: int, steps: int, on_step: Callable[[Step], None]) -> None:
        super().__init__()
        self._epoch, self._steps, self._on_step = epoch, steps, on_step

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs or {}
        if not math.isfinite(logs["loss"]):
            raise TrainingDiverged(f"The loss became {logs['loss']} in epoch {self._epoch}, step {batch + 1}. {_WHAT_TO_DO}")
        self._on_step(Step(self._epoch, batch + 1, self._steps, logs["loss"], logs["accuracy"]))


class Trainer:
    """Trains one registry entry on one data set, in one folder.

    Iterating trains: an `Epoch` after each one, when all of its files are safely written. Everything random follows from the
    recipe's seed and the epoch's number, so that a run resumed from the checkpoint equals an unbroken one on the same CPU.

    Raises UsageError if the folder already holds a run and neither `resume` nor `overwrite` is set, or if `resume` is and
    the recipe differs; IntegrityError for a checkpoint of another model or data set; TrainingDiverged for a loss not finite.
    """

    def __init__(
        self,
        model: Model,
        recipe: Recipe,
        dataset: Dataset,
        folder: Path,
        *,
        resume: bool = False,
        overwrite: bool = False,
        on_step: Callable[[Step], None] = lambda _: None,
    ) -> None:
        self.model, self.recipe, self.dataset, self.folder = model, recipe, dataset, folder
        self.history: list[Epoch] = []
        self._on_step = on_step
        checkpoint = self._found_checkpoint(resume=resume, overwrite=overwrite)
        keras.utils.set_random_seed(recipe.seed)
        self.network = build(model, l2=recipe.l2, precision=recipe.precision)
        self.network.get_layer("mean").mean.assign(dataset.mean)
        self._steps = math.ceil(len(dataset.train) / recipe.batch_size)
        # Training on the logits is steadier than on probabilities; the layers, and so the weights, are the same.
        self._trainee = keras.Model(self.network.inputs, self.network.get_layer("logits").output)
        self._trainee.compile(
            optimizer=_optimizer(recipe, self._steps),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
            jit_compile="auto" if keras.backend.backend() != "tensorflow" else False,  # XLA on CPU is many times slower here
        )
        self._trainee.optimizer.build(self._trainee.trainable_variables)
        if checkpoint:
            self._restore(checkpoint)

    def __iter__(self) -> Iterator[Epoch]:
        with exclusive(self.folder):
            if self.history:
                self._write_outputs()  # a run stopped between its checkpoint and these has them now
            else:
                self._write_checkpoint()  # so that a run stopped in its first epoch resumes with its own recipe, too
            for number in range(len(self.history) + 1, self.recipe.epochs + 1):
                epoch = self._train_epoch(number)
                self.history.append(epoch)
                self._write_checkpoint()
                self._write_outputs()
                yield epoch

    @property
    def best(self) -> Epoch:
        """The epoch with the highest validation accuracy, the earliest of equals; its weights are the ones kept."""
        return max(self.history, key=lambda epoch: epoch.val_accuracy)

    def _found_checkpoint(self, *, resume: bool, overwrite: bool) -> Checkpoint | None:
        if resume:
            return _read_to_resume(self.folder)
        names = (CHECKPOINT, RUN_WEIGHTS, RUN_HISTORY, CURVES, METRICS)
        if not overwrite and any(kind_of(self.folder / name) is not Kind.MISSING for name in names):
            raise UsageError(
                f"{self.folder} holds a run already; add --resume to go on, --overwrite to start anew, or another --out."
            )
        return None

    def _restore(self, checkpoint: Checkpoint) -> None:
        path, stored = self.folder / CHECKPOINT, checkpoint.metadata
        if stored.get("model") != self.model.name or stored.get("dataset") != self.dataset.meta["digest"]:
            raise IntegrityError(
                f"{path} belongs to another model or data set ({stored.get('model')}); "
                "start anew with --overwrite or another --out."
            )
        was_recipe = asdict(_recipe_of(checkpoint, path))
        changed = [name for name, value in asdict(self.recipe).items() if was_recipe[name] != value]
        if changed:
            was = ", ".join(f"{name} {was_recipe[name]}" for name in changed)
            raise UsageError(f"{path} was trained with {was}; resume with the same values, or start anew with --overwrite.")
        assign(state_of(self._trainee, self._trainee.optimizer), checkpoint.tensors, path)
        try:
            self.history = [Epoch(**line) for line in stored["history"]]
        except (KeyError, TypeError) as error:
            raise IntegrityError(f"{path} holds no history that this version knows ({error}).") from error

    def _train_epoch(self, number: int) -> Epoch:
        started = time.monotonic()
        order = np.random.default_rng([self.recipe.seed, number]).permutation(len(self.dataset.train))
        watch = _Watch(number, self._steps, self._on_step)
        batches = Batches(self.dataset.train, order, self.recipe.batch_size)
        logs = self._trainee.fit(batches, epochs=1, shuffle=False, verbose=0, callbacks=[watch]).history
        validation = self.dataset.validation
        result = self._trainee.evaluate(Batches(validation, np.arange(len(validation)), 256), verbose=0, return_dict=True)
        if not math.isfinite(result["loss"]):  # the epoch's last step may have broken the weights after its own loss was computed
            raise TrainingDiverged(f"The validation loss became {result['loss']} after epoch {number}. {_WHAT_TO_DO}")
        return Epoch(
            epoch=number,
            loss=logs["loss"][0],
            accuracy=logs["accuracy"][0],
            val_loss=result["loss"],
            val_accuracy=result["accuracy"],
            learning_rate=float(keras.ops.convert_to_numpy(self._trainee.optimizer.learning_rate)),
            seconds=round(time.monotonic() - started, 2),
        )

    def _write_outputs(self) -> None:
        """Write everything but the checkpoint, which comes first: what is missing here follows from it, not the reverse."""
        metadata = self._metadata() | {"epoch": self.best.epoch, "validation_accuracy": self.best.val_accuracy}
        if self.best is self.history[-1]:
            save_weights(self.network, metadata, self.folder / RUN_WEIGHTS)
        write_history(self.history, self.folder / RUN_HISTORY)
        plot_curves({self.model.name: self.history}, self.folder / CURVES)
        summary = metadata | {"epochs_done": len(self.history), "seconds": round(sum(epoch.seconds for epoch in self.history), 1)}
        write_json(self.folder / METRICS, summary)

    def _write_checkpoint(self) -> None:
        tensors = tensors_of(state_of(self._trainee, self._trainee.optimizer))
        metadata = self._metadata() | {"history": [asdict(epoch) for epoch in self.history]}
        write_checkpoint(Checkpoint(tensors, metadata), self.folder / CHECKPOINT)

    def _metadata(self) -> dict[str, Any]:
        return {
            "model": self.model.name,
            "labels": self.model.labels,
            "input": {"pixels": ["uint8", self.model.input_size, self.model.input_size], "hog": self.model.uses_hog},
            "mean": "mean/mean",
            "recipe": asdict(self.recipe),
            "dropout": self.model.network.dropout,
            "dataset": self.dataset.meta["digest"],
            "device": device_name(),
            "versions": {
                "fercli": __version__,
                "keras": keras.__version__,
                "backend": backend_name(),
                "python": platform.python_version(),
            },
        }


def stored_recipe(folder: Path) -> Recipe:
    """Return the recipe of the run in `folder`, so that `--resume` need not repeat it; errors as in `read_checkpoint`."""
    return _recipe_of(_read_to_resume(folder), folder / CHECKPOINT)


def _recipe_of(checkpoint: Checkpoint, path: Path) -> Recipe:
    try:
        return Recipe(**checkpoint.metadata["recipe"])
    except (KeyError, TypeError) as error:
        raise IntegrityError(f"{path} holds no recipe that this version knows ({error}).") from error


def _read_to_resume(folder: Path) -> Checkpoint:
    path = folder / CHECKPOINT
    if not path.exists():
        raise UsageError(f"{path} does not exist, so there is nothing to resume; leave --resume away.")
    return read_checkpoint(path)


def _optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    rate: Any = recipe.learning_rate
    if recipe.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, decay_steps=recipe.epochs * steps)
    if recipe.optimizer == "adam":
        return keras.optimizers.Adam(rate)
    return keras.optimizers.SGD(rate, momentum=recipe.momentum, nesterov=True)
