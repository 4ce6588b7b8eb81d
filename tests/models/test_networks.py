import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest

from fercli.dataset import Dataset
from fercli.errors import FercliError, IntegrityError
from fercli.models.architectures import Network, Style
from fercli.models.architectures.layers import BatchNormalization, ToneEqualization, ToneStandardization
from fercli.models.architectures.paper import Affine, Convolution, PaperNetwork
from fercli.models.architectures.residual import ResidualNetwork
from fercli.models.checkpoints import assign, weights_of
from fercli.models.hog import hog_features
from fercli.models.networks import build
from fercli.models.networks.graphs import graph_of, save_network
from fercli.models.operators import checked
from fercli.models.registry import MODELS, Model
from fercli.models.sessions import compute, open_session
from fercli.models.weights import read_weights
from tests.conftest import synthetic_faces

FACES = synthetic_faces(5)[0]
# The paper's grammar with few filters, where a test is not of the registry's networks.
SMALL = PaperNetwork((Convolution(4, 3, False, 0.1), Convolution(8, 3, True, 0.1)), (Affine(16, 0.2),))


def small(name: str) -> Model:
    return replace(MODELS[name], network=SMALL)


def answers(network: keras.Model, given: Any) -> np.ndarray:
    """What a network says; `predict` would first make a graph of it, which takes longer than that."""
    said: np.ndarray = keras.ops.convert_to_numpy(network(given))
    return said


def inputs(uses_hog: bool) -> dict[str, np.ndarray]:
    return {"pixels": FACES} | ({"hog": hog_features(FACES)} if uses_hog else {})


@pytest.mark.parametrize("name", MODELS)
def test_every_entry_builds_and_labels_alike_as_a_graph(name: str, tmp_path: Path) -> None:
    model = MODELS[name]
    network = build(model, l2=model.recipe.l2)
    assert model.parameters in (None, network.count_params())
    network.get_layer("mean").mean.assign(np.full((48, 48), 99.5, np.float32))
    before = answers(network, inputs(model.uses_hog))
    assert before.shape == (5, len(model.labels))
    assert before.dtype == np.float32
    assert np.allclose(before.sum(axis=1), 1, atol=1e-5)
    save_network(network, {"model": name}, tmp_path / "w.onnx")
    assert (tmp_path / "w.onnx").stat().st_size < 20_000_000
    weights = read_weights(tmp_path / "w.onnx")
    assert weights.parameters == network.count_params()
    assert {tensor.dtype for tensor in weights.graph.tensors.values()} <= {np.dtype(kind) for kind in ("f2", "f4", "i1")}
    onnx.checker.check_model(onnx.load_from_string(weights.data), full_check=True)
    after = compute(open_session(weights.data), inputs(model.uses_hog))
    assert np.abs(after - before).max() < 5e-3  # float16
    for variable in network.weights:
        variable.assign(np.zeros(variable.shape, np.float32))
    assign(weights_of(network), weights.tensors, tmp_path / "w.onnx")
    assert np.abs(answers(network, inputs(model.uses_hog)) - after).max() < 1e-5


@dataclass(frozen=True)
class Odd(Network):
    """A network that lacks something."""

    fault: str

    def features(self, images: Any, hog: Any, style: Style) -> Any:
        if self.fault == "no layers":
            return super().features(images, hog, style)
        name = None if self.fault == "no name" else "stem"
        x = keras.layers.Conv2D(2, 3, name=name, activation="tanh" if self.fault == "no activation" else None)(images)
        x = keras.layers.LeakyReLU(name="leaky")(x) if self.fault == "no operators" else x
        return x if self.fault == "no vectors" else keras.layers.GlobalAveragePooling2D(name="features")(x)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no layers", "Odd makes no layers; give it a method features"),
        ("no name", "conv2d.* has weights and no name of its own"),
        ("no operators", "leaky is a LeakyReLU, for which fercli/models/networks/graphs.py knows no operators"),
        ("no activation", "stem is a layer with the activation tanh, for which"),
        ("no vectors", "The features of odd are no vectors; let its network end"),
    ],
)
def test_what_a_network_lacks_is_said(fault: str, message: str) -> None:
    recipe = MODELS["deep"].recipe
    with pytest.raises(FercliError, match=message):
        build(Model("odd", "a network", Odd(fault), recipe))
    assert [layer.name for layer in build(Model("even", "a network", Odd(""), recipe)).layers[1:]] == [
        "mean", "stem", "features", "logits", "probabilities",
    ]  # fmt: skip


def test_the_mean_is_subtracted_inside() -> None:
    network = build(small("shallow"))
    mean = network.get_layer("mean")
    mean.mean.assign(np.full((48, 48), 100, np.float32))
    out = keras.ops.convert_to_numpy(mean(np.array([[[100] * 48] * 48, [[151] * 48] * 48], np.uint8)))
    assert out.shape == (2, 48, 48, 1)
    assert np.allclose(out[0], 0)
    assert np.allclose(out[1], 0.2)


def test_hog_changes_the_answer() -> None:
    network = build(MODELS["deep-hog"])
    with_hog = answers(network, inputs(uses_hog=True))
    without = answers(network, {"pixels": FACES, "hog": np.zeros((5, 800), np.float32)})
    assert np.abs(with_hog - without).max() > 1e-4


def test_precision_changes_no_weight() -> None:
    full, mixed = build(MODELS["deep"]), build(MODELS["deep"], precision="mixed_bfloat16")
    assert {v.path: (v.shape, v.dtype) for v in full.weights} == {v.path: (v.shape, v.dtype) for v in mixed.weights}


@pytest.mark.parametrize("fault", ["missing", "extra", "renamed", "misshaped"])
def test_promise_7_own_weights_that_do_not_fit_never_load(fault: str, tmp_path: Path) -> None:
    network = build(small("deep"))
    save_network(network, {}, tmp_path / "w")
    tensors = dict(read_weights(tmp_path / "w").tensors)
    bias = tensors.pop("logits/bias")
    tensors |= {
        "missing": {},
        "extra": {"logits/bias": bias, "more": bias},
        "renamed": {"logits/Bias": bias},
        "misshaped": {"logits/bias": bias[:6]},
    }[fault]
    with pytest.raises(IntegrityError, match="does not fit this network"):
        assign(weights_of(network), tensors, tmp_path / "w")


def test_a_value_beyond_float16_stays_what_it_was(tmp_path: Path) -> None:
    network = build(small("deep"))
    network.get_layer("logits").bias.assign(np.array([1e5, 1, 2, 3, 4, 5, 6], np.float32))
    save_network(network, {}, tmp_path / "w")
    assert read_weights(tmp_path / "w").tensors["logits/bias"].tolist() == [1e5, 1, 2, 3, 4, 5, 6]


def test_weights_of_one_model_do_not_load_into_another(tmp_path: Path) -> None:
    save_network(build(small("deep")), {}, tmp_path / "w")
    with pytest.raises(IntegrityError):
        assign(weights_of(build(small("deep-hog"))), read_weights(tmp_path / "w").tensors, tmp_path / "w")


def test_l2_weighs_all_kernels_and_nothing_else(dataset: Dataset) -> None:
    network = build(small("shallow"), l2=0.5)
    kernels = [variable for variable in network.trainable_variables if variable.path.endswith("kernel")]
    want = 0.5 * sum(float(keras.ops.sum(keras.ops.square(kernel))) for kernel in kernels)
    assert sum(float(loss) for loss in network.losses) == pytest.approx(want, rel=1e-4)
    assert len(kernels) == 4


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_give_the_same_answer_where_installed(backend: str, tmp_path: Path) -> None:
    pytest.importorskip(backend)
    network = build(MODELS["deep-hog"])
    save_network(network, {}, tmp_path / "w")
    assign(weights_of(network), read_weights(tmp_path / "w").tensors, tmp_path / "w")
    np.savez(tmp_path / "in.npz", pixels=FACES, hog=hog_features(FACES))
    code = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from fercli.models.networks import build\n"
        "from fercli.models.registry import MODELS\n"
        "from fercli.models.checkpoints import assign, weights_of\n"
        "from fercli.models.weights import read_weights\n"
        "folder = Path(sys.argv[1])\n"
        "network = build(MODELS['deep-hog'])\n"
        "assign(weights_of(network), read_weights(folder / 'w').tensors, folder / 'w')\n"
        "data = np.load(folder / 'in.npz')\n"
        "np.save(folder / 'out.npy', network.predict_on_batch({'pixels': data['pixels'], 'hog': data['hog']}))\n"
    )
    environment = {"KERAS_BACKEND": backend, "PATH": "", "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True, env=environment)
    assert np.abs(np.load(tmp_path / "out.npy") - answers(network, inputs(uses_hog=True))).max() < 1e-3


def test_multiply_adds_by_hand() -> None:
    convolutions = 48 * 48 * 9 * 4 + 48 * 48 * 9 * 4 * 8
    assert checked(graph_of(build(small("shallow")))).multiply_adds == convolutions + 24 * 24 * 8 * 16 + 16 * 7


def test_without_squeeze_a_residual_network_has_fewer_weights() -> None:
    model = MODELS["compact"]
    assert isinstance(model.network, ResidualNetwork)
    plain = build(replace(model, network=replace(model.network, squeeze=0)))
    assert plain.count_params() < model.parameters
    assert not [layer for layer in plain.layers if "excite" in layer.name]


def test_tones_are_standardised_by_the_middle_of_each_image() -> None:
    images = np.repeat(FACES[:1], 4, axis=0)
    images[1] = images[0] // 2 + 60  # other tones of the same face
    images[2, :8], images[2, :, 40:] = 255, 0  # another border of it
    images[3] = 90 + np.arange(48) % 2  # nothing in it
    seen = keras.ops.convert_to_numpy(ToneStandardization()(images))
    middle = seen[:, 8:40, 8:40]
    assert np.allclose(middle[:3].mean(axis=(1, 2)), 128, atol=0.01)
    assert np.allclose(middle[:3].std(axis=(1, 2)), 64, atol=0.01)
    assert np.abs(seen[0] - seen[1]).max() < 2  # rounding to whole pixels, stretched
    assert (middle[0] == middle[2]).all()
    assert np.allclose(middle[3].std(), 0.5 * 64 / 16)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_tones_go_a_share_of_the_way_to_equal_frequency(share: float) -> None:
    ramp = np.tile(np.linspace(0, 255, 32, dtype=np.float32), (32, 1))  # all tones are equally frequent there
    images = np.stack([ramp, 255 * (ramp / 255) ** 2, np.full_like(ramp, 100)])
    images = np.pad(images, ((0, 0), (8, 8), (8, 8)), constant_values=30)  # the border of an image does not count
    moved = keras.ops.convert_to_numpy(ToneEqualization(share)(images))
    middle, before = moved[:, 8:40, 8:40], images[:, 8:40, 8:40]
    assert np.abs(middle[0] - before[0]).max() < 10 * share  # the bins at both ends are half as wide
    there = share * before[0] + (1 - share) * before[1]  # the ramp's tones are those of equal frequency
    assert np.abs(middle[1] - there)[:, 3:].max() < 12 * share
    assert (np.diff(middle[:2], axis=2) >= 0).all()
    assert middle[2].std() == 0
    beyond = keras.ops.convert_to_numpy(ToneEqualization(share)(np.where(images == 30, -50, images)))
    assert np.allclose(beyond[:, 0, 0], -50 * (1 - share))
    assert np.allclose(beyond[:, 8:40, 8:40], middle)


def test_the_share_of_equal_frequency_is_that_of_the_weights() -> None:
    model = MODELS["compact"]
    for told, share in ({}, 0), ({"equalized": True}, 0.5), ({"equalized": 0.25}, 0.25), ({"equalized": "all"}, 0):
        assert model.as_trained({"input": told}).network.equalize == share  # True is from when there was but one share


def test_a_network_of_standardised_tones_has_the_same_weights_and_sees_no_other_tones() -> None:
    model = MODELS["compact"]
    with_tones = build(model)
    without = build(model.as_trained({}))
    assert {v.path: v.shape for v in with_tones.weights} == {v.path: v.shape for v in without.weights}
    faces, darker = {"pixels": FACES}, {"pixels": (FACES // 2 + 20).astype(np.uint8)}
    moved = [np.abs(answers(network, darker) - answers(network, faces)).max() for network in (with_tones, without)]
    assert moved[0] < 0.2 * moved[1]


def test_bfloat16_rounds_no_pixel_before_the_mean_is_subtracted() -> None:
    network = build(MODELS["compact"], precision="mixed_bfloat16")
    tones = np.full((1, 48, 48), 200.25, np.float32)
    network.get_layer("mean").mean.assign(np.full((48, 48), 200, np.float32))
    out = keras.ops.convert_to_numpy(keras.ops.cast(network.get_layer("mean")(tones), "float32"))
    assert np.allclose(out, 0.25 / 255, rtol=0.01)


def test_the_fused_normalisation_trains_as_keras_does() -> None:
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the fused operation is TensorFlow's")
    generator = np.random.default_rng(0)
    images = tf.constant(generator.normal(3, 2, (16, 9, 9, 5)).astype(np.float32))
    direction = tf.constant(generator.normal(size=images.shape).astype(np.float32))
    seen = []
    for layer in (BatchNormalization(), keras.layers.BatchNormalization()):
        layer.build(images.shape)
        layer.gamma.assign(np.linspace(0.5, 2, 5))
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = layer(images, training=True)
            loss = tf.reduce_sum(outputs * direction)
        gradients = tape.gradient(loss, [images, layer.gamma.value, layer.beta.value])
        untrained = layer(images, training=False)
        seen.append([outputs, *gradients, untrained, layer.moving_mean.value, layer.moving_variance.value])
    for ours, theirs in zip(*seen, strict=True):
        assert np.allclose(ours, theirs, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize(
    ("layer", "what"),
    [
        (keras.layers.LeakyReLU(name="odd"), "odd is a LeakyReLU"),
        (keras.layers.Conv2D(2, 3, dilation_rate=2, name="odd"), r"dilation_rate \(2, 2\)"),
        (keras.layers.Conv2D(2, 3, activation="tanh", name="odd"), "activation tanh"),
        (keras.layers.ReLU(max_value=6, name="odd"), "max_value 6"),
        (keras.layers.Conv2D(2, 3, data_format="channels_first", name="odd"), "data_format channels_first"),
        (keras.layers.AveragePooling2D(2, data_format="channels_first", name="odd"), "data_format channels_first"),
        (keras.layers.GlobalAveragePooling2D(data_format="channels_first", name="odd"), "data_format channels_first"),
        (keras.layers.Flatten(data_format="channels_first", name="odd"), "data_format channels_first"),
    ],
)
def test_what_no_graph_can_hold_is_refused_by_name(layer: keras.layers.Layer, what: str) -> None:
    inputs = keras.Input((8, 8, 8), dtype="float32", name="pixels")
    with pytest.raises(FercliError, match=what):
        graph_of(keras.Model(inputs, layer(inputs)))
