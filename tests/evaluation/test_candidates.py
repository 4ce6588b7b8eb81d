from pathlib import Path

import pytest

from fercli.errors import FercliError, IntegrityError, UsageError
from fercli.evaluation.candidates import candidates
from fercli.models.inference import WeightsFile
from tests.conftest import FakeLabeller


class Breakable(FakeLabeller):
    def __init__(self, weights: WeightsFile, *_: object) -> None:
        super().__init__(weights)
        if "broken" in weights.title:
            raise IntegrityError(f"{weights.title} is broken")
        self.title, self.name = weights.title, weights.path.name


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[WeightsFile]:
    """The weights that are there, to be changed by a test."""
    files = [WeightsFile("runs/one", Path("deep"), Path("h")), WeightsFile("runs/two", Path("compact"), Path("h"))]
    monkeypatch.setattr("fercli.models.inference.Labeller", Breakable)
    monkeypatch.setattr("fercli.models.inference.all_weights", lambda: files)
    return files


def titles(name: str | None, rejected: list[str]) -> list[str]:
    return [labeller.title for labeller in candidates(name, None, lambda title, _: rejected.append(title))]


def test_all_that_are_found_or_those_of_a_name(found: list[WeightsFile]) -> None:
    assert titles(None, []) == ["runs/one", "runs/two"]
    assert titles("compact", []) == ["runs/two"]
    with pytest.raises(UsageError, match="There are no weights of shallow"):
        titles("shallow", [])


def test_a_broken_run_is_told_and_passed_over_but_not_shipped_weights(found: list[WeightsFile]) -> None:
    found.insert(0, WeightsFile("runs/broken", Path("deep"), Path("h")))
    rejected: list[str] = []
    assert titles(None, rejected) == ["runs/one", "runs/two"]
    assert rejected == ["runs/broken"]
    with pytest.raises(FercliError, match="No weights could be read"):
        titles("shallow", [])
    found.append(WeightsFile("broken", Path("deep"), Path("h"), sha256="0"))
    with pytest.raises(IntegrityError):
        titles(None, [])
