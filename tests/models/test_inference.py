import logging
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fercli.errors import IntegrityError, UsageError
from fercli.models import sessions
from fercli.models.architectures.residual import ResidualNetwork
from fercli.models.calibration import tempered
from fercli.models.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from fercli.models.inference import BATCH, Labeller, all_weights, own_weights, shipped_weights
from fercli.models.networks import build
from fercli.models.networks.graphs import save_network
from fercli.models.registry import DEFAULT_MODEL, MODELS
from fercli.models.sessions import compute, open_session
from fercli.models.views import VIEWS, views
from fercli.models.weights import Weights, read_weights, write_weights
from tests.conftest import synthetic_faces
from tests.promises import Did

METADATA = {"model": "deep-hog", "labels": list(MODELS["deep-hog"].labels)}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "mine"
    save_network(build(MODELS["deep-hog"]), METADATA, folder / "model.onnx")
    return folder


def test_labels_do_not_depend_on_batches(run: Path) -> None:
    labeller = Labeller(own_weights(run))
    faces = synthetic_faces(BATCH + 3)[0]
    together = labeller.label(faces)
    assert together.shape == (BATCH + 3, 7)
    assert np.allclose(together.sum(axis=1), 1, atol=1e-5)
    alone = np.concatenate([labeller.label(face[None]) for face in (faces[0], faces[BATCH], faces[-1])])
    assert np.abs(alone - together[[0, BATCH, -1]]).max() < 1e-5
    assert labeller.label(faces[:0]).shape == (0, 7)


def test_test_time_augmentation_is_the_mean_over_the_views(run: Path) -> None:
    plain, several = Labeller(own_weights(run)), Labeller(own_weights(run)).augmented()
    faces = synthetic_faces(4)[0]
    mean = np.mean([plain.label(view) for view in views(faces)], axis=0)
    assert np.abs(several.label(faces) - mean).max() < 1e-5
    assert (plain.title, several.title) == (str(run), f"{run}+tta")
    assert several.multiply_adds == VIEWS * plain.multiply_adds
    assert several.label(faces[:0]).shape == (0, 7)


def test_the_stored_temperature_is_applied(run: Path, tmp_path: Path) -> None:
    stored = read_weights(run / "model.onnx")
    tensors = stored.graph.tensors | {"temperature": np.array([2], np.float32)}
    write_weights(replace(stored.graph, tensors=tensors), METADATA | {"temperature": 2.0}, tmp_path / "w.onnx")
    faces = synthetic_faces(4)[0]
    plain, cooler = Labeller(own_weights(run)), Labeller(own_weights(tmp_path / "w.onnx"))
    assert np.allclose(cooler.label(faces), tempered(plain.label(faces), 2.0), atol=1e-6)
    assert cooler.label(faces).max() < plain.label(faces).max()


@pytest.mark.parametrize("temperature", [0, -1.0, 1e9, "hot", None, float("nan")])
def test_a_temperature_beyond_reason_is_refused(temperature: object, run: Path, tmp_path: Path) -> None:
    write_weights(read_weights(run / "model.onnx").graph, METADATA | {"temperature": temperature}, tmp_path / "w.onnx")
    with pytest.raises(IntegrityError, match="temperature"):
        Labeller(own_weights(tmp_path / "w.onnx"))


def test_promise_7_a_temperature_a_label_never_loads(run: Path, tmp_path: Path) -> None:
    graph = read_weights(run / "model.onnx").graph
    several = replace(graph, tensors=graph.tensors | {"temperature": np.ones(7, np.float32)})
    write_weights(several, METADATA, tmp_path / "w.onnx")
    with pytest.raises(IntegrityError, match="does not hold the network"):
        Labeller(own_weights(tmp_path / "w.onnx"))


def test_names_of_weights(run: Path) -> None:
    assert own_weights(run).path == own_weights(run / "model.onnx").path
    assert own_weights(run).title == own_weights(run / "model.onnx").title == str(run)
    assert own_weights(run).history == run / "history.csv"
    assert own_weights(run / "other.onnx").title.endswith("other.onnx")
    found = all_weights(run.parent)
    assert found[-1] == own_weights(run)
    assert [item.title for item in found[:-1]] == [name for name, model in MODELS.items() if model.sha256]


def test_old_weights_that_are_missing_are_missed_before_tensorflow_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "fercli.models.networks.conversion", None)  # importing it fails
    with pytest.raises(UsageError, match=r"absent\.safetensors does not exist; give the folder of a run"):
        Labeller(own_weights(tmp_path / "absent.safetensors"))
    write_checkpoint(Checkpoint({}, METADATA), tmp_path / "w.safetensors")
    with caplog.at_level(logging.INFO, "fercli"), pytest.raises(ImportError):
        Labeller(own_weights(tmp_path / "w.safetensors"))
    assert "Starting TensorFlow to convert" in caplog.text


@pytest.mark.parametrize("name", ["compact", "ensemble"])
def test_a_shipped_model_given_for_weights_is_told_where_it_goes(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is a shipped model; name it with --model {name}"):
        own_weights(Path(name))


def test_a_folder_that_is_no_run_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no model\.onnx; give the folder of a run that fercli train wrote\.$"):
        own_weights(tmp_path)
    (tmp_path / "compact.onnx").touch()
    with pytest.raises(UsageError, match=r"one of its files, such as .*compact\.onnx, or a shipped model .* as --model compact\.$"):
        own_weights(tmp_path)


def test_promise_18_a_run_of_any_name(tmp_path: Path) -> None:
    assert own_weights(tmp_path / os.fsdecode(b"caf\xe9") / "model.onnx").title == f"{tmp_path}/caf\\xe9"
    assert own_weights(tmp_path / "two\n\x1b[31mlines").title == f"{tmp_path}/two\\n\\x1b[31mlines"


def test_a_model_without_weights_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "deep", replace(MODELS["deep"], sha256=None))
    with pytest.raises(UsageError, match="fercli train --model deep"):
        shipped_weights("deep")
    assert "deep" not in [item.title for item in all_weights()]


def test_weights_of_another_model_or_label_order_are_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds a deep-hog network, not deep"):
        Labeller(own_weights(run), "deep")
    for metadata, message in (
        (METADATA | {"model": "vgg"}, "'vgg'"),
        (METADATA | {"model": ["deep"]}, "'deep'"),
        (METADATA | {"labels": sorted(METADATA["labels"])}, "labels"),
        (METADATA | {"model": "deep"}, "does not hold the network deep"),
    ):
        write_weights(read_weights(run / "model.onnx").graph, metadata, tmp_path / "w")
        with pytest.raises(IntegrityError, match=message):
            Labeller(own_weights(tmp_path / "w"))


def test_the_shipped_default_labels_real_photos() -> None:
    from fercli.classification.pipeline import classify
    from fercli.photos.faces.auto import Auto
    from tests.conftest import PHOTOS

    labeller = Labeller(shipped_weights(DEFAULT_MODEL))
    astronaut, _ = classify(sorted(PHOTOS.glob("*.jpg")), labeller, Auto())
    assert [face.label for face in astronaut.faces] == ["happy"]


@pytest.mark.parametrize(
    "odd",
    [
        {"start": "d1"}, {"start": [1]}, {"start": [{"dataset": "abc"}]}, {"start": [{"sha256": []}]},
        {"start": [{"sha256": "d1", "start": [{"sha256": "d2", "recipe": 7}]}]}, {"dataset": ["abc"]}, {"dataset": None},
        {"validation_accuracy": "high"},
        {"recipe": []}, {"versions": "3.1"}, {"teachers": ["deep"]}, {"teachers": [{"name": "deep"}]}, {"teachers": 3},
        {"teachers": [{"name": [], "sha256": "d1"}]}, {"teachers": [{"name": "deep", "sha256": 5}]}, {"start": [{"sha256": 5}]},
    ],
)  # fmt: skip
def test_promise_7_weights_that_tell_odd_things_never_load(odd: dict[str, object], run: Path, tmp_path: Path) -> None:
    write_weights(read_weights(run / "model.onnx").graph, METADATA | odd, tmp_path / "w.onnx")
    with pytest.raises(IntegrityError, match="that fercli never writes"):
        Labeller(own_weights(tmp_path / "w.onnx"))


def test_a_checkpoint_does_not_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The temperature in it is that of the best epoch, its weights are those of the last. Nobody waits for Keras to hear that."""
    monkeypatch.setitem(sys.modules, "fercli.models.networks.conversion", None)  # importing it fails
    write_checkpoint(Checkpoint({}, METADATA | {"history": []}), tmp_path / "checkpoint.safetensors")
    with pytest.raises(UsageError, match=r"is what a run resumes from; for its weights, give its folder: \S+$"):
        Labeller(own_weights(tmp_path / "checkpoint.safetensors"))


def test_weights_of_an_older_version_label_alike(run: Path, tmp_path: Path) -> None:
    """Converted while they are read, with the temperature that they tell of; nothing that was trained is lost."""
    stored = read_weights(run / "model.onnx")
    older = tmp_path / "older" / "model.safetensors"
    write_checkpoint(Checkpoint(stored.tensors, METADATA | {"temperature": 2.0}), older)
    assert [item.path for item in all_weights(tmp_path) if not item.sha256] == [older]
    faces = synthetic_faces(3)[0]
    labeller = Labeller(own_weights(older.parent))
    assert np.allclose(labeller.label(faces), tempered(Labeller(own_weights(run)).label(faces), 2.0), atol=1e-6)
    assert labeller.sha256 == read_checkpoint(older).sha256
    shutil.copy(run / "model.onnx", older.parent)
    assert own_weights(older.parent).path == older.parent / "model.onnx"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    """A network of few channels, with all that `compact` is made of."""
    network = ResidualNetwork(stem=8, stages=((8, 1), (16, 1)), squeeze=4, head_dropout=0.0, standardize=True, equalize=1.0)
    path = tmp_path_factory.mktemp("small") / "w.onnx"
    save_network(build(replace(MODELS["compact"], network=network)), {}, path)
    return read_weights(path)


def test_promise_22_a_face_has_the_same_bytes_among_any_number_of_others(small: Weights, did: Did) -> None:
    faces = synthetic_faces(130)[0]
    together = compute(open_session(small.data), {"pixels": faces})
    assert len(np.unique(together[:, 0])) > 100
    for threads in (1, 2, 4):
        session = open_session(small.data, threads)
        for number in range(1, len(faces) + 1):
            first = len(faces) - number  # so that each face has had every place of a batch
            assert np.array_equal(compute(session, {"pixels": faces[first:]}), together[first:])
            did(1, "numbers of faces")


@pytest.mark.parametrize("name", ["compact", "deep-hog", "shallow"])
def test_promise_22_a_face_has_the_same_bytes_from_the_shipped_weights(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    faces = synthetic_faces(BATCH + 5)[0]
    whole = Labeller(shipped_weights(name)).label(faces)
    for threads in ("1", "2", "4"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        sessions._pool.cache_clear()
        labeller = Labeller(shipped_weights(name))
        for first, last in ((0, 1), (3, 8), (BATCH, BATCH + 5), (1, BATCH + 2)):
            assert np.array_equal(labeller.label(faces[first:last]), whole[first:last])
    sessions._pool.cache_clear()
