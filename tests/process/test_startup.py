"""What users wait for when nothing is to be computed: no heavy package may load."""

import subprocess
import sys

import pytest

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
