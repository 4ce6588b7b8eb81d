import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fercli.dataset import Dataset, write_dataset
from fercli.evaluation.shifts import SHIFTS
from fercli.labels import LABELS
from fercli.models.networks import build
from fercli.models.networks.graphs import save_network
from fercli.models.registry import MODELS
from fercli.plots import NotDrawn
from tests.conftest import Ran
from tests.fakes import FakeLabeller

Run = Callable[..., Ran]


@pytest.mark.usefixtures("fake_shipped")
def test_tables_on_standard_output_beside_the_published_columns(fercli: Run, data: Path) -> None:
    ran = fercli("evaluate", "--data", data)
    assert ran.code == 0
    assert "paper," in ran.stdout
    assert [line.split() for line in ran.stdout.splitlines() if "happy" in line][-1][2:] == ["80.5", "79.6"]
    assert "95 % interval" in ran.stdout
    assert "leak-free accuracy" not in ran.stdout  # nobody knows what the fake has seen
    assert "Confusion matrix, fake, test: " in ran.stdout


def named(result: Ran) -> list[str]:
    """The models of the confusion matrices, in their order."""
    return re.findall(r"Confusion matrix, (.*?), test: ", result.stdout)


def test_models_and_runs_are_compared_in_the_order_given(
    fercli: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Titled(FakeLabeller):
        def __init__(self, name: str | None, weights: Path | None = None) -> None:
            super().__init__()
            self.title = name or str(weights)

    monkeypatch.setattr("fercli.models.ensembles.labeller_for", Titled)
    asked = ["--weights", "runs/b", "--model", "compact", "--weights=runs/a", "--model", "deep"]
    assert named(fercli("evaluate", "--data", data, *asked)) == ["runs/b", "compact", "runs/a", "deep"]
    assert named(fercli("evaluate", "--data", data, "--weights", "runs/b", "--shallow", "--hog")) == ["shallow-hog", "runs/b"]
    assert "already names the network" in fercli("evaluate", "--data", data, "--model", "compact", "--deep").talk
    ran = fercli("evaluate", "--data", data, *asked[:4], "--json", "-")
    assert [model["title"] for model in json.loads(ran.stdout)["models"]] == ["runs/b", "compact"]
    assert "written" not in ran.talk


@pytest.mark.usefixtures("fake_shipped")
def test_shifts_have_a_table_of_their_own(fercli: Run, data: Path) -> None:
    ran = fercli("evaluate", "--data", data, "--split", "validation", "--shifts")
    assert ran.code == 0
    table = ran.stdout.split("Accuracy on changed images, validation, %")[1].split("What a confidence")[0]
    shares = {name: float(line.split()[-1]) for name in SHIFTS for line in table.splitlines() if line.strip().startswith(name)}
    assert shares.keys() == SHIFTS.keys()
    (mean,) = [float(line.split()[-1]) for line in table.splitlines() if line.strip().startswith("mean")]
    assert mean == pytest.approx(sum(shares.values()) / 16, abs=0.1)
    assert "Accuracy on changed" not in fercli("evaluate", "--data", data).stdout


@pytest.mark.usefixtures("fake_shipped")
def test_an_even_prior_needs_weights_that_tell_their_mix(
    fercli: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = fercli("evaluate", "--data", data, "--prior", "even")
    assert refused.code == 2
    assert "fake does not tell how often it saw each expression" in refused.talk
    monkeypatch.setattr(FakeLabeller, "metadata", {"class_mix": [0.1] * 6 + [0.4]})
    ran = fercli("evaluate", "--data", data, "--prior", "even")
    assert ran.code == 0
    assert "Confusion matrix, fake+even, test: " in ran.stdout
    card = fercli("evaluate", "--data", data, "--model", "deep", "--prior", "even", "--card", tmp_path / "card")
    assert card.code == 2
    assert "drop --prior" in card.talk


def test_usage_errors(fercli: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert fercli("evaluate", "--data", "no.npz").code == 2
    assert "Did you mean 'd.npz'?" in fercli("evaluate", "--data", "no.npz", "--weights", "w").talk
    ran = fercli("evaluate", "--data", data, "--weights", "runs/none")
    assert ran.code == 2
    assert "does not exist" in ran.talk
    (tmp_path / "w.onnx").write_bytes(b"no weights")
    assert fercli("evaluate", "--data", data, "--weights", "w.onnx").code == 4


def test_a_broken_run_does_not_hide_the_others(fercli: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    good = Path("runs/good/model.onnx")
    save_network(build(MODELS["deep"]), {"model": "deep", "labels": list(LABELS)}, good)
    Path("runs/bad").mkdir()
    Path("runs/bad/model.onnx").write_bytes(good.read_bytes()[:1000])
    monkeypatch.setattr("fercli.models.inference.MODELS", {"deep": replace(MODELS["deep"], sha256=None)})
    ran = fercli("evaluate", "--data", data)
    assert ran.code == 3
    assert "reject: runs/bad: " in ran.talk
    talk = " ".join(ran.talk.split())
    assert "note: trained on a different data set from" in talk
    assert "prepared differently: runs/good; if that holds images of this split, the accuracy is too high" in talk
    assert "Confusion matrix, runs/good" in ran.stdout
    untold = fercli("evaluate", "--data", data, "--weights", "runs/good", "--card", "card")
    assert untold.code == 4
    assert "holds no recipe that this version knows" in untold.talk


def test_an_ensemble_has_a_card(fercli: Run, data: Path, tmp_path: Path) -> None:
    """Without runs, layers and curves of its own: those are in its members' cards."""
    ran = fercli("evaluate", "--data", data, "--model", "ensemble", "--card", tmp_path / "cards")
    assert ran.code == 0
    card = (tmp_path / "cards" / "ensemble-card.md").read_text()
    first = "[compact](compact-card.md) (55 %), [compact-labels](compact-labels-card.md) (15 %)"
    last = "[compact-labels-2](compact-labels-2-card.md) (15 %) and [deep-hog](deep-hog-card.md) (15 %)"
    assert f"the weighted mean of those of {first}, {last}" in card
    assert "fercli classify ./photos -o results.csv --model ensemble" in card
    assert "How it was trained" not in card
    assert not (tmp_path / "cards" / "ensemble-history.csv").exists()


def test_a_card_is_of_one_model(fercli: Run, data: Path, tmp_path: Path) -> None:
    ran = fercli("evaluate", "--data", data, "--card", tmp_path / "cards")
    assert ran.code == 2
    assert "a single model, but 7 are evaluated; name one with --model or --weights" in ran.talk


@pytest.mark.usefixtures("fake_shipped")
def test_promise_19_the_predictions_hold_no_formula(
    fercli: Run, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeLabeller, "title", "=1+1")
    names = [f"+{number}\r.png" for number in range(77)]
    write_dataset(replace(dataset, meta=dataset.meta | {"names": names}), tmp_path / "d.npz")
    assert fercli("evaluate", "--data", tmp_path / "d.npz", "--predictions", tmp_path / "p.csv").code == 0
    with (tmp_path / "p.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["model"] for row in rows} == {"'=1+1"}
    assert [row["name"] for row in rows] == [f"'+{row['row']}\r.png" for row in rows]


@pytest.mark.usefixtures("fake_shipped")
def test_the_note_says_what_is_true_of_weights_that_were_trained_on(
    fercli: Run, dataset: Dataset, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = dataset.meta["digest"]
    monkeypatch.setattr(FakeLabeller, "metadata", {"dataset": digest})
    monkeypatch.setattr(FakeLabeller, "trained_on", frozenset({digest}))
    assert "note: " not in fercli("evaluate", "--data", data).talk
    monkeypatch.setattr(FakeLabeller, "trained_on", frozenset({digest, "another"}))
    talk = " ".join(fercli("evaluate", "--data", data).talk.split())
    assert "but from weights that were trained on a different data set: fake; if that holds images" in talk
    assert "trained on a different data set from" not in talk
    monkeypatch.setattr(FakeLabeller, "metadata", {"dataset": "another"})
    assert "trained on a different data set from" in " ".join(fercli("evaluate", "--data", data).talk.split())


@pytest.mark.usefixtures("fake_shipped")
def test_a_set_to_evaluate_on_is_evaluated_on(fercli: Run, csv_file: Path, tmp_path: Path) -> None:
    data = tmp_path / "d.npz"
    assert fercli("prepare", csv_file, "-o", data, "--no-hog", "--split", "0/0/100").code == 0
    ran = fercli("evaluate", "--data", data, "--plots", tmp_path / "plots")
    assert ran.code == 0
    assert ["images", "77"] in [line.split()[:2] for line in ran.stdout.splitlines()]


def test_a_set_to_evaluate_on_has_one_split(fercli: Run, csv_file: Path, tmp_path: Path) -> None:
    data = tmp_path / "d.npz"
    assert fercli("prepare", csv_file, "-o", data, "--no-hog", "--split", "0/0/100").code == 0
    for options in (["--split", "validation"], ["--card", tmp_path / "cards"]):
        ran = fercli("evaluate", "--data", data, "--model", "compact", *options)
        assert ran.code == 2
        assert "has no validation images, only test" in ran.talk
    ran = fercli("train", "--data", data, "--out", tmp_path / "run")
    assert ran.code == 2
    assert "has no train and no validation images" in ran.talk


@pytest.mark.usefixtures("fake_shipped")
def test_promise_9_numbers_do_not_appear_without_the_figures(
    fercli: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise NotDrawn("A figure cannot be drawn.")

    monkeypatch.setattr("fercli.evaluation.exports.plot_per_class", fail)
    places = {"--json": "e.json", "--predictions": "p.csv", "--plots": "figures"}
    outputs = [argument for option, name in places.items() for argument in (option, tmp_path / name)]
    assert fercli("evaluate", "--data", data, *outputs).code == 1
    assert not [path for name in places.values() for path in (tmp_path / name, *(tmp_path / name).rglob("*")) if path.is_file()]


@pytest.mark.usefixtures("fake_shipped")
def test_outputs_are_claimed_before_anything_is_measured(
    fercli: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fercli.evaluation.measures.evaluate", lambda *_, **__: pytest.fail("it was measured"))
    (tmp_path / "file").touch()
    ran = fercli("evaluate", "--data", data, "--json", tmp_path / "file" / "e.json")
    assert (ran.code, "cannot be written" in ran.talk) == (1, True)


@pytest.mark.usefixtures("fake_labeller")
def test_promise_18_runs_of_like_names_have_figures_of_their_own(
    fercli: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles = ["runs/a-b", "runs/a/b", "runs/A/b"]

    def labeller(_: object, path: Path) -> FakeLabeller:
        made = FakeLabeller()
        made.title = str(path)
        return made

    monkeypatch.setattr("fercli.models.ensembles.labeller_for", labeller)
    given = [argument for title in titles for argument in ("--weights", title)]
    assert fercli("evaluate", "--data", data, "--plots", tmp_path / "figures", *given).code == 0
    names = {path.name for path in (tmp_path / "figures").glob("confusion-*")}
    assert names == {"confusion-runs-a-b.png", "confusion-runs-a-b-2.png", "confusion-runs-A-b-3.png"}
