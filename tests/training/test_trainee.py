from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fercli.dataset import Dataset
from fercli.errors import IntegrityError, UsageError
from fercli.models.architectures.residual import ResidualNetwork
from fercli.models.registry import MODELS
from fercli.training.devices import Devices
from fercli.training.trainee import Trainee

MODEL = replace(MODELS["compact"], network=ResidualNetwork(stem=2, stages=((2, 1),), squeeze=0, head_dropout=0.1))
RECIPE = replace(MODEL.recipe, batch_size=16, average=0.0)


def trainee(dataset: Dataset, **changes: object) -> Trainee:
    return Trainee(MODEL, replace(RECIPE, **changes), dataset.mean, 6, Devices(16))  # type: ignore[arg-type]


def test_what_is_saved_is_begun_with_and_told_of(dataset: Dataset, tmp_path: Path) -> None:
    first, second = trainee(dataset), trainee(dataset, seed=1)
    for number, taught in enumerate((first, second)):
        taught.keep({"model": "compact", "epoch": number}, tmp_path / f"{number}.onnx")
    third = trainee(dataset, seed=2)
    origins = third.begin_with([tmp_path / "0.onnx", tmp_path / "1.onnx"])
    assert [(sorted(origin), origin["epoch"]) for origin in origins] == [(["epoch", "sha256"], 0), (["epoch", "sha256"], 1)]
    kernels = [np.asarray(taught.network.get_layer("logits").kernel) for taught in (first, second, third)]
    assert np.allclose(kernels[2], (kernels[0] + kernels[1]) / 2, atol=1e-3)
    first.keep({"model": "deep"}, tmp_path / "other.onnx")
    with pytest.raises(UsageError, match="holds a deep network, not compact"):
        third.begin_with([tmp_path / "other.onnx"])


def test_a_state_is_gone_back_to_and_must_fit(dataset: Dataset) -> None:
    taught = trainee(dataset)
    state = taught.state()
    kernel = taught.network.get_layer("logits").kernel
    kernel.assign(np.zeros(kernel.shape))
    taught.restore(state, Path("c"))
    assert np.abs(np.asarray(kernel)).max() > 0
    with pytest.raises(IntegrityError, match="does not fit"):
        taught.restore(dict(list(state.items())[1:]), Path("c"))
