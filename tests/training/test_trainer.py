import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest

from fercli.dataset import Dataset
from fercli.errors import FercliError, IntegrityError, TrainingDiverged, UsageError
from fercli.models.architectures.paper import Affine, Convolution, PaperNetwork
from fercli.models.architectures.residual import ResidualNetwork
from fercli.models.calibration import cross_entropy, fit_temperature
from fercli.models.checkpoints import read_checkpoint, tensors_of, weights_of, write_checkpoint
from fercli.models.history import Epoch, read_lines
from fercli.models.inference import Labeller, own_weights
from fercli.models.lineage import lineage
from fercli.models.recipes import with_options
from fercli.models.registry import MODELS
from fercli.models.weights import read_weights
from fercli.training.run import stored_recipe
from fercli.training.targets import targets
from fercli.training.trainer import Step, Trainer

# The entry's grammar with few filters: a test of the trainer, not of the paper's networks.
SMALL = PaperNetwork((Convolution(8, 3, True, 0.1),), (Affine(16, 0.2),))
MODEL = replace(MODELS["deep-hog"], network=SMALL)
RECIPE = replace(MODEL.recipe, epochs=4, batch_size=16)


@pytest.fixture(autouse=True, scope="module")
def undrawn() -> Iterator[None]:
    """Draw no curves, which takes longer than an epoch; `tests/cli/test_train.py` has some drawn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fercli.training.run.plot_curves", lambda _: b"curves")
        yield


def trained(trainer: Trainer, stopped: Path) -> list[Epoch]:
    """Train to the end; `stopped` becomes the folder of the run as it is after the first epoch, for another one to go on from."""
    history: list[Epoch] = []
    for epoch in trainer:
        if not history:
            shutil.copytree(trainer.folder, stopped)
        history.append(epoch)
    return history


def same_checkpoints(first: Path, second: Path) -> bool:
    ours, theirs = (read_checkpoint(folder / "checkpoint.safetensors").tensors for folder in (first, second))
    return ours.keys() == theirs.keys() and all(np.array_equal(ours[name], theirs[name]) for name in ours)


def same(first: list[Epoch], second: list[Epoch]) -> bool:
    return [replace(epoch, seconds=0) for epoch in first] == [replace(epoch, seconds=0) for epoch in second]


@pytest.fixture(scope="module")
def run(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Epoch], list[Step]]:
    folder = tmp_path_factory.mktemp("run")
    steps: list[Step] = []
    return folder, list(Trainer(MODEL, RECIPE, dataset, folder, on_step=steps.append)), steps


def test_it_learns_and_reports(run: tuple[Path, list[Epoch], list[Step]]) -> None:
    _, history, steps = run
    assert [epoch.epoch for epoch in history] == [1, 2, 3, 4]
    assert history[-1].loss < history[0].loss
    assert history[-1].accuracy > 0.3
    assert [(step.epoch, step.step, step.steps) for step in steps] == [(e, s, 6) for e in range(1, 5) for s in range(1, 7)]
    assert history[0].learning_rate == pytest.approx(0.01 * (1 + np.cos(np.pi / 4)) / 2, rel=1e-4)
    assert history[-1].learning_rate == pytest.approx(0, abs=1e-8)


def test_the_folder_holds_the_documented_files(run: tuple[Path, list[Epoch], list[Step]], dataset: Dataset) -> None:
    folder, history, _ = run
    assert {path.name for path in folder.iterdir()} == {
        "model.onnx", "history.csv", "curves.png", "metrics.json", "checkpoint.safetensors",
    }  # fmt: skip
    assert read_lines(Epoch, folder / "history.csv") == history
    best = max(history, key=lambda epoch: epoch.val_accuracy)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert (metrics["epoch"], metrics["epochs_done"], metrics["validation_accuracy"]) == (best.epoch, 4, best.val_accuracy)
    metadata = read_weights(folder / "model.onnx").metadata
    assert metadata["model"] == "deep-hog"
    assert metadata["labels"] == list(MODEL.labels)
    assert metadata["dataset"] == dataset.digest()
    assert metadata["recipe"]["seed"] == RECIPE.seed
    assert metadata["class_mix"] == pytest.approx([1 / 7] * 7, abs=1e-5)  # of the small data set
    mean = read_weights(folder / "model.onnx").tensors[metadata["mean"]]
    assert np.abs(mean - dataset.mean).max() < 0.07


def test_the_kept_weights_have_the_best_epochs_accuracy(
    run: tuple[Path, list[Epoch], list[Step]], dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, history, _ = run
    monkeypatch.setitem(MODELS, "deep-hog", MODEL)
    labeller = Labeller(own_weights(folder))
    right = labeller.label(dataset.validation.pixels).argmax(axis=1) == dataset.validation.labels
    assert right.mean() == pytest.approx(max(epoch.val_accuracy for epoch in history), abs=0.08)  # float16: one image may turn


def test_promise_11_resume_continues_exactly_and_the_metrics_have_the_kept_weights_temperature(
    run: tuple[Path, list[Epoch], list[Step]], dataset: Dataset, tmp_path: Path
) -> None:
    """Whether the last epoch was the best or not; the run is stopped after the first that was not."""
    folder, history, _ = run
    kept: list[tuple[int, int]] = []
    for stopped in (True, False):
        trainer = Trainer(MODEL, RECIPE, dataset, tmp_path, resume=not stopped)
        assert same(trainer.history, history[: len(kept)])
        for epoch in trainer:
            metrics = json.loads((tmp_path / "metrics.json").read_text())
            stored = read_weights(tmp_path / "model.onnx").metadata
            assert (metrics["epoch"], metrics["temperature"]) == (stored["epoch"], stored["temperature"])
            kept.append((stored["epoch"], epoch.epoch))
            assert same([epoch], history[len(kept) - 1 : len(kept)])
            if stopped and trainer.best is not epoch:
                break
        assert stored_recipe(tmp_path) == RECIPE
    assert [last for _, last in kept] == [1, 2, 3, 4]
    assert any(best < last < 4 for best, last in kept)  # so that the run was stopped
    assert (tmp_path / "model.onnx").read_bytes() == (folder / "model.onnx").read_bytes()
    assert same_checkpoints(tmp_path, folder)


@pytest.mark.usefixtures("untrained")
def test_promise_23_nobody_else_trains_in_the_folder(dataset: Dataset, tmp_path: Path) -> None:
    for epoch in Trainer(MODEL, RECIPE, dataset, tmp_path):
        if epoch.epoch == 2:
            with pytest.raises(FercliError, match="in use"):
                next(iter(Trainer(MODEL, RECIPE, dataset, tmp_path, resume=True)))
            break
    assert len(list(Trainer(MODEL, RECIPE, dataset, tmp_path, resume=True))) == 2


@pytest.mark.usefixtures("untrained")
def test_promise_11_a_run_whose_folder_is_moved_away_ends_and_can_be_resumed(dataset: Dataset, tmp_path: Path) -> None:
    """A new folder in its place would lack the weights of the best epoch so far."""
    folder = tmp_path / "run"
    epochs = iter(Trainer(MODEL, RECIPE, dataset, folder))
    next(epochs)
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(FercliError, match="was moved or removed"):
        next(epochs)
    assert not folder.exists()
    assert len(Trainer(MODEL, RECIPE, dataset, tmp_path / "elsewhere", resume=True).history) == 1


def test_a_run_stopped_in_its_first_epoch_resumes_with_its_recipe(
    run: tuple[Path, list[Epoch], list[Step]], dataset: Dataset, tmp_path: Path
) -> None:
    def stop(step: Step) -> None:
        if step.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(Trainer(MODEL, RECIPE, dataset, tmp_path, on_step=stop))
    assert stored_recipe(tmp_path) == RECIPE
    assert same([next(iter(Trainer(MODEL, RECIPE, dataset, tmp_path, resume=True)))], run[1][:1])


def test_promise_6_a_loss_that_is_not_finite_stops_and_the_last_good_checkpoint_stays(dataset: Dataset, tmp_path: Path) -> None:
    trainer = Trainer(MODEL, RECIPE, dataset, tmp_path)
    epochs = iter(trainer)
    next(epochs)
    good = (tmp_path / "checkpoint.safetensors").read_bytes()
    trainer.trainee.network.get_layer("logits").kernel.assign(np.full((16, 7), np.nan, np.float32))
    with pytest.raises(TrainingDiverged, match="epoch 2, step 1"):
        next(epochs)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == good


def test_promise_6_weights_broken_by_the_last_step_are_not_published(dataset: Dataset, tmp_path: Path) -> None:
    def poison(step: Step) -> None:
        if (step.epoch, step.step) == (2, step.steps):
            trainer.trainee.network.get_layer("logits").kernel.assign(np.full((16, 7), np.nan, np.float32))

    trainer = Trainer(MODEL, RECIPE, dataset, tmp_path, on_step=poison)
    with pytest.raises(TrainingDiverged, match="after epoch 2"):
        list(trainer)
    assert [epoch.epoch for epoch in Trainer(MODEL, RECIPE, dataset, tmp_path, resume=True).history] == [1]


def test_promise_23_a_run_that_began_before_another_was_done_does_not_replace_it(
    run: tuple[Path, list[Epoch], list[Step]], dataset: Dataset, tmp_path: Path
) -> None:
    late = Trainer(MODEL, RECIPE, dataset, tmp_path)
    shutil.copytree(run[0], tmp_path, dirs_exist_ok=True)
    before = (tmp_path / "history.csv").read_bytes()
    with pytest.raises(UsageError, match="holds a run already"):
        list(late)
    assert (tmp_path / "history.csv").read_bytes() == before


def test_promise_20_files_of_another_origin_are_not_replaced(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("mine")
    with pytest.raises(UsageError, match="--overwrite"):
        Trainer(MODEL, RECIPE, dataset, tmp_path)
    assert (tmp_path / "history.csv").read_text() == "mine"


def test_folders_and_recipes_that_do_not_fit(run: tuple[Path, list[Epoch], list[Step]], dataset: Dataset, tmp_path: Path) -> None:
    folder, _, _ = run
    with pytest.raises(UsageError, match="--resume to go on"):
        Trainer(MODEL, RECIPE, dataset, folder)
    with pytest.raises(UsageError, match="nothing to resume"):
        Trainer(MODEL, RECIPE, dataset, tmp_path, resume=True)
    with pytest.raises(UsageError, match="epochs 4"):
        Trainer(MODEL, replace(RECIPE, epochs=9), dataset, folder, resume=True)
    with pytest.raises(IntegrityError, match="not deep; add --model"):
        Trainer(replace(MODEL, name="deep"), RECIPE, dataset, folder, resume=True)
    other = replace(dataset, meta=dataset.meta | {"digest": "0"})
    with pytest.raises(IntegrityError, match="another data set; name that one with --data"):
        Trainer(MODEL, RECIPE, other, folder, resume=True)


def test_what_is_overwritten_stays_until_an_epoch_is_complete(
    run: tuple[Path, list[Epoch], list[Step]], dataset: Dataset, tmp_path: Path
) -> None:
    shutil.copytree(run[0], tmp_path, dirs_exist_ok=True)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def stop(_: Step) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(Trainer(MODEL, RECIPE, dataset, tmp_path, overwrite=True, on_step=stop))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_overwrite_starts_anew(run: tuple[Path, list[Epoch], list[Step]], dataset: Dataset, tmp_path: Path) -> None:
    shutil.copytree(run[0], tmp_path, dirs_exist_ok=True)
    recipe = replace(RECIPE, epochs=1, precision="mixed_bfloat16", schedule="constant", optimizer="adam", learning_rate=0.001)
    (epoch,) = Trainer(MODEL, recipe, dataset, tmp_path, overwrite=True)
    assert epoch.loss > run[1][1].loss  # from random weights again
    assert epoch.learning_rate == pytest.approx(0.001)
    assert read_lines(Epoch, tmp_path / "history.csv") == [epoch]
    assert stored_recipe(tmp_path) == recipe


# Everything that a recipe can ask for, on a residual network with few filters.
RICH_NETWORK = ResidualNetwork(stem=4, stages=((4, 1),), squeeze=2, head_dropout=0.1, standardize=True, equalize=0.75)
RICH_MODEL = replace(MODELS["compact"], network=RICH_NETWORK)
RICH = replace(
    with_options(RICH_MODEL.recipe, epochs=3, batch_size=16, precision="float32", erasing=0.5),
    average=0.9,
    warmup_epochs=5 / 3,
)


# The same without augmentation, which takes long to trace, where it makes no difference to what is tested.
PLAIN = replace(RICH, augmentation=None, epochs=2, batch_size=42)


@pytest.fixture(scope="module")
def rich_run(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Epoch], Path]:
    """The folder of a run, its history, and the folder as it was after an epoch."""
    folder = tmp_path_factory.mktemp("rich")
    stopped = folder.with_name("rich-stopped")
    return folder, trained(Trainer(RICH_MODEL, RICH, dataset, folder), stopped), stopped


def test_an_augmented_epoch_shows_the_originals_alone(dataset: Dataset, tmp_path: Path) -> None:
    trainer = Trainer(RICH_MODEL, RICH, dataset, tmp_path)
    assert trainer.images == 42 == len(dataset.train) // 2
    assert Trainer(RICH_MODEL, replace(RICH, augmentation=None), dataset, tmp_path).images == 84


def test_the_rate_warms_up_and_falls(rich_run: tuple[Path, list[Epoch], Path]) -> None:
    rates = [epoch.learning_rate for epoch in rich_run[1]]
    # Three steps an epoch; half of all nine are warm-up, though five are asked for.
    assert rates[0] == pytest.approx(0.1 * 3 / 4, rel=1e-4)
    assert rates[1] == pytest.approx(0.1 * (1 + np.cos(np.pi * 2 / 5)) / 2, rel=1e-4)
    assert rates[2] == pytest.approx(0, abs=1e-8)


def test_promise_11_averages_and_augmentation_resume_exactly(rich_run: tuple[Path, list[Epoch], Path], dataset: Dataset) -> None:
    folder, history, stopped = rich_run
    assert same(list(Trainer(RICH_MODEL, RICH, dataset, stopped, resume=True)), history[1:])
    assert [name for name in read_checkpoint(stopped / "checkpoint.safetensors").tensors if "average" in name]
    assert same_checkpoints(stopped, folder)


def test_hog_and_augmentation_exclude_each_other(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="drop --erasing"):
        Trainer(MODEL, with_options(RECIPE, erasing=0.5), dataset, tmp_path)


class Begun(NamedTuple):
    """The folder of a run that began with the weights of `rich_run`, was stopped after an epoch, and went on.

    `after_one` is the folder as it was when it was stopped, `history` that of an unbroken run, and `raw` the kernel of its logits
    after each step.
    """

    folder: Path
    after_one: Path
    history: list[Epoch]
    raw: list[np.ndarray]


@pytest.fixture(scope="module")
def begun_run(rich_run: tuple[Path, list[Epoch], Path], dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Begun:
    parent, raw, recipe = tmp_path_factory.mktemp("begun"), list[np.ndarray](), replace(PLAIN, seed=1)

    def keep(step: Step) -> None:
        raw.append(keras.ops.convert_to_numpy(trainer.trainee.network.get_layer("logits").kernel))

    trainer = Trainer(RICH_MODEL, recipe, dataset, parent / "unbroken", start=[rich_run[0] / "model.onnx"], on_step=keep)
    history = trained(trainer, parent / "after-one")
    shutil.copytree(parent / "after-one", parent / "resumed")
    list(Trainer(RICH_MODEL, recipe, dataset, parent / "resumed", resume=True))
    return Begun(parent / "resumed", parent / "after-one", history, raw)


def test_averages_follow_their_rule_and_are_what_is_kept(begun_run: Begun) -> None:
    """After an epoch of two steps: the average, from the weights after each, is kept, and the weights go on."""
    first, second = begun_run.raw[:2]
    momentum = PLAIN.momentum_of_average(4)
    assert momentum < PLAIN.average  # so few steps are there
    checkpoint = read_checkpoint(begun_run.after_one / "checkpoint.safetensors").tensors
    kept = read_weights(begun_run.after_one / "model.onnx").tensors["logits/kernel"]
    (average,) = (tensor for name, tensor in checkpoint.items() if name.endswith("logits_kernel_average"))
    assert np.allclose(average, momentum * first + (1 - momentum) * second, atol=1e-6)
    assert np.array_equal(checkpoint["model/logits/kernel"], second)
    assert np.abs(kept - average).max() < 1e-3 < np.abs(second - average).max()


def test_a_run_that_starts_with_weights_goes_on_from_them(
    rich_run: tuple[Path, list[Epoch], Path], begun_run: Begun, dataset: Dataset, tmp_path: Path
) -> None:
    weights = read_weights(rich_run[0] / "model.onnx")
    begun = Trainer(RICH_MODEL, replace(PLAIN, seed=1), dataset, tmp_path, start=[rich_run[0] / "model.onnx"])
    for variable in begun.trainee.network.weights:
        assert np.array_equal(variable.numpy(), weights.tensors[variable.path].astype(np.float32))
    assert same(begun_run.history, read_lines(Epoch, begun_run.folder / "history.csv"))
    (origin,) = read_checkpoint(begun_run.folder / "checkpoint.safetensors").metadata["start"]
    assert origin["sha256"] == weights.sha256
    assert (origin["recipe"]["epochs"], origin["start"]) == (3, [])


@pytest.mark.usefixtures("untrained")
def test_a_run_that_starts_with_several_weights_goes_on_from_their_mean(
    rich_run: tuple[Path, list[Epoch], Path], begun_run: Begun, dataset: Dataset, tmp_path: Path
) -> None:
    files = [folder / "model.onnx" for folder in (rich_run[0], begun_run.folder)]
    both = [read_weights(path).tensors for path in files]
    begun = Trainer(RICH_MODEL, replace(PLAIN, epochs=1), dataset, tmp_path, start=files)
    differing = 0
    for variable in begun.trainee.network.weights:
        one, other = (tensors[variable.path].astype(np.float64) for tensors in both)
        assert np.allclose(variable.numpy(), (one + other) / 2, atol=1e-7)
        differing += not np.array_equal(one, other)
    assert differing > len(begun.trainee.network.weights) / 2
    list(begun)
    stored = read_weights(tmp_path / "model.onnx").metadata
    assert [run["recipe"]["seed"] for run in stored["start"]] == [RICH.seed, 1]
    assert [run["recipe"]["seed"] for run in lineage(stored)] == [RICH.seed, 1, RICH.seed]  # the first is in it once


def test_a_run_that_starts_with_a_checkpoint_goes_on_from_what_the_last_epoch_left(
    begun_run: Begun, dataset: Dataset, tmp_path: Path
) -> None:
    path = begun_run.folder / "checkpoint.safetensors"
    begun = Trainer(RICH_MODEL, replace(PLAIN, seed=7), dataset, tmp_path, start=[path])
    resumed = Trainer(RICH_MODEL, replace(PLAIN, seed=1), dataset, begun_run.folder, resume=True)
    with resumed.trainee._averaged():
        left = tensors_of(weights_of(resumed.trainee.network))
    assert all(np.array_equal(variable.numpy(), left[variable.path]) for variable in begun.trainee.network.weights)
    assert not np.array_equal(left["logits/kernel"], begun_run.raw[-1])
    (origin,) = begun.start
    assert (origin["epoch"], origin["file"], origin["recipe"]["seed"]) == (2, path.name, 1)
    assert origin["sha256"] == read_checkpoint(path).sha256


def test_a_checkpoint_of_no_epoch_is_nothing_to_start_from(begun_run: Begun, dataset: Dataset, tmp_path: Path) -> None:
    """Its averages are still those of random weights."""
    checkpoint = read_checkpoint(begun_run.after_one / "checkpoint.safetensors")
    path = tmp_path / "checkpoint.safetensors"
    write_checkpoint(replace(checkpoint, metadata=checkpoint.metadata | {"history": []}), path)
    with pytest.raises(UsageError, match="no complete epoch yet"):
        Trainer(RICH_MODEL, PLAIN, dataset, tmp_path / "begun", start=[path])


@pytest.mark.usefixtures("untrained")
def test_weights_tell_what_was_done_to_tones_and_keep_what_they_learnt_with(
    rich_run: tuple[Path, list[Epoch], Path], dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MODELS, "compact", RICH_MODEL)
    plain = replace(RICH_MODEL, network=replace(RICH_NETWORK, standardize=False, equalize=0.0))
    next(iter(Trainer(plain, PLAIN, dataset, tmp_path / "plain")))
    resumed = Trainer(RICH_MODEL, PLAIN, dataset, tmp_path / "plain", resume=True)
    begun = Trainer(RICH_MODEL, replace(PLAIN, epochs=1), dataset, tmp_path / "begun", start=[tmp_path / "plain" / "model.onnx"])
    for trainer in (resumed, begun):
        list(trainer)
    for folder, changed in ((rich_run[0], True), (tmp_path / "plain", False), (tmp_path / "begun", True)):
        labeller = Labeller(own_weights(folder))
        told, network = labeller.metadata["input"], labeller.model.network
        assert (told["standardized"], told["equalized"]) == (network.standardize, network.equalize) == (changed, 0.75 * changed)
        outputs = [node.output for node in read_weights(folder / "model.onnx").graph.nodes]
        assert ("tones" in outputs, "even_tones" in outputs) == (changed, changed)
    assert (begun.start[0]["input"]["standardized"], begun.start[0]["input"]["equalized"]) == (False, 0)


def test_a_taught_run_resumes_exactly_without_its_teacher(
    rich_run: tuple[Path, list[Epoch], Path], dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MODELS, "compact", RICH_MODEL)
    teacher, recipe = Labeller(own_weights(rich_run[0])), replace(PLAIN, teacher_share=0.4)
    unbroken = Trainer(RICH_MODEL, recipe, dataset, tmp_path / "unbroken", teachers=[teacher])
    untaught = targets(dataset.train, PLAIN.votes, balanced=True)
    given = (unbroken._targets - 0.6 * untaught) / 0.4
    pixels = dataset.train.pixels
    want = (teacher.label(pixels) + teacher.label(np.ascontiguousarray(pixels[:, :, ::-1]))) / 2
    assert np.allclose(given, want, atol=1e-5)
    history = trained(unbroken, tmp_path / "stopped")
    resumed = Trainer(RICH_MODEL, stored_recipe(tmp_path / "stopped"), dataset, tmp_path / "stopped", resume=True)
    assert same(list(resumed), history[1:])
    assert same_checkpoints(tmp_path / "stopped", tmp_path / "unbroken")
    kept = read_weights(tmp_path / "stopped" / "model.onnx")
    assert kept.metadata["teachers"] == [{"name": teacher.title, "sha256": teacher.sha256}]
    assert not [name for name in kept.tensors if "teachers" in name]


def test_a_checkpoint_that_lost_its_teachers_answers_is_not_resumed(
    rich_run: tuple[Path, list[Epoch], Path], dataset: Dataset, tmp_path: Path
) -> None:
    checkpoint = read_checkpoint(rich_run[0] / "checkpoint.safetensors")
    taught = checkpoint.metadata | {"recipe": checkpoint.metadata["recipe"] | {"teacher_share": 0.5}}
    write_checkpoint(replace(checkpoint, metadata=taught), tmp_path / "checkpoint.safetensors")
    with pytest.raises(IntegrityError, match="lacks the teachers' predictions"):
        Trainer(RICH_MODEL, stored_recipe(tmp_path), dataset, tmp_path, resume=True)


def test_a_share_without_a_teacher(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name one with --teacher"):
        Trainer(RICH_MODEL, replace(RICH, teacher_share=0.5), dataset, tmp_path)


def test_start_weights_of_another_model(run: tuple[Path, list[Epoch], list[Step]], dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds a deep-hog network, not compact"):
        Trainer(RICH_MODEL, RICH, dataset, tmp_path, start=[run[0] / "model.onnx"])


def test_the_kept_temperature_suits_the_validation_images(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path
    monkeypatch.setattr("fercli.models.calibration.FEWEST", 1)
    list(Trainer(MODEL, replace(RECIPE, epochs=1), dataset, folder))
    monkeypatch.setitem(MODELS, "deep-hog", MODEL)
    labeller = Labeller(own_weights(folder))
    logits = labeller.temperature * np.log(np.maximum(labeller.label(dataset.validation.pixels), 1e-30))
    labels = dataset.validation.labels
    assert labeller.temperature == pytest.approx(fit_temperature(logits, labels), rel=0.01)
    assert cross_entropy(logits, labels, labeller.temperature) < cross_entropy(logits, labels)


def test_votes_that_are_missing_or_others(rich_run: tuple[Path, list[Epoch], Path], dataset: Dataset, tmp_path: Path) -> None:
    without = replace(dataset, train=replace(dataset.train, votes=None))
    with pytest.raises(UsageError, match="--ferplus"):
        Trainer(RICH_MODEL, RICH, without, tmp_path)
    assert Trainer(RICH_MODEL, replace(RICH, votes=0.0), without, tmp_path).images == 42
    digests = dataset.meta["sha256"] | {"train_votes": "0"}
    other = replace(dataset, meta=dataset.meta | {"sha256": digests})
    with pytest.raises(IntegrityError, match="different FER\\+ votes"):
        Trainer(RICH_MODEL, RICH, other, rich_run[0], resume=True)
