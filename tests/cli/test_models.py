from collections.abc import Callable

from fercli.models.registry import MODELS
from tests.conftest import Ran


def test_every_entry_stands_on_standard_output(fercli: Callable[..., Ran]) -> None:
    ran = fercli("models")
    assert ran.code == 0
    for model in MODELS.values():
        (line,) = [line for line in ran.stdout.splitlines() if line.split()[:1] == [model.name] and "0.0" in line]
        assert (f"{model.parameters:,}" if model.parameters else "–") in line
        assert ("shipped" in line) == bool(model.sha256)
        assert len(line) <= 80
