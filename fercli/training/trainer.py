"""A recipe and a data set to a trained network: one checkpoint an epoch, exact resume, the best epoch kept."""

import contextlib
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
from fercli.errors import IntegrityError, TrainingDiverged, UsageError
from fercli.files import Kind, exclusive, kind_of, write_json
from fercli.models.calibration import cross_entropy, fit_temperature
from fercli.models.checkpoints import (
    Checkpoint,
    Tensors,
    assign,
    read_checkpoint,
    state_of,
    tensors_of,
    weights_of,
    write_checkpoint,
)
from fercli.models.history import Epoch, write_lines
from fercli.models.inference import CLASS_MIX, RUN_HISTORY, RUN_WEIGHTS, Labels, begun_with, refuse_odd
from fercli.models.networks import backend_name, build
from fercli.models.networks.graphs import save_network
from fercli.models.recipes import Augmentation, Recipe, known_recipe
from fercli.models.registry import Model
from fercli.models.weights import read_weights
from fercli.plots import plot_curves
from fercli.training.augmentation import Augment
from fercli.training.batches import Batches, class_mix, mixed, targets
from fercli.training.devices import Devices
from fercli.training.run import CHECKPOINT, read_to_resume
from fercli.training.teachers import answers, check_teachers, credits_of
from fercli.version import __version__

CURVES = "curves.png"
METRICS = "metrics.json"
_ORIGIN = (  # kept of weights that a run began with
    *("recipe", "input", "dropout", "dataset", "votes", "teachers", "epoch", "start", "device", "versions"),
)
ANSWERS = "teachers/answers"  # among a checkpoint's tensors

_WHAT_TO_DO = "The last good checkpoint was kept; start anew with --overwrite and a lower --learning-rate."


@dataclass(frozen=True)
class Step:
    """How far an epoch has come: steps done of all, and loss and accuracy over them."""

    epoch: int
    step: int
    steps: int
    loss: float
    accuracy: float


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
    recipe's seed and the epoch's number, so that a run resumed from the checkpoint equals an unbroken one on the same CPU. As many
    of the visible graphics processors train together as divide the batch size; see `Devices`.

    A run begins with random weights, or with those of the files `start`, which need not have been trained on this data set; with
    their mean, if they are several (Wortsman et al. 2022). What the `teachers` say of the training images is asked once, at the
    beginning. A resumed run needs neither again.

    Raises UsageError if the folder already holds a run and neither `resume` nor `overwrite` is set, or if `resume` is and
    the recipe differs, or if one of `start` is of another model, or for an augmentation beside HOG, or for a share of the teachers
    without teachers, these without it, or ones of another data set; IntegrityError for a checkpoint of another model or data set;
    TrainingDiverged for a loss not finite.
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
        self.start: list[dict[str, Any]] = []  # what the weights that training began with say of themselves
        self.teachers = credits_of(teachers)
        self._temperature: float | None = None  # of the best epoch but the last; that of the last follows from the checkpoint
        self._validation_logits: NDArray[np.float32] | None = None  # of the last epoch, once it was trained here
        self._on_step = on_step
        if recipe.augmentation and model.uses_hog:
            raise UsageError(f"{model.name} takes HOG, which is of the image as it was; train it without augmentation.")
        checkpoint = self._found_checkpoint(resume=resume, overwrite=overwrite)
        self._images = dataset.originals if recipe.augmentation else dataset.train
        self._targets = targets(self._images, recipe.votes, balanced=recipe.balanced_votes)
        self._answers: NDArray[np.float32] | None = None
        if checkpoint:
            self.model = model.as_trained(checkpoint.metadata)
        else:
            check_teachers(teachers, recipe.teacher_share, dataset)
        self._devices = Devices(recipe.batch_size)
        self._steps = math.ceil(self.images / recipe.batch_size)
        with self._devices.together():
            self._build()
            if checkpoint:
                self._restore(checkpoint)
            elif start:
                self._begin_with(start)
        if teachers and not checkpoint:
            self._answers = answers(teachers, self._images)
        if self._answers is not None:
            self._targets = mixed(self._targets, self._answers, recipe.teacher_share)

    def _build(self) -> None:
        recipe = self.recipe
        keras.utils.set_random_seed(recipe.seed)
        self.network = build(self.model, l2=recipe.l2, precision=recipe.precision)
        self.network.get_layer("mean").mean.assign(self.dataset.mean)
        self._devices.normalise_together(self.network)
        momentum = recipe.momentum_of_average(recipe.epochs * self._steps)
        if momentum:  # the statistics that go with averaged weights are averaged as far back
            for layer in self.network.layers:
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.momentum = momentum
        # Training on the logits is steadier than on probabilities; the layers, and so the weights, are the same.
        self._logits = keras.Model(self.network.inputs, self.network.get_layer("logits").output)
        self._trainee = self._augmented(recipe.augmentation) if recipe.augmentation else self._logits
        self._optimizer = _optimizer(recipe, self._steps, momentum)
        self._trainee.compile(
            optimizer=self._optimizer,
            loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing),
            metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
            jit_compile="auto" if keras.backend.backend() != "tensorflow" else False,  # XLA on CPU is many times slower here
        )
        self._optimizer.build(self._trainee.trainable_variables)

    def __iter__(self) -> Iterator[Epoch]:
        with exclusive(self.folder):
            if self.history:
                self._write_outputs()  # a run stopped between its checkpoint and these has them now
            else:
                self._write_checkpoint()  # so that a run stopped in its first epoch resumes with its own recipe, too
            for number in range(len(self.history) + 1, self.recipe.epochs + 1):
                with self._devices.together():
                    epoch = self._train_epoch(number)
                    self.history.append(epoch)
                    self._write_checkpoint()
                    self._write_outputs()
                yield epoch

    @property
    def images(self) -> int:
        """How many images an epoch shows: all, but for what several devices cannot share evenly."""
        number = self._devices.number
        return len(self._images) // number * number

    @property
    def device(self) -> str:
        """What trains, such as `cpu, 2 cores` or `gpu:0, gpu:1`."""
        return self._devices.description

    @property
    def best(self) -> Epoch:
        """The epoch with the highest validation accuracy, the earliest of equals; its weights are the ones kept."""
        return max(self.history, key=lambda epoch: epoch.val_accuracy)

    def _found_checkpoint(self, *, resume: bool, overwrite: bool) -> Checkpoint | None:
        if resume:
            return read_to_resume(self.folder)
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
        if stored.get("votes") != self._votes_digest():
            raise IntegrityError(f"{path} was trained with other votes of the crowd; prepare the data set with the same FER+ file.")
        was_recipe = asdict(known_recipe(stored, path))
        changed = [name for name, value in asdict(self.recipe).items() if was_recipe[name] != value]
        if changed:
            was = ", ".join(f"{name} {was_recipe[name]}" for name in changed)
            raise UsageError(
                f"{path} was trained with {was}; resume with the same values, or start anew with --overwrite "
                "or, from its weights and in another folder, with --start."
            )
        tensors = dict(checkpoint.tensors)
        if self.recipe.teacher_share:
            self._answers = tensors.pop(ANSWERS, None)
            if self._answers is None or self._answers.shape != self._targets.shape:
                raise IntegrityError(f"{path} lacks what the teachers said of the training images; start anew with --overwrite.")
        assign(state_of(self._trainee, self._optimizer), tensors, path)
        self.start, self.teachers = begun_with(stored), stored.get("teachers", [])
        self._temperature = stored.get("temperature")
        try:
            self.history = [Epoch(**line) for line in stored["history"]]
        except (KeyError, TypeError) as error:
            raise IntegrityError(f"{path} holds no history that this version knows ({error}).") from error

    def _begin_with(self, paths: Sequence[Path]) -> None:
        sums: Tensors = {name: np.zeros(variable.shape) for name, variable in weights_of(self.network).items()}
        for path in paths:
            checkpoint = read_checkpoint(path) if path.suffix == ".safetensors" else read_weights(path)
            stored = checkpoint.metadata
            refuse_odd(stored, path)
            if stored.get("model") != self.model.name:
                raise UsageError(
                    f"{path} holds a {stored.get('model')} network, not {self.model.name}; start from weights of the same."
                )
            assign(weights_of(self.network), checkpoint.tensors, path)  # refuses what does not fit
            sums = {name: total + checkpoint.tensors[name] for name, total in sums.items()}
            self.start.append({"sha256": checkpoint.sha256} | {name: stored[name] for name in _ORIGIN if name in stored})
        assign(weights_of(self.network), {name: total / len(paths) for name, total in sums.items()}, paths[-1])

    def _augmented(self, augmentation: Augmentation) -> keras.Model:
        pixels, *others = self.network.inputs
        return keras.Model(self.network.inputs, self._logits([Augment(augmentation)(pixels), *others]))

    def _train_epoch(self, number: int) -> Epoch:
        started = time.monotonic()
        recipe = self.recipe
        order = np.random.default_rng([recipe.seed, number]).permutation(len(self._images))[: self.images]
        watch = _Watch(number, self._steps, self._on_step)
        batches = Batches(self._images, self._targets, order, recipe.batch_size)
        logs = self._trainee.fit(batches, epochs=1, shuffle=False, verbose=0, callbacks=[watch]).history
        logits, labels = self._validate(), self.dataset.validation.labels
        self._validation_logits = logits
        val_loss = cross_entropy(logits, labels)
        if not math.isfinite(val_loss):  # the epoch's last step may have broken the weights after its own loss was computed
            raise TrainingDiverged(f"The validation loss became {val_loss} after epoch {number}. {_WHAT_TO_DO}")
        return Epoch(
            epoch=number,
            loss=logs["loss"][0],
            accuracy=logs["accuracy"][0],
            val_loss=val_loss,
            val_accuracy=float((logits.argmax(axis=1) == labels).mean()),
            learning_rate=float(keras.ops.convert_to_numpy(self._optimizer.learning_rate)),
            seconds=round(time.monotonic() - started, 2),
        )

    def _validate(self) -> NDArray[np.float32]:
        """Return the validation images' logits (N,7) from the weights that would be kept."""
        validation, number = self.dataset.validation, self._devices.number
        order = np.arange(math.ceil(len(validation) / number) * number) % len(validation)  # filled up to what devices share evenly
        with self._averaged():
            batches = Batches(validation, targets(validation), order, max(1, 256 // number) * number)
            logits: NDArray[np.float32] = self._logits.predict(batches, verbose=0)
        return logits[: len(validation)]

    @contextlib.contextmanager
    def _averaged(self) -> Iterator[None]:
        """Inside, the network has the moving averages of its weights, if the recipe keeps any."""
        if not self.recipe.average:
            yield
            return
        variables = self._trainee.trainable_variables
        raw = [variable.numpy() for variable in variables]
        # Keras has no public name for these; its own callback that swaps them does so by sums that round.
        for variable, average in zip(variables, self._optimizer._model_variables_moving_average, strict=True):
            variable.assign(average.numpy())  # not the array itself, which JAX would give away with the network's own
        try:
            yield
        finally:
            for variable, value in zip(variables, raw, strict=True):
                variable.assign(value)

    def _write_outputs(self) -> None:
        """Write everything but the checkpoint, which comes first: what is missing here follows from it, not the reverse."""
        is_best = self.best is self.history[-1]
        if is_best:
            logits = self._validate() if self._validation_logits is None else self._validation_logits
            self._temperature = fit_temperature(logits, self.dataset.validation.labels)
        best = {"epoch": self.best.epoch, "validation_accuracy": self.best.val_accuracy, "temperature": self._temperature}
        metadata = self._metadata() | best
        if is_best:
            with self._averaged():
                save_network(self.network, metadata, self.folder / RUN_WEIGHTS)
        write_lines(Epoch, self.history, self.folder / RUN_HISTORY)
        plot_curves({self.model.name: self.history}, self.folder / CURVES)
        summary = metadata | {"epochs_done": len(self.history), "seconds": round(sum(epoch.seconds for epoch in self.history), 1)}
        write_json(self.folder / METRICS, summary)

    def _write_checkpoint(self) -> None:
        tensors = tensors_of(state_of(self._trainee, self._optimizer))
        if self._answers is not None:
            tensors[ANSWERS] = self._answers
        history = [asdict(epoch) for epoch in self.history]
        metadata = self._metadata() | {"history": history, "temperature": self._temperature}
        write_checkpoint(Checkpoint(tensors, metadata), self.folder / CHECKPOINT)

    def _metadata(self) -> dict[str, Any]:
        return {
            "model": self.model.name,
            "labels": self.model.labels,
            "input": self.model.input,
            "mean": "mean/mean",
            "recipe": asdict(self.recipe),
            "dropout": self.model.network.dropout,
            "dataset": self.dataset.meta["digest"],
            "votes": self._votes_digest(),
            "teachers": self.teachers,
            CLASS_MIX: class_mix(self._targets, self.recipe.label_smoothing),
            "start": self.start,
            "device": self.device,
            "versions": {
                "fercli": __version__,
                "keras": keras.__version__,
                "backend": backend_name(),
                "python": platform.python_version(),
            },
        }

    def _votes_digest(self) -> str | None:
        return self.dataset.meta["sha256"]["train_votes"] if self.recipe.votes else None


def _optimizer(recipe: Recipe, steps: int, momentum: float) -> keras.optimizers.Optimizer:
    rate: Any = recipe.learning_rate
    if recipe.schedule == "cosine":
        warmup = min(round(recipe.warmup_epochs * steps), recipe.epochs * steps // 2)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0 if warmup else rate,
            decay_steps=recipe.epochs * steps - warmup,
            warmup_target=rate if warmup else None,
            warmup_steps=warmup,
        )
    average = {"use_ema": True, "ema_momentum": momentum} if momentum else {}
    if recipe.optimizer == "adam":
        optimizer = keras.optimizers.Adam(rate, **average)
    else:
        optimizer = keras.optimizers.SGD(rate, momentum=recipe.momentum, nesterov=True, **average)
    # At the end of `fit`, that is of each epoch here, Keras would put the averages in place of the weights that train.
    optimizer.finalize_variable_values = lambda _: None
    return optimizer
