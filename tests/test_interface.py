"""fercli from Python. The network in README's example is trained in `test_readme`."""

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import fercli
import fercli.cli
from fercli.dataset import read_dataset
from fercli.errors import UsageError
from tests.conftest import crop
from tests.fakes import FakeLabeller

UNTOUCHED = """
import logging, os, signal, sys, warnings

def surroundings():
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    logs = [*logging.getLogger().handlers, *warnings.filters]
    return [dict(os.environ), handlers, logs, sys.stdout, sys.stderr, sys.excepthook]

before, modules = surroundings(), set(sys.modules)
import fercli
assert surroundings() == before
loaded = set(sys.modules) - modules
assert {name for name in loaded if name.split(".")[0] not in sys.stdlib_module_names} == {"fercli", "fercli.version"}
assert "classify" in dir(fercli)
assert not hasattr(fercli, "nothing")
from fercli import FercliError, classify, evaluate, prepare, summary, train
assert surroundings() == before
assert not {"numpy", "keras", "tensorflow", "PIL", "typer", "rich"} & set(sys.modules)
"""


def test_import_loads_nothing_says_nothing_and_silences_nothing() -> None:
    child = subprocess.run([sys.executable, "-c", UNTOUCHED], capture_output=True, text=True, check=False)
    assert (child.stdout, child.stderr, child.returncode) == ("", "", 0)


def test_types_are_shipped() -> None:
    assert (Path(fercli.__file__).parent / "py.typed").is_file()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, value in (("bright.png", 250), ("dark.png", 3)):
        Image.fromarray(crop(value)).save(folder / name)
    return folder


@pytest.mark.usefixtures("fake_labeller")
def test_photos_are_a_text_a_path_or_many(photos: Path) -> None:
    many: list[str | Path] = [str(photos / "bright.png"), photos / "dark.png"]
    for given in (str(photos), photos, many, iter(many)):
        found = list(fercli.classify(given))
        assert [photo.path for photo in found] == [photos / "bright.png", photos / "dark.png"]
        assert [(face.label, round(face.confidence, 3)) for photo in found for face in photo.faces] == [
            ("neutral", 0.7),
            ("angry", 0.7),
        ]
        assert [len(face.probabilities) for photo in found for face in photo.faces] == [7, 7]


@pytest.mark.usefixtures("fake_labeller")
def test_a_classification_writes_what_it_is_asked_for(photos: Path, tmp_path: Path) -> None:
    places = {"output": str(tmp_path / "r.jsonl"), "annotate": str(tmp_path / "copies"), "report": tmp_path / "r.html"}
    assert len(list(fercli.classify(photos, tta=True, **places))) == 2  # type: ignore[arg-type]
    assert '"label": "neutral"' in (tmp_path / "r.jsonl").read_text()
    assert '"model": "fake+tta"' in (tmp_path / "r.jsonl").read_text()
    assert len(list((tmp_path / "copies").rglob("*.jpg"))) == 2
    assert (tmp_path / "r.html").is_file()
    parts = str(tmp_path / "parts") + "/"
    assert len(list(fercli.classify(photos, output=parts))) == 2
    assert (tmp_path / "parts" / "_SUCCESS").is_file()


@pytest.mark.usefixtures("fake_labeller")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fercli.classify("nowhere"), "nowhere does not exist; give photos, videos or folders"),
        (lambda: fercli.classify([], output="x.ods"), "end the name in"),
        (lambda: fercli.classify([], on_no_face="leave"), "choose one of row, whole, skip"),
        (lambda: fercli.classify([], engine="spark"), "engine is 'spark'; choose one of local, ray"),
        (lambda: fercli.classify([], workers=2), "need --engine ray"),
        (lambda: fercli.classify([], engine="ray", worker_cpus=0), "--worker-cpus 0 is none"),
        (lambda: fercli.classify([], engine="ray", workers=0), "--workers 0 is none"),
        (lambda: fercli.classify([], engine="ray", worker_gpus=-1), "--worker-gpus -1 is not a number of GPUs"),
        (lambda: fercli.classify([], min_confidence=70), "--min-confidence 70 is not a probability; give a number from 0 to 1"),
        (lambda: fercli.classify([], min_face=-1), "--min-face -1 is not a size"),
        (lambda: fercli.classify([], max_pixels=0), "--max-pixels 0 allows no photo"),
        (lambda: fercli.summary("nowhere.csv"), "nowhere.csv does not exist"),
        (lambda: list(fercli.classify(__file__, detector="eyes")), "There is no detector 'eyes'; choose one of auto"),
        (lambda: fercli.prepare("nowhere.csv"), "nowhere.csv does not exist; give FER2013's CSV"),
        (lambda: fercli.prepare(__file__, "d.csv"), "d.csv cannot be written as .csv; end the name in .npz"),
        (lambda: fercli.prepare(__file__, seed=-1), "seed cannot be -1"),
        (lambda: fercli.train("deeper"), "There is no model 'deeper'; choose one of"),
        (lambda: fercli.train(data="nowhere.npz"), "nowhere.npz does not exist; make it with: fercli prepare"),
        (lambda: fercli.evaluate(split="private"), "split is 'private'; choose one of"),
        (lambda: fercli.evaluate("nowhere.npz"), "nowhere.npz does not exist"),
    ],
)
def test_wrong_calls_say_what_to_do(call: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message.replace(".", r"\.")):
        call()


def test_a_file_given_for_a_model_is_told_where_it_goes() -> None:
    with pytest.raises(UsageError, match=r"give --weights x\.onnx instead"):
        list(fercli.classify(__file__, model="x.onnx"))


def test_a_data_set_is_prepared_and_returned(csv_file: Path, tmp_path: Path) -> None:
    result = fercli.prepare(str(csv_file), str(tmp_path / "d.npz"), hog=False)
    assert result.dataset.train.pixels.shape == (84, 48, 48)
    assert (read_dataset(tmp_path / "d.npz").mean == result.dataset.mean).all()
    with pytest.raises(UsageError, match="--overwrite"):
        fercli.prepare(csv_file, tmp_path / "d.npz")


@pytest.mark.usefixtures("fake_shipped")
def test_models_are_measured(data: Path) -> None:
    (result,) = fercli.evaluate(str(data), split="validation", tta=True)
    assert (result.title, result.split, result.measures.images) == ("fake+tta", "validation", 14)
    (named,) = fercli.evaluate(data, weights="anything")
    assert named.title == FakeLabeller.title


@pytest.mark.usefixtures("fake_labeller")
def test_a_list_is_labelled_and_summed_up(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "list").write_text(f"{photos / 'dark.png'}\nnowhere.png\n")
    found = list(fercli.classify([], from_file=tmp_path / "list", output=str(tmp_path / "r.csv")))
    assert [photo.status for photo in found] == ["ok", "rejected"]
    summed = fercli.summary(str(tmp_path / "r.csv"), by="folder")
    assert [(group.names, group.faces) for group in summed.groups] == [((".",), 0), ((str(photos),), 1)]
    assert summed.everything.photos == 2
    assert repr(found[0].faces[0]).startswith("Face(label='angry', confidence=0.69")


PYTHONS = {  # what a name is in Python, where the command line has another, or what has no place there
    "prepare": set(),
    "train": {"deep", "shallow", "hog"},
    "evaluate": {"context", "deep", "shallow", "hog", "json_file", "plots", "predictions", "card", "overwrite"},
    "classify": {"deep", "shallow", "hog", "quiet"},
    "summary": {"truth", "output", "plot", "overwrite"},
}


@pytest.mark.parametrize("name", PYTHONS)
def test_the_functions_take_and_tell_the_options_of_the_commands(name: str) -> None:
    command, function = getattr(getattr(fercli.cli, name), name), getattr(fercli, name)
    taken = inspect.signature(function).parameters
    assert set(inspect.signature(command).parameters) - PYTHONS[name] <= set(taken)
    assert "lambda" not in str(taken)
    assert not re.search(r"`(labels|registry|faces)\.|see `\w+`", inspect.getdoc(function) or "")
