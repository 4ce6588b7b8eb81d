"""Trains a network by a recipe on a data set: a checkpoint after each epoch, exact resumption, the best epoch kept."""

import math
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from fercli.dataset import Dataset
from fercli.errors import IntegrityError, TrainingDiverged
from fercli.models.calibration import cross_entropy, fit_temperature
from fercli.models.checkpoints import CHECKPOINT, Checkpoint, write_checkpoint
from fercli.models.history import Epoch
from fercli.models.inference import CLASS_MIX, RUN_WEIGHTS, Labels
from fercli.models.lineage import begun_with
from fercli.models.networks import backend_name
from fercli.models.recipes import Recipe
from fercli.models.registry import Model
from fercli.training.batches import Batches
from fercli.training.checks import checked, origin
from fercli.training.devices import Devices
from fercli.training.run import best_of, holds_run, refuse_other_run, stored_history, write_report
from fercli.training.targets import balanced_weights, class_mix, mixed, targets, targets_of
from fercli.training.teachers import answers, credits_of
from fercli.training.trainee import Trainee
from fercli.version import __version__
from fercli.writing import exclusive

ANSWERS = "teachers/answers"  # among a checkpoint's tensors
_WHAT_TO_DO = "The last good checkpoint was kept; start again with --overwrite and a lower --learning-rate."


@dataclass(frozen=True)
class Step:
    """How far an epoch has come: `step` of `steps` are done, with this mean loss and accuracy, 0 to 1, so far."""

    epoch: int
    step: int
    steps: int
    loss: float
    accuracy: float


class _Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Reports every step, and raises TrainingDiverged at the first loss that is not finite."""

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

    Iterating trains and yields an `Epoch` after each one, once all of its files are written. Everything random follows from the
    recipe's seed and the number of the epoch, so that a resumed run equals an unbroken one on the same CPU. As many of the visible
    GPUs train together as divide the batch size; see `Devices`.

    A run starts from random weights or from those in the files `start`, which need not have been trained on this data set; from
    their mean, if there are several (Wortsman et al. 2022). The `teachers` predict the training images once, at the beginning. A
    resumed run needs neither again.

    Raises UsageError if the folder holds a run and neither `resume` nor `overwrite` is set; if a resumed run had another recipe; if
    weights to start from are of another model; if the recipe has an augmentation and the model takes HOG; and as `check_teachers`
    does. Raises IntegrityError for a checkpoint of another model or data set, TrainingDiverged for a loss that is not finite.
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
        start: Sequence[Path] = (),
        teachers: Sequence[Labels] = (),
        on_step: Callable[[Step], None] = lambda _: None,
    ) -> None:
        self.model, self.recipe, self.dataset, self.folder = model, recipe, dataset, folder
        self.history: list[Epoch] = []
        self.not_drawn = ""  # why there are no curves, if they could not be drawn
        self.start: list[dict[str, Any]] = []  # metadata of the weights that training started from
        self.teachers = credits_of(teachers)
        self._temperature: float | None = None  # of the best epoch but the last; that of the last follows from the checkpoint
        self._validation_logits: NDArray[np.float32] | None = None  # of the last epoch, once it was trained here
        self._on_step = on_step
        checkpoint = checked(model, recipe, dataset, folder, resume=resume, overwrite=overwrite, start=start, teachers=teachers)
        self._replaces = resume or overwrite
        self._images = dataset.originals if recipe.augmentation else dataset.train
        self._targets = targets_of(self._images, recipe)
        self._weights = balanced_weights(self._images.labels) if recipe.class_weights else None
        self._answers: NDArray[np.float32] | None = None
        if checkpoint:
            self.model = model.as_trained(checkpoint.metadata)
        self._devices = Devices(recipe.batch_size)
        self._steps = math.ceil(self.images / recipe.batch_size)
        with self._devices.together():
            self.trainee = Trainee(self.model, recipe, dataset.mean, self._steps, self._devices)
            if checkpoint:
                self._restore(checkpoint)
            elif start:
                self.start = self.trainee.begin_with(start)
        if teachers and not checkpoint:
            self._answers = answers(teachers, self._images)
        if self._answers is not None:
            self._targets = mixed(self._targets, self._answers, recipe.teacher_share)

    def __iter__(self) -> Iterator[Epoch]:
        with exclusive(self.folder) as check:
            if not self._replaces:
                refuse_other_run(self.folder)  # again, for another run may have come first
            if self.history:
                self._write_outputs()  # a run stopped between its checkpoint and these has them now
            elif not holds_run(self.folder):  # one that is to be replaced stays until the first epoch is complete
                self._write_checkpoint()  # so that a run stopped in its first epoch resumes with its own recipe, too
            for number in range(len(self.history) + 1, self.recipe.epochs + 1):
                with self._devices.together():
                    epoch = self._train_epoch(number)
                    check()  # a new folder would lack the weights of the best epoch
                    self.history.append(epoch)
                    self._write_checkpoint()
                    self._write_outputs()
                yield epoch

    @property
    def images(self) -> int:
        """How many images an epoch shows: all, except for a rest that several devices cannot divide evenly."""
        number = self._devices.number
        return len(self._images) // number * number

    @property
    def device(self) -> str:
        """The devices that train, such as `cpu, 2 cores` or `gpu:0, gpu:1`."""
        return self._devices.description

    @property
    def emulates_bfloat16(self) -> bool:
        """Whether this run computes with bfloat16 on a processor that has no instructions for it."""
        return self.recipe.precision == "mixed_bfloat16" and self._devices.emulates_bfloat16

    @property
    def best(self) -> Epoch:
        """The epoch whose weights are kept; see `best_of`."""
        return best_of(self.history)

    def _restore(self, checkpoint: Checkpoint) -> None:
        path, stored = self.folder / CHECKPOINT, checkpoint.metadata
        history = stored_history(stored, origin(self.model, self.recipe, self.dataset), self.recipe, self.folder)
        state = dict(checkpoint.tensors)
        if self.recipe.teacher_share:
            self._answers = state.pop(ANSWERS, None)
            if self._answers is None or self._answers.shape != self._targets.shape:
                raise IntegrityError(f"{path} lacks the teachers' predictions; start again with --overwrite.")
        self.trainee.restore(state, path)
        self.history, self.start, self.teachers = history, begun_with(stored), stored.get("teachers", [])
        self._temperature = stored.get("temperature")

    def _train_epoch(self, number: int) -> Epoch:
        started = time.monotonic()
        seed, size = self.recipe.seed, self.recipe.batch_size
        order = np.random.default_rng([seed, number]).permutation(len(self._images))[: self.images]
        watch = _Watch(number, self._steps, self._on_step)
        loss, accuracy = self.trainee.fit(Batches(self._images, self._targets, order, size, self._weights), watch)
        logits, labels = self._validate(), self.dataset.validation.labels
        self._validation_logits = logits
        val_loss = cross_entropy(logits, labels)
        if not math.isfinite(val_loss):  # the epoch's last step may have broken the weights after its own loss was computed
            raise TrainingDiverged(f"The validation loss became {val_loss} after epoch {number}. {_WHAT_TO_DO}")
        return Epoch(
            epoch=number,
            loss=loss,
            accuracy=accuracy,
            val_loss=val_loss,
            val_accuracy=float((logits.argmax(axis=1) == labels).mean()),
            learning_rate=self.trainee.learning_rate,
            seconds=round(time.monotonic() - started, 2),
        )

    def _validate(self) -> NDArray[np.float32]:
        """Return the logits (N,7) of the validation images with the weights that would be kept."""
        validation, number = self.dataset.validation, self._devices.number
        order = np.arange(math.ceil(len(validation) / number) * number) % len(validation)  # filled up to what devices share evenly
        batches = Batches(validation, targets(validation), order, max(1, 256 // number) * number)
        return self.trainee.predict(batches)[: len(validation)]

    def _write_outputs(self) -> None:
        """Write everything but the checkpoint, which is written first: these files can be made from it, but not it from them."""
        is_best = self.best is self.history[-1]
        if is_best:
            logits = self._validate() if self._validation_logits is None else self._validation_logits
            self._temperature = fit_temperature(logits, self.dataset.validation.labels)
        best = {"epoch": self.best.epoch, "validation_accuracy": self.best.val_accuracy, "temperature": self._temperature}
        metadata = self._metadata() | best
        if is_best:
            self.trainee.keep(metadata, self.folder / RUN_WEIGHTS)
        self.not_drawn = write_report(self.folder, self.history, metadata)

    def _write_checkpoint(self) -> None:
        tensors = self.trainee.state()
        if self._answers is not None:
            tensors[ANSWERS] = self._answers
        history = [asdict(epoch) for epoch in self.history]
        metadata = self._metadata() | {"history": history, "temperature": self._temperature}
        write_checkpoint(Checkpoint(tensors, metadata), self.folder / CHECKPOINT)

    def _metadata(self) -> dict[str, Any]:
        return {
            **origin(self.model, self.recipe, self.dataset),
            "labels": self.model.labels,
            "input": self.model.input,
            "mean": "mean/mean",
            "recipe": asdict(self.recipe),
            "dropout": self.model.network.dropout,
            "teachers": self.teachers,
            CLASS_MIX: class_mix(self._targets, self.recipe.label_smoothing, self._weights),
            "start": self.start,
            "device": self.device,
            "versions": {
                "fercli": __version__,
                "keras": keras.__version__,
                "backend": backend_name(),
                "python": platform.python_version(),
            },
        }
