import subprocess
import sys
from pathlib import Path

import pytest

from fercli.models.sessions import cores


@pytest.mark.parametrize(("value", "want"), [("3", 3), ("0", None), ("many", None), ("", None)])
def test_cores_are_those_wanted_or_else_those_there_are(value: str, want: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    all_of_them = cores()
    assert all_of_them >= 1
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert cores() == (want or all_of_them)


def test_onnx_runtime_reports_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    child = [sys.executable, "-c", "import fercli.models.sessions"]
    subprocess.run(child, check=True, env=environment, cwd=Path(__file__).parents[2])
    assert list(tmp_path.rglob("*")) == []
