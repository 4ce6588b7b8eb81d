from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran

Run = Callable[..., Ran]


@pytest.mark.usefixtures("fake_shipped")
def test_tables_on_standard_output_beside_the_published_columns(fercli: Run, data: Path) -> None:
    ran = fercli("evaluate", "--data", data)
    assert ran.code == 0
    assert "paper, deep" in ran.stdout
    assert next(line.split() for line in ran.stdout.splitlines() if "happy" in line)[2:] == ["80.5", "79.6"]
    assert "95 % interval" in ran.stdout
    assert "leak-free accuracy" in ran.stdout
    assert "Confusion matrix of fake, test" in ran.stdout


def test_usage_errors(fercli: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert fercli("evaluate", "--data", "no.npz").code == 2
    assert "fercli prepare" in fercli("evaluate", "--data", "no.npz", "--weights", "w").talk
    ran = fercli("evaluate", "--data", data, "--weights", "runs/none")
    assert ran.code == 2
    assert "does not exist" in ran.talk
    (tmp_path / "w.safetensors").write_bytes(b"no weights")
    assert fercli("evaluate", "--data", data, "--weights", "w.safetensors").code == 4
