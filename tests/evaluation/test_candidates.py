from pathlib import Path

import pytest

from fercli.errors import FercliError, IntegrityError
from fercli.evaluation.candidates import candidates
from fercli.models.inference import WeightsFile
from tests.fakes import FakeLabeller


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
    monkeypatch.setattr("fercli.models.ensembles.Labeller", Breakable)
    monkeypatch.setattr("fercli.models.inference.all_weights", lambda: files)
    return files


def titles(*asked: str | Path, rejected: list[str] | None = None) -> list[str]:
    return [labeller.title for labeller in candidates(asked, lambda title, _: (rejected or []).append(title))]


@pytest.mark.usefixtures("found")
def test_all_that_are_found_or_those_asked_for_in_their_order_each_once(tmp_path: Path) -> None:
    assert titles() == ["runs/one", "runs/two"]
    mine = tmp_path / "mine.onnx"
    assert titles("compact", mine, "deep", "compact", mine) == ["compact", str(mine), "deep"]
    assert titles("shallow") == ["shallow"]


def test_a_broken_run_is_told_and_passed_over_but_not_shipped_weights(found: list[WeightsFile]) -> None:
    found.insert(0, WeightsFile("runs/broken", Path("deep"), Path("h")))
    rejected = ["first"]
    assert titles(rejected=rejected) == ["runs/one", "runs/two"]
    assert rejected == ["first", "runs/broken"]
    del found[1:]
    with pytest.raises(FercliError, match="No weights could be read"):
        titles()
    found.append(WeightsFile("broken", Path("deep"), Path("h"), sha256="0"))
    with pytest.raises(IntegrityError):
        titles()
