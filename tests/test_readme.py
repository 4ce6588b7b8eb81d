"""README's facts are the code's facts."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.classification.records import COLUMNS
from fercli.cli import app
from fercli.errors import EXIT_CODES, REJECT_CODES
from fercli.models.inference import Labeller, shipped_weights
from fercli.models.registry import MODELS, weights_path
from tests.promises import promises_of

README = (Path(__file__).parents[1] / "README.md").read_text()


def table(header: str) -> dict[str, str]:
    body = README.split(f"{header}\n\n", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return {cells[1].strip(): cells[2].strip() for cells in (line.split("|") for line in body)}


def test_exit_codes() -> None:
    assert table("### Exit codes") == {str(code): meaning for code, meaning in EXIT_CODES.items()}


def test_reject_codes() -> None:
    assert table("### Why a file is rejected") == REJECT_CODES


def test_columns() -> None:
    assert ",".join(COLUMNS) in README


def test_models() -> None:
    for model in MODELS.values():
        (line,) = [line for line in README.splitlines() if line.startswith(f"| {model.name} |")]
        assert f"{model.parameters:,}" in line
        assert ("shipped" in line) == bool(model.sha256)


def test_commands() -> None:
    commands = {command.callback.__name__ for command in app.registered_commands if command.callback}
    described = set(re.findall(r"^\*\*(\w+)\*\*", README, re.M))
    assert described == commands == {"prepare", "train", "evaluate", "classify", "models"}


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


@pytest.mark.parametrize("way", ["ONNX Runtime", "OpenCV"])
def test_the_weights_elsewhere(way: str, tmp_path: Path) -> None:
    """README's own lines, in a process that cannot import fercli, Keras or TensorFlow, give fercli's probabilities."""
    python, opencv = re.findall(r"```python\n(.*?)```", README.split("### Use the weights elsewhere", 1)[1], re.S)[:2]
    face = Image.open(Path(__file__).parent / "photos" / "astronaut.jpg").convert("L").crop((170, 59, 279, 168)).resize((48, 48))
    face.save(tmp_path / "face.png")
    shutil.copy(weights_path("compact"), tmp_path)
    lines = "import sys\nfor name in ('fercli', 'keras', 'tensorflow'):\n    sys.modules[name] = None\n" + python
    lines += "import cv2\n" + opencv if way == "OpenCV" else ""
    child = subprocess.run([sys.executable, "-c", lines], cwd=tmp_path, capture_output=True, text=True, check=True)
    printed = child.stdout[child.stdout.rindex("[[") :]
    given = [float(number) for number in re.findall(r"\d+\.\d+(?:e-\d+)?", printed)]
    ours = Labeller(shipped_weights("compact")).label(np.asarray(face)[None])
    assert np.allclose(given, ours[0], atol=1e-5)
