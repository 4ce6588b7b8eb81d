from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fercli.cli import console
from fercli.dataset import SPLITS, Dataset, write_dataset
from fercli.models.architectures.paper import Affine, Convolution, PaperNetwork
from fercli.models.architectures.residual import ResidualNetwork
from fercli.models.history import Epoch, read_lines
from fercli.models.inference import own_weights
from fercli.models.registry import MODELS
from fercli.models.weights import read_weights
from fercli.preparation.prepare import prepare
from tests.conftest import Ran, csv_text

Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def folder(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data, and a shallow-hog that trains at once."""
    small = PaperNetwork((Convolution(4, 3, True, 0.1),), (Affine(8, 0.2),))
    monkeypatch.setitem(MODELS, "shallow-hog", replace(MODELS["shallow-hog"], network=small))
    monkeypatch.chdir(tmp_path)
    write_dataset(dataset, tmp_path / "fer2013.npz")
    return tmp_path


def test_train_resume_evaluate_classify(fercli: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = fercli("train", "--shallow", "--hog", "--epochs", "2", "--batch-size", "16", "--seed", "3")
    assert ran.code == 0
    talk = " ".join(ran.talk.split())
    assert "42 training images and their mirror images, on cpu, " in talk
    assert "momentum" not in talk  # which Adam does not have
    assert "cores; optimizer = adam, learning rate = 0.001, L2 penalty (weight decay) = 1e-06, epochs = 2, batch size = 16" in talk
    assert "random seed = 3, precision = float32" in talk
    assert "epoch 2/2  loss " in ran.talk
    assert "fercli evaluate --weights runs/shallow-hog --data fer2013.npz" in " ".join(ran.talk.split())
    again = fercli("train", "--shallow", "--hog", "--resume")
    assert again.code == 0
    assert "Best: epoch" in again.talk
    assert (folder / "runs" / "shallow-hog" / "curves.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr("fercli.models.inference.MODELS", {**MODELS, "deep": replace(MODELS["deep"], sha256=None)})
    evaluated = fercli("evaluate", "--weights", "runs/shallow-hog", "--card", "cards")
    assert evaluated.code == 0
    assert "re-implementation," not in evaluated.stdout  # neither source reports a network with HOG by itself
    card = (folder / "cards" / "shallow-hog-card.md").read_text()
    assert "fercli train --model shallow-hog --epochs 2 --batch-size 16 --seed 3" in card
    tta = fercli("evaluate", "--weights", "runs/shallow-hog", "--tta")
    assert "runs/shallow-hog+tta, test" in " ".join(tta.stdout.split())
    for name in ("curves.png", "confusion.png", "reliability.png", "history.csv", "metrics.json"):
        assert (folder / "cards" / f"shallow-hog-{name}").is_file()


@pytest.mark.usefixtures("untrained")
def test_start_goes_on_from_a_run(fercli: Run, folder: Path) -> None:
    options = ["train", "--model", "shallow-hog", "--epochs", "1", "--batch-size", "16"]
    assert fercli(*options, "--out", "first").code == 0
    ran = fercli(*options, "--out", "second", "--start", "first", "--learning-rate", "0.0005")
    assert ran.code == 0
    assert "parameters from first, 42 training images" in " ".join(ran.talk.split())
    assert "another data set" not in ran.talk
    mean = fercli(*options, "--out", "mean", "--start", "first", "--start", "second")
    assert mean.code == 0
    assert "another data set" not in mean.talk
    assert "from the mean of first, second, 42" in " ".join(mean.talk.split())
    Path("other.csv").write_text(csv_text(train=49))
    write_dataset(prepare(Path("other.csv")).dataset, Path("other.npz"))
    elsewhere = fercli(*options, "--data", "other.npz", "--out", "fourth", "--start", "first")
    assert elsewhere.code == 0
    assert "have seen a different data set from other.npz" in " ".join(elsewhere.talk.split())
    partly = fercli(*options, "--out", "fifth", "--start", "first", "--start", "fourth")
    assert "have seen a different data set from fer2013.npz" in " ".join(partly.talk.split())
    shipped = fercli(*options, "--out", "third", "--start", "first", "--start", "shallow")
    assert "holds a shallow network, not shallow-hog" in shipped.talk
    missing = fercli(*options, "--out", "third", "--start", "nowhere")
    assert missing.code == 2
    assert "nowhere does not exist" in missing.talk
    both = fercli(*options, "--out", "second", "--resume", "--start", "first")
    assert both.code == 2
    assert "drop --start" in both.talk


@pytest.mark.usefixtures("untrained")
def test_wrong_folders_and_flags(fercli: Run, folder: Path) -> None:
    assert "no HOG" not in fercli("train", "--model", "shallow-hog", "--epochs", "1").talk
    ran = fercli("train", "--model", "shallow-hog", "--epochs", "1")
    assert ran.code == 2
    assert "holds a run already" in ran.talk
    assert fercli("train", "--deep", "--data", "no.npz").code == 2
    assert "fer2013.npz is not a folder; name another" in fercli("train", "--out", "fer2013.npz").talk
    assert fercli("train", "--model", "shallow", "--resume").code == 2
    assert fercli("train", "--epochs", "0").code == 2
    assert fercli("train", "--precision", "float8").code == 2


@pytest.mark.usefixtures("untrained")
def test_votes_can_be_left_out(fercli: Run, folder: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    small = ResidualNetwork(stem=4, stages=((4, 1),), squeeze=2, head_dropout=0.1)
    monkeypatch.setitem(MODELS, "compact", replace(MODELS["compact"], network=small))
    train, validation, test = (replace(dataset.split(name), votes=None) for name in SPLITS)
    write_dataset(replace(dataset, train=train, validation=validation, test=test), folder / "plain.npz")
    options = ["train", "--model", "compact", "--data", "plain.npz", "--epochs", "1", "--batch-size", "16"]
    ran = fercli(*options)
    assert ran.code == 2
    assert "--votes 0" in ran.talk
    monkeypatch.setattr("fercli.training.devices._PROCESSOR", folder / "cpuinfo")
    (folder / "cpuinfo").write_text("flags : fpu avx2\n")  # no bfloat16, which compact's recipe asks for
    ran = fercli(*options, "--votes", "0")
    assert ran.code == 0
    assert "--precision float32" in ran.talk
    evaluated = fercli("evaluate", "--weights", "runs/compact", "--data", "plain.npz", "--card", "cards")
    assert evaluated.code == 0
    card = (folder / "cards" / "compact-card.md").read_text()
    assert "fercli train --model compact --epochs 1 --batch-size 16 --votes 0" in card
    assert "after preparing the same data set" in card  # which is not FER2013


@pytest.mark.usefixtures("untrained")
def test_a_teacher_has_half_of_the_targets_unless_told(fercli: Run, folder: Path) -> None:
    options = ["train", "--model", "shallow-hog", "--epochs", "1", "--batch-size", "16"]
    assert fercli(*options, "--out", "first").code == 0
    taught = fercli(*options, "--out", "second", "--teacher", "first", "--teacher", "first/model.onnx")
    assert taught.code == 0
    talk = " ".join(taught.talk.split())
    assert "Asking first, first about the training images" in talk
    assert "share of the teacher's predictions = 0.5" in talk
    third = fercli(*options, "--out", "third", "--teacher", "first", "--teacher-share", "0.25")
    assert "teacher's predictions = 0.25" in " ".join(third.talk.split())
    assert fercli("train", "--model", "shallow-hog", "--out", "second", "--resume").code == 0
    evaluated = fercli("evaluate", "--weights", "second", "--card", "cards")
    assert evaluated.code == 0
    card = (folder / "cards" / "shallow-hog-card.md").read_text()
    assert "- teacher: first, SHA-256 " in card
    assert "--teacher first --teacher first --epochs 1 --batch-size 16 --teacher-share 0.5" in card


def test_teachers_that_cannot_teach(fercli: Run, folder: Path) -> None:
    options = ["train", "--model", "shallow-hog", "--epochs", "1", "--batch-size", "16"]
    for wrong, told in (
        (["--teacher-share", "0.5"], "name one with --teacher"),
        (["--teacher", "shallow", "--teacher-share", "0"], "--teacher-share above 0"),
        (["--teacher", "shallow"], "shallow was not trained on this data set alone"),
        (["--teacher", "nowhere"], "nowhere does not exist"),
        (["--teacher", "shallow", "--resume"], "drop --teacher"),
    ):
        ran = fercli(*options, *wrong)
        assert ran.code == 2
        assert told in " ".join(ran.talk.split())


@pytest.mark.usefixtures("untrained")
def test_balanced_votes_can_be_asked_for(fercli: Run, folder: Path) -> None:
    options = ["train", "--model", "shallow-hog", "--epochs", "1", "--batch-size", "16", "--votes", "0.4"]
    assert "crowd's votes weighted by class = yes" in " ".join(
        fercli(*options, "--balanced-votes", "--out", "balanced").talk.split()
    )
    assert "weighted by class" not in fercli(*options, "--no-balanced-votes", "--out", "plain").talk


@pytest.mark.usefixtures("untrained")
def test_votes_by_agreement_can_be_asked_for(fercli: Run, folder: Path) -> None:
    options = ["train", "--model", "shallow-hog", "--epochs", "1", "--batch-size", "16", "--votes", "0.4", "--votes-by-agreement"]
    assert "where labels and crowd mostly agree = yes" in " ".join(fercli(*options).talk.split())


def test_class_weights_can_be_asked_for(fercli: Run, folder: Path, csv_file: Path) -> None:
    kept = [line for number, line in enumerate(csv_file.read_text().splitlines()) if number % 2 or not line.startswith("3,")]
    Path("rare.csv").write_text("\n".join(kept) + "\n")
    assert fercli("prepare", "rare.csv", "-o", "rare.npz").code == 0
    options = ["train", "--model", "shallow-hog", "--data", "rare.npz", "--epochs", "1", "--batch-size", "16"]
    assert "class weights = balanced" in " ".join(fercli(*options, "--class-weights", "balanced", "--out", "balanced").talk.split())
    assert "class weights" not in fercli(*options, "--out", "plain").talk
    mixes = [own_weights(Path(name)) for name in ("balanced", "plain")]
    balanced, plain = (read_weights(mix.path).metadata["class_mix"] for mix in mixes)
    assert balanced == pytest.approx([1 / 7] * 7, abs=1e-5)
    assert plain[3] < 0.1
    histories = [read_lines(Epoch, mix.history) for mix in mixes]
    assert histories[0][0].loss != histories[1][0].loss


@pytest.mark.usefixtures("untrained")
def test_a_stop_names_what_was_typed_and_what_there_is(fercli: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    farewells: list[str] = []
    monkeypatch.setattr(console, "say_on_stop", farewells.append)
    options = ["train", "--shallow", "--hog", "--epochs", "1", "--batch-size", "16"]
    assert fercli(*options).code == 0
    assert farewells == [
        "Stopped; no epoch is complete yet. To begin again: fercli train --shallow --hog --resume",
        "Stopped. To go on after the last complete epoch: fercli train --shallow --hog --resume",
    ]
    farewells.clear()
    assert fercli("train", "--model", "shallow-hog", "--data", "./fer2013.npz", "--out", "runs/shallow-hog", "--resume").code == 0
    again = "fercli train --model shallow-hog --out runs/shallow-hog --resume"
    assert farewells[0] == f"Stopped; the run is as it was. To go on with it: {again}"
    assert "is complete" not in " ".join(farewells)


def test_networks_that_cannot_be_trained_are_not_offered(fercli: Run) -> None:
    for option, told in (
        (["--model", "vgg"], "choose one of shallow, shallow-hog, deep, deep-hog, compact, compact-labels, compact-labels-2."),
        (["--model", "ensemble"], "name one of compact, compact-labels, compact-labels-2, deep-hog"),
        (["--model", "compact", "--hog"], "compact takes no HOG features; leave --hog out"),
        (["--model", "deep", "--hog"], "give --model deep-hog"),
    ):
        ran = fercli("train", *option)
        assert ran.code == 2
        assert told in " ".join(ran.talk.split())


def test_deep_and_shallow_together_is_a_usage_error(fercli: Run) -> None:
    ran = fercli("train", "--deep", "--shallow")
    assert ran.code == 2
    assert "exclude each other" in ran.talk
