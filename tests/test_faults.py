"""Every write of every command fails once, or is where the process dies; nothing is torn, lost or left behind.

The commands run whole, with small inputs and a network that is no network; see `tests/seam.py` for what is counted.
"""

import contextlib
import errno
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from fercli.dataset import Dataset, write_dataset
from fercli.errors import FercliError
from fercli.models.architectures.residual import ResidualNetwork
from fercli.models.registry import MODELS
from fercli.training.trainer import Trainer
from tests.conftest import Ran, csv_text, synthetic_faces
from tests.promises import Did
from tests.seam import FAULTS, Seam, contents, fails_with

Run = Callable[..., Ran]

COMMANDS = {
    "prepare": ["prepare", "in.csv", "-o", "out/d.npz", "--no-hog", "--overwrite"],
    "evaluate": ["evaluate", "--data", "d.npz", "--json", "out/e.json", "--predictions", "out/p.csv", "--overwrite"],
    "classify": [
        "classify", "photos", "-o", "out/r.csv", "--detector", "none", "--annotate", "out/copies", "--report", "out/r.html",
        "--overwrite",
    ],
}  # fmt: skip


@pytest.fixture
def work(tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with inputs for every command."""
    make_inputs(tmp_path, dataset)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_inputs(folder: Path, dataset: Dataset) -> None:
    (folder / "in.csv").write_text(csv_text())
    write_dataset(dataset, folder / "d.npz")
    (folder / "photos").mkdir()
    for number, face in enumerate(synthetic_faces(3)[0]):
        Image.fromarray(face).save(folder / "photos" / f"{number}.png")


@pytest.mark.usefixtures("fake_labeller", "fake_shipped")
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda code: errno.errorcode[code])
def test_promise_9_and_10_the_nth_operation_fails(fercli: Run, work: Path, command: str, fault: int, did: Did) -> None:
    assert fercli(*COMMANDS[command]).code == 0
    whole = contents(work / "out")
    at, unnoticed = 0, Counter[str]()
    while True:
        at += 1
        for path in whole:
            (work / "out" / path).write_bytes(b"old")
        with Seam(at, fails_with(fault)).in_place() as seam:
            ran = fercli(*COMMANDS[command])
        if not seam.reached:
            break
        failed = seam.operations[at - 1]
        assert ran.code in {0, 1}, (at, failed, ran.talk)
        unnoticed[failed] += not ran.code
        assert "Traceback" not in ran.talk
        if ran.code:
            assert "cannot be" in ran.talk, ran.talk
        found = contents(work / "out")
        for path, data in found.items():
            assert not path.endswith(".fercli-part"), (at, failed, path)
            assert failed == "unlink" or not path.endswith(".fercli-former"), (at, failed, path)
            assert data in (b"old", whole.get(path)) or Path(path).name.startswith("."), (at, failed, path)
        outputs = {path for path in whole if not Path(path).name.startswith(".")}
        assert ran.code or all(found[path] == whole[path] for path in outputs), (at, failed)
        assert len({found[path] == b"old" for path in outputs if "/" not in path}) == 1, (at, failed)
    # What makes only a name durable may fail unnoticed, as may keeping a former file, or taking away what is not needed any more.
    # So may, once the copies are made, shortening their list, and, once results are in place, telling the journal what they are;
    # that may come at two positions, for a journal that is there takes more operations to begin.
    # So may keeping the journal of a finished run, which comes at as many positions.
    others = Counter({name: count for name, count in unnoticed.items() if name not in {"fsync", "link", "open", "unlink"}})
    told = [others.pop(name, 0) for name in ("UPDATE", "COMMIT")]
    assert all(1 <= count <= 2 for count in told) if command == "classify" else not any(told)
    assert others.pop("replace", 0) in ({2, 3} if command == "classify" else {0})
    assert +others == Counter({"makedirs": 1, "write": 1} if command == "classify" else {})
    assert at > {"prepare": 5, "evaluate": 10, "classify": 25}[command]
    did(at - 1, "operations failed")
    assert fercli(*COMMANDS[command]).code == 0
    assert contents(work / "out") == whole


class Died(BaseException):
    """Stands for SIGKILL where a process of its own would take too long: nothing after it reaches the disk."""


def dies(seam: list[Seam]) -> Callable[[str], None]:
    def act(_: str) -> None:
        seam[0].at += 1  # so that each later operation dies, too
        raise Died

    return act


@pytest.mark.usefixtures("untrained")
def test_promise_9_and_11_the_nth_operation_of_training(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, did: Did
) -> None:
    """Each second operation fails, at each other one the process dies."""
    network = ResidualNetwork(stem=2, stages=((2, 1),), squeeze=0, head_dropout=0.1)
    model = replace(MODELS["compact"], network=network)
    recipe = replace(model.recipe, epochs=1, batch_size=16)
    trainer = Trainer(model, recipe, dataset, tmp_path / "whole")
    monkeypatch.setattr("fercli.training.trainer.Trainee", lambda *_: trainer.trainee)  # built once: nothing is trained
    list(trainer)
    whole = contents(tmp_path / "whole")
    assert set(whole) == {"checkpoint.safetensors", "model.onnx", "history.csv", "curves.png", "metrics.json"}
    at = 0
    while True:
        at += 1
        folder = tmp_path / str(at)
        holder: list[Seam] = []
        fails = at % 2 == 0
        holder.append(Seam(at, fails_with(errno.ENOSPC) if fails else dies(holder)))
        with holder[0].in_place() as seam, contextlib.suppress(FercliError, Died):
            list(Trainer(model, recipe, dataset, folder))
        if at > len(seam.operations):
            break
        resume = (folder / "checkpoint.safetensors").exists()
        if fails:
            assert not [path for path in contents(folder) if path.endswith(".fercli-part")], (at, seam.operations)
        list(Trainer(model, recipe, dataset, folder, resume=resume, overwrite=not resume))
        assert contents(folder) == whole, (at, seam.operations[at - 1])
    assert at > 30
    did((at - 1) // 2, "operations failed")
    did(at // 2, "deaths")


def test_promise_10_a_limit_on_file_size_is_a_sentence(work: Path) -> None:
    """The kernel itself refuses, at several sizes; SIGXFSZ is ignored, as Python does."""
    code = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2); sys.argv[:2] = ['fercli']; "
    code += "from fercli.__main__ import main; main()"
    (work / "out").mkdir()
    (work / "out" / "d.npz").write_bytes(b"old")
    for limit in (0, 1, 4096, 100_000):
        command = [sys.executable, "-B", "-c", code, str(limit), *COMMANDS["prepare"]]  # for Python keeps bytecode cut short
        child = subprocess.run(command, capture_output=True, text=True, check=False)
        assert child.returncode == 1, child.stderr
        assert "File too large" in child.stderr
        assert "Traceback" not in child.stderr
        assert contents(work / "out") == {"d.npz": b"old"}


@pytest.mark.parametrize("command", COMMANDS)
def test_promise_9_and_11_killed_at_the_nth_operation(work: Path, command: str, did: Did) -> None:
    """A driver forks a child for each operation, or each third of the many like ones of an npz; see `tests/killing.py`."""
    root = Path(__file__).parents[1]
    child = subprocess.run(
        [sys.executable, "-m", "tests.killing", "3" if command == "prepare" else "1", *COMMANDS[command]],
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    kills = int(child.stdout.split()[-1])
    assert kills > {"prepare": 4, "evaluate": 10, "classify": 25}[command]
    did(kills, "SIGKILLs")
