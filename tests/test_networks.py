import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from fercli.checkpoints import assign, read_checkpoint, save_weights, weights_of
from fercli.dataset import Dataset
from fercli.errors import IntegrityError
from fercli.hog import hog_features
from fercli.networks import BUILDERS, build
from fercli.networks.layers import BatchNormalization
from fercli.registry import MODELS
from tests.conftest import synthetic_faces

FACES = synthetic_faces(5)[0]


def inputs(uses_hog: bool) -> dict[str, object]:
    return {"pixels": FACES} | ({"hog": hog_features(FACES)} if uses_hog else {})


@pytest.mark.parametrize("name", MODELS)
def test_every_entry_builds_and_survives_a_round_trip_through_float16(name: str, tmp_path: Path) -> None:
    model = MODELS[name]
    assert model.builder in BUILDERS
    network = build(model, l2=model.recipe.l2)
    assert network.count_params() == model.parameters
    network.get_layer("mean").mean.assign(np.full((48, 48), 99.5, np.float32))
    before = network.predict_on_batch(inputs(model.uses_hog))
    assert before.shape == (5, len(model.labels))
    assert before.dtype == np.float32
    assert np.allclose(before.sum(axis=1), 1, atol=1e-5)
    save_weights(network, {"model": name}, tmp_path / "w.safetensors")
    assert (tmp_path / "w.safetensors").stat().st_size < 50_000_000
    other = build(model)
    checkpoint = read_checkpoint(tmp_path / "w.safetensors")
    assert {tensor.dtype for tensor in checkpoint.tensors.values()} == {np.dtype(np.float16)}
    assign(weights_of(other), checkpoint.tensors, tmp_path / "w.safetensors")
    assert np.abs(other.predict_on_batch(inputs(model.uses_hog)) - before).max() < 5e-3


def test_the_mean_is_subtracted_inside() -> None:
    network = build(MODELS["shallow"])
    mean = network.get_layer("mean")
    mean.mean.assign(np.full((48, 48), 100, np.float32))
    out = keras.ops.convert_to_numpy(mean(np.array([[[100] * 48] * 48, [[151] * 48] * 48], np.uint8)))
    assert out.shape == (2, 48, 48, 1)
    assert np.allclose(out[0], 0)
    assert np.allclose(out[1], 0.2)


def test_hog_changes_the_answer() -> None:
    network = build(MODELS["deep-hog"])
    with_hog = network.predict_on_batch(inputs(uses_hog=True))
    without = network.predict_on_batch({"pixels": FACES, "hog": np.zeros((5, 800), np.float32)})
    assert np.abs(with_hog - without).max() > 1e-4


def test_precision_changes_no_weight() -> None:
    full, mixed = build(MODELS["deep"]), build(MODELS["deep"], precision="mixed_bfloat16")
    assert {v.path: (v.shape, v.dtype) for v in full.weights} == {v.path: (v.shape, v.dtype) for v in mixed.weights}


@pytest.mark.parametrize("fault", ["missing", "extra", "renamed", "misshaped"])
def test_promise_7_own_weights_that_do_not_fit_never_load(fault: str, tmp_path: Path) -> None:
    network = build(MODELS["deep"])
    save_weights(network, {}, tmp_path / "w")
    tensors = dict(read_checkpoint(tmp_path / "w").tensors)
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
    network = build(MODELS["deep"])
    network.get_layer("logits").bias.assign(np.array([1e5, 1, 2, 3, 4, 5, 6], np.float32))
    save_weights(network, {}, tmp_path / "w")
    assert read_checkpoint(tmp_path / "w").tensors["logits/bias"].tolist() == [1e5, 1, 2, 3, 4, 5, 6]


def test_weights_of_one_model_do_not_load_into_another(tmp_path: Path) -> None:
    save_weights(build(MODELS["deep"]), {}, tmp_path / "w")
    with pytest.raises(IntegrityError):
        assign(weights_of(build(MODELS["deep-hog"])), read_checkpoint(tmp_path / "w").tensors, tmp_path / "w")


def test_l2_weighs_all_kernels_and_nothing_else(dataset: Dataset) -> None:
    network = build(MODELS["shallow"], l2=0.5)
    kernels = [variable for variable in network.trainable_variables if variable.path.endswith("kernel")]
    want = 0.5 * sum(float(keras.ops.sum(keras.ops.square(kernel))) for kernel in kernels)
    assert sum(float(loss) for loss in network.losses) == pytest.approx(want, rel=1e-4)
    assert len(kernels) == 4


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_give_the_same_answer_where_installed(backend: str, tmp_path: Path) -> None:
    pytest.importorskip(backend)
    network = build(MODELS["deep-hog"])
    save_weights(network, {}, tmp_path / "w")
    assign(weights_of(network), read_checkpoint(tmp_path / "w").tensors, tmp_path / "w")
    np.savez(tmp_path / "in.npz", pixels=FACES, hog=hog_features(FACES))
    code = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from fercli.networks import build\n"
        "from fercli.registry import MODELS\n"
        "from fercli.checkpoints import assign, read_checkpoint, weights_of\n"
        "folder = Path(sys.argv[1])\n"
        "network = build(MODELS['deep-hog'])\n"
        "assign(weights_of(network), read_checkpoint(folder / 'w').tensors, folder / 'w')\n"
        "data = np.load(folder / 'in.npz')\n"
        "np.save(folder / 'out.npy', network.predict_on_batch({'pixels': data['pixels'], 'hog': data['hog']}))\n"
    )
    environment = {"KERAS_BACKEND": backend, "PATH": "", "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True, env=environment)
    assert np.abs(np.load(tmp_path / "out.npy") - network.predict_on_batch(inputs(uses_hog=True))).max() < 1e-3


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
