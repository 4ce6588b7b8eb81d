"""What a whole process says, and what it loads: nothing heavy when there is nothing to compute."""

import io
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

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
