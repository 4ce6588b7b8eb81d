"""What neither source says about a recipe, tried out: validation accuracy of one registry entry under several settings.

    python tests/bench/choices.py fer2013.npz deep --epochs 2 momentum=0.9 momentum=0.97 'dropout=0 0 0 0 0.5 0.5'

Each setting changes the entry's recipe (`optimizer=adam,learning_rate=0.001`, `augmentation=flip`, `erasing=0.5`), its dropout
rates, one for each convolution and then for each affine layer, another part of its network (`squeeze=0`), or HOG's orientations,
cell and block (`hog=9 8 2`). Every run is a whole schedule of its own, so a cosine ends at zero in each. With
`--record weights/choices.csv` the results go into the file that the cards quote.
"""

import argparse
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from fercli.dataset import Dataset, Split, read_dataset
from fercli.models.architectures import Network
from fercli.models.architectures.paper import PaperNetwork
from fercli.models.architectures.residual import ResidualNetwork
from fercli.models.history import Choice, read_lines, write_lines
from fercli.models.hog import hog_features
from fercli.models.recipes import Augmentation, with_options
from fercli.models.registry import HOG_LENGTH, Model, find_model
from fercli.training.trainer import Trainer

AUGMENTATIONS = {"none": None, "flip": Augmentation(flip=True)}  # without any, mirrored copies make an epoch twice as long


def varied(model: Model, setting: str) -> Model:
    """Return the entry with one setting, `name=value[,name=value]`, in place of its own; dropout rates are set apart by spaces."""
    recipe, network = model.recipe, model.network
    pairs = sorted(pair.split("=") for pair in setting.split(","))  # so that augmentation comes before its strength and erasing
    for name, value in pairs:
        if name in ("epochs", "precision"):
            raise SystemExit(f"{setting}: {name} is not a setting to try; every run has the same.")
        if name == "dropout":
            network = with_dropout(network, [float(rate) for rate in value.split()])
        elif name == "hog":
            pass  # see `with_hog`
        elif name == "augmentation":
            if value not in AUGMENTATIONS:
                raise SystemExit(f"{setting}: augmentation can only be {' or '.join(AUGMENTATIONS)}.")
            recipe = replace(recipe, augmentation=AUGMENTATIONS[value])
        elif name in ("augmentation_strength", "erasing"):
            recipe = with_options(recipe, **{name: float(value)})
        else:
            changed = recipe if hasattr(recipe, name) else network
            kind = type(getattr(changed, name))
            given: Any = value == "True" if kind is bool else kind(value)
            if changed is recipe:
                recipe = replace(recipe, **{name: given})
            else:
                network = replace(network, **{name: given})  # type: ignore[type-var]
    return replace(model, network=network, recipe=recipe)


def with_dropout(network: Network, rates: list[float]) -> Network:
    """Return the network with other dropout rates, one a layer that has one."""
    if len(rates) != len(network.dropout):
        raise SystemExit(f"This network takes {len(network.dropout)} dropout rates, not {len(rates)}.")
    if isinstance(network, ResidualNetwork):
        return replace(network, head_dropout=rates[0])
    assert isinstance(network, PaperNetwork)
    convolutions, affines = network.convolutions, network.affines
    return replace(
        network,
        convolutions=tuple(replace(block, dropout=rate) for block, rate in zip(convolutions, rates, strict=False)),
        affines=tuple(replace(block, dropout=rate) for block, rate in zip(affines, rates[len(convolutions) :], strict=True)),
    )


def with_hog(dataset: Dataset, setting: str) -> tuple[Dataset, int]:
    """Return the data set with the features that the setting asks for, and their number; the data set's own without any."""
    asked = [value for name, value in (pair.split("=") for pair in setting.split(",")) if name == "hog"]
    if not asked:
        return dataset, HOG_LENGTH
    orientations, cell, block = map(int, asked[0].split())
    features = partial(hog_features, orientations=orientations, cell=cell, block=block)

    def changed(split: Split) -> Split:
        parts = np.array_split(split.pixels, 8)
        return replace(split, hog=np.concatenate(list(pool.map(features, parts))))

    with ProcessPoolExecutor() as pool:
        train, validation = changed(dataset.train), changed(dataset.validation)
    assert train.hog is not None
    return replace(dataset, train=train, validation=validation), train.hog.shape[1]


def main() -> None:
    """Train each setting and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("model")
    parser.add_argument("settings", nargs="+")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--record", type=Path)
    arguments = parser.parse_args()
    model = find_model(arguments.model)
    dataset = read_dataset(arguments.data, hog=model.uses_hog)
    for setting in arguments.settings:
        entry = varied(model, setting)
        recipe = replace(entry.recipe, epochs=arguments.epochs, precision="mixed_bfloat16")
        data, length = with_hog(dataset, setting)
        with tempfile.TemporaryDirectory() as folder, mock.patch("fercli.models.networks.HOG_LENGTH", length):
            history = list(Trainer(entry, recipe, data, Path(folder)))
        if arguments.record:
            tried = Choice(model.name, setting, arguments.epochs, history[-1].accuracy, history[-1].val_accuracy)
            write_lines(Choice, [*read_lines(Choice, arguments.record), tried], arguments.record)
        accuracies = " ".join(f"{100 * epoch.val_accuracy:.1f}" for epoch in history)
        print(f"{setting}: validation {accuracies}; training {100 * history[-1].accuracy:.1f}", flush=True)


if __name__ == "__main__":
    main()
