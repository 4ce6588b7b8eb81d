"""What a whole process says, and what it loads: nothing heavy when there is nothing to compute."""

import io
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from fercli.dataset import Dataset, write_dataset
from tests.conftest import PHOTOS

HEAVY = ("tensorflow", "keras", "cv2", "skimage", "matplotlib", "PIL", "numpy")
CODE = """
import sys
from fercli.__main__ import main
try:
    main()
finally:
    print("LOADED", *[name for name in {heavy!r} if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["models"], 0),
        (["classify", "--help"], 0),
        ([], 2),
        (["train", "--deep", "--shallow"], 2),
        (["train", "--epochs", "no"], 2),
        (["classify", "nowhere.jpg", "-o", "x.csv"], 2),
        (["classify", ".", "-o", "x.csv", "--model", "vgg"], 2),
        (["classify", ".", "-o", "x.pdf"], 2),
    ],
)
def test_help_models_and_usage_errors_load_nothing_heavy(arguments: list[str], code: int) -> None:
    child = subprocess.run(
        [sys.executable, "-c", CODE.format(heavy=HEAVY), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert child.returncode == code, child.stderr
    assert child.stdout.splitlines()[-1].split() == ["LOADED"]
    assert "Traceback" not in child.stderr


@pytest.fixture
def hostile(tmp_path: Path) -> dict[str, str]:
    """Settings of other programs, each of which would break or change what Keras or matplotlib does."""
    (tmp_path / "keras").mkdir()
    others = {"backend": "theano", "floatx": "float16", "image_data_format": "channels_first"}
    (tmp_path / "keras" / "keras.json").write_text(json.dumps(others))
    return {
        "KERAS_BACKEND": "theano",
        "KERAS_HOME": str(tmp_path / "keras"),
        "TF_USE_LEGACY_KERAS": "1",
        "MPLBACKEND": "module://nowhere",
        "ORT_LOGGING_LEVEL": "0",
    }


def test_photos_are_labelled_without_keras_whatever_settings_there_are(hostile: dict[str, str], tmp_path: Path) -> None:
    """Other tests import them into this process; a child has none of them."""
    results = []
    for name, settings in (("plain", {}), ("hostile", hostile)):
        command = ["classify", PHOTOS, "-o", tmp_path / f"{name}.csv", "--tta", "--report", tmp_path / f"{name}.html"]
        child = run(command, settings)
        assert (child.returncode, child.stdout.split()[-1]) == (0, "LOADED"), child.stderr
        results.append([(tmp_path / f"{name}.{kind}").read_bytes() for kind in ("csv", "html")])
    assert results[0] == results[1]
    assert results[0][0].count(b",ok,") == 2


def test_models_are_measured_without_keras_whatever_settings_there_are(
    hostile: dict[str, str], dataset: Dataset, tmp_path: Path
) -> None:
    write_dataset(dataset, tmp_path / "d.npz")
    results = []
    for name, settings in (("plain", {}), ("hostile", hostile)):
        files = ["--predictions", tmp_path / f"{name}.csv", "--plots", tmp_path / name]
        child = run(["evaluate", "--model", "deep-hog", "--data", tmp_path / "d.npz", *files], settings)
        assert (child.returncode, child.stdout.split()[-1]) == (0, "LOADED"), child.stderr
        written = [tmp_path / f"{name}.csv", *sorted((tmp_path / name).iterdir())]
        results.append([path.read_bytes() for path in written])
    assert results[0] == results[1]


def run(arguments: list[object], settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command in a child that tells which of the frameworks of training it has loaded."""
    code = CODE.format(heavy=("tensorflow", "keras", "safetensors", "mtcnn", "torch", "jax"))
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, timeout=100, check=False)


def test_what_libraries_say_of_odd_files_stays_off_the_terminal(tmp_path: Path) -> None:
    """Pillow logs a TIFF's impossible number of samples, libtiff writes of other wrongs itself."""
    data = io.BytesIO()
    Image.new("RGB", (8, 8)).save(data, "TIFF")
    samples = struct.pack("<HHIHH", 277, 3, 1, 3, 0)
    assert samples in data.getvalue()
    (tmp_path / "odd.tif").write_bytes(data.getvalue().replace(samples, struct.pack("<HHIHH", 277, 3, 1, 60_000, 0)))
    command = [sys.executable, "-m", "fercli", "classify", "odd.tif", "-o", "r.csv", "--detector", "none"]
    child = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert child.returncode == 1
    assert [line.split(":")[0] for line in child.stderr.splitlines()] == ["reject", "error"]
