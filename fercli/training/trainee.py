"""A network while it is trained: with its optimizer, and the moving averages of its weights."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from fercli.models.checkpoints import assign, state_of, tensors_of, weights_of
from fercli.models.graphs import Tensors
from fercli.models.lineage import told_once
from fercli.models.networks import build
from fercli.models.networks.graphs import save_network
from fercli.models.recipes import Augmentation, Recipe
from fercli.models.registry import Model
from fercli.training.augmentation import Augment
from fercli.training.batches import Batches
from fercli.training.checks import read_start
from fercli.training.devices import Devices

_ORIGIN = (  # metadata that are kept of weights that a run started from
    *("recipe", "input", "dropout", "dataset", "votes", "teachers", "epoch", "file", "start", "device", "versions"),
)


class Trainee:
    """The network of a registry entry, ready to be trained with a recipe, `steps` steps an epoch, on `devices`.

    It must be built and used inside `devices.together()`. `mean` (48,48) is the image that it subtracts, in grey levels.
    """

    def __init__(self, model: Model, recipe: Recipe, mean: NDArray[np.float32], steps: int, devices: Devices) -> None:
        self._model, self._recipe = model, recipe
        keras.utils.set_random_seed(recipe.seed)
        self.network = build(model, l2=recipe.l2, precision=recipe.precision)
        self.network.get_layer("mean").mean.assign(mean)
        devices.normalise_together(self.network)
        momentum = recipe.momentum_of_average(recipe.epochs * steps)
        if momentum:  # the statistics that go with averaged weights are averaged as far back
            for layer in self.network.layers:
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.momentum = momentum
        # Training on the logits is steadier than on probabilities; the layers, and so the weights, are the same.
        self._logits = keras.Model(self.network.inputs, self.network.get_layer("logits").output)
        self._trained = self._augmented(recipe.augmentation) if recipe.augmentation else self._logits
        self._optimizer = _optimizer(recipe, steps, momentum)
        self._trained.compile(
            optimizer=self._optimizer,
            loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing),
            metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
            jit_compile="auto" if keras.backend.backend() != "tensorflow" else False,  # XLA on CPU is many times slower here
        )
        self._optimizer.build(self._trained.trainable_variables)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        return float(keras.ops.convert_to_numpy(self._optimizer.learning_rate))

    def fit(self, batches: Batches, callback: keras.callbacks.Callback) -> tuple[float, float]:
        """Train one epoch; return its loss, including the L2 penalty, and its accuracy, 0 to 1."""
        logs = self._trained.fit(batches, epochs=1, shuffle=False, verbose=0, callbacks=[callback]).history
        return logs["loss"][0], logs["accuracy"][0]

    def predict(self, batches: Batches) -> NDArray[np.float32]:
        """Return the logits (N,7) with the weights that would be kept: the moving averages, if there are any."""
        with self._averaged():
            logits: NDArray[np.float32] = self._logits.predict(batches, verbose=0)
        return logits

    def keep(self, metadata: dict[str, Any], path: Path) -> None:
        """Write the weights to keep, with `metadata`; errors as in `save_network`."""
        with self._averaged():
            save_network(self.network, metadata, path)

    def state(self) -> Tensors:
        """Return everything that training changes, by names that are the same in every process."""
        return tensors_of(state_of(self._trained, self._optimizer))

    def restore(self, state: Tensors, path: Path) -> None:
        """Go back to a `state`; IntegrityError, naming the file `path`, if it is not of such a network."""
        assign(state_of(self._trained, self._optimizer), state, path)

    def begin_with(self, paths: Sequence[Path]) -> list[dict[str, Any]]:
        """Start from the mean of the weights in files, and return the metadata of each; UsageError for another model's weights."""
        variables, origins = weights_of(self.network), []
        sums: Tensors = {name: np.zeros(variable.shape) for name, variable in variables.items()}
        for path in paths:
            stored = read_start(path, self._model)
            assign(variables, stored.tensors, path)  # refuses what does not fit
            sums = {name: total + stored.tensors[name] for name, total in sums.items()}
            told = {name: stored.metadata[name] for name in _ORIGIN if name in stored.metadata}
            origins.append({"sha256": stored.sha256} | told)
        assign(variables, {name: total / len(paths) for name, total in sums.items()}, paths[-1])
        return told_once(origins)

    def _augmented(self, augmentation: Augmentation) -> keras.Model:
        pixels, *others = self.network.inputs
        return keras.Model(self.network.inputs, self._logits([Augment(augmentation)(pixels), *others]))

    @contextlib.contextmanager
    def _averaged(self) -> Iterator[None]:
        """Inside, the network has the moving averages of its weights, if the recipe keeps any."""
        if not self._recipe.average:
            yield
            return
        variables = self._trained.trainable_variables
        raw = [variable.numpy() for variable in variables]
        # Keras has no public name for these; its own callback that swaps them does so by sums that round.
        for variable, average in zip(variables, self._optimizer._model_variables_moving_average, strict=True):
            variable.assign(average.numpy())  # not the array itself, which JAX would give away with the network's own
        try:
            yield
        finally:
            for variable, value in zip(variables, raw, strict=True):
                variable.assign(value)


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
