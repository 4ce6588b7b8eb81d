"""README's facts are the code's facts."""

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fercli.classification.records import COLUMNS
from fercli.cli import app
from fercli.errors import EXIT_CODES, REJECT_CODES
from fercli.labels import ORDERS
from fercli.models.inference import Labeller, shipped_weights
from fercli.models.recipes import recipe_from
from fercli.models.registry import MODELS, weights_path
from fercli.models.weights import read_weights
from tests.conftest import Ran
from tests.promises import promises_of

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S)


def table(header: str) -> dict[str, str]:
    body = README.split(f"{header}\n\n", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return {cells[1].strip(): cells[2].strip() for cells in (line.split("|") for line in body)}


def test_exit_codes() -> None:
    assert table("### Exit codes") == {str(code): meaning for code, meaning in EXIT_CODES.items()}


def test_reject_codes() -> None:
    assert table("### Why a file is rejected") == REJECT_CODES


def test_orders_of_classes() -> None:
    rows = re.findall(r"^  \| ([a-z0-9+]+) \| (\d .*) \|$", README, re.M)
    assert dict(rows) == {name: ", ".join(f"{number} {word}" for number, word in order.items()) for name, order in ORDERS.items()}


def test_columns() -> None:
    assert ",".join(COLUMNS) in README


def test_models() -> None:
    for model in MODELS.values():
        (line,) = [line for line in README.splitlines() if line.startswith(f"| {model.name} |")]
        assert f"{model.parameters:,}" in line if model.parameters else "shipped" not in line
        assert ("shipped" in line) == bool(model.sha256)


def test_one_command_trains_the_baseline_again() -> None:
    assert "a single run, `fercli train --model compact-labels`" in README
    told = read_weights(weights_path("compact-labels")).metadata
    assert recipe_from(told["recipe"]) == MODELS["compact-labels"].recipe
    assert not told["start"]
    assert not told["teachers"]


def test_commands() -> None:
    commands = {command.callback.__name__ for command in app.registered_commands if command.callback}
    described = set(re.findall(r"^\*\*(\w+)\*\*", README, re.M))
    assert described == commands


def test_pictures_and_links_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", README, re.M)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert {link[1:] for link in links if link.startswith("#")} <= anchors
    assert all((ROOT / link).is_file() for link in links if not link.startswith(("#", "https://")))


def test_promises() -> None:
    """Each promise stands in the table with exactly the files whose tests are named after it."""
    tests = Path(__file__).parent
    files: dict[int, set[str]] = {}
    for path in tests.rglob("test_*.py"):
        for name in re.findall(r"def (test_\w+)", path.read_text()):
            for number in promises_of(name):
                files.setdefault(number, set()).add(path.relative_to(tests).as_posix())
    body = README.split("## What is promised\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|") for line in body.splitlines() if re.match(r"\| \d+ \|", line)]
    assert {int(row[1]): set(re.findall(r"`([^`]+\.py)`", row[3])) for row in rows} == files
    assert sorted(files) == list(range(1, 24))


def run(example: str, folder: Path) -> str:
    """Run one of README's examples as it stands, as a program of its own in `folder`; return what it printed."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    command = [sys.executable, "-c", example]
    child = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    assert not re.search(r"^[IWE]\d{4} |absl", child.stderr, re.M), child.stderr  # what TensorFlow says of itself
    return child.stdout


def test_the_example_of_classify() -> None:
    (example,) = [example for example in EXAMPLES if "fercli.classify" in example]
    assert re.search(r"^astronaut\.jpg happy \d+% Box\(x=1\d\d, y=\d+, width=\d+, height=\d+\)$", run(example, ROOT), re.M)


def test_the_example_of_a_network(data: Path, tmp_path: Path) -> None:
    (example,) = [example for example in EXAMPLES if "Network" in example]
    assert len([line for line in example.splitlines() if line]) <= 15
    data.rename(tmp_path / "fer2013.npz")
    assert 0 <= float(run(example, tmp_path)) <= 1
    assert (tmp_path / "runs" / "tiny" / "history.csv").read_text().count("\n") == 3


@pytest.mark.parametrize("way", ["onnxruntime", "cv2"])
def test_the_examples_of_the_weights_elsewhere(way: str, tmp_path: Path) -> None:
    """Where neither fercli nor Keras nor TensorFlow can be imported they give fercli's probabilities."""
    python, opencv = [example for example in EXAMPLES if "onnx" in example]
    face = Image.open(ROOT / "tests" / "photos" / "astronaut.jpg").convert("L").crop((170, 59, 279, 168)).resize((48, 48))
    face.save(tmp_path / "face.png")
    shutil.copy(weights_path("compact"), tmp_path)
    alone = "import sys\nfor name in ('fercli', 'keras', 'tensorflow'):\n    sys.modules[name] = None\n"
    printed = run(alone + python + ("import cv2\n" + opencv if way == "cv2" else ""), tmp_path)
    given = [float(number) for number in re.findall(r"\d\.\d+(?:e-\d+)?", printed[printed.rindex("[[") :])]
    ours = Labeller(shipped_weights("compact")).label(np.asarray(face)[None])
    assert np.allclose(given, ours[0], atol=1e-5)


def block(after: str) -> list[str]:
    """The lines of the first block of code after a text."""
    return [line[4:] for line in re.findall(r"(?:^    .*\n)+", README.split(after, 1)[1], re.M)[0].splitlines()]


@pytest.fixture
def study(fercli: Callable[..., Ran], fake_labeller: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run the study of README in a folder of its own, and return what each command of fercli said."""
    monkeypatch.chdir(tmp_path)
    Path("tests").symlink_to(Path(__file__).parent)
    said = []
    for line in block("### A study, week after week"):
        command = line.split("  #")[0].strip()
        if command.startswith("fercli "):
            ran = fercli(*shlex.split(command)[1:])
            assert ran.code == 0, ran.talk
            said.append(ran.talk + ran.stdout)
        else:
            subprocess.run(["bash", "-ec", command], check=True)
    return said


def test_the_study_runs_as_it_is_written_and_pandas_and_r_read_its_results(study: list[str]) -> None:
    first, second, third, summary = study
    assert "12 photos" in first
    assert "known from before: 12" in second
    assert "known from before: 20" in third
    assert "that are gone, whose rows were dropped: 4" in third  # one participant's
    assert "Mean probability" in summary
    with Path("summary.csv").open(newline="") as lines:
        rows = list(csv.reader(lines))
    assert rows[0][:3] == ["week", "photos", "faces"]
    assert [row[:3] for row in rows[1:]] == [[str(week), "10", "10"] for week in range(1, 4)]
    assert "n: units (p(?P<participant>\\d)) with faces" in summary
    assert Path("summary.png").stat().st_size > 5000
    values: dict[str, Any] = {}
    exec("\n".join(block("In Python, with pandas:")), values)  # README's own example
    assert list(values["weeks"].index) == ["week1", "week2", "week3"]
    assert values["weeks"].between(0, 1).all()
    if shutil.which("Rscript"):
        subprocess.run(["Rscript", "-e", "\n".join(block("In R:"))], check=True)
