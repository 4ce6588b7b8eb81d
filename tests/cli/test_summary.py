import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from PIL import Image

from fercli.labels import LABELS
from tests.conftest import Ran

Run = Callable[..., Ran]
pytestmark = pytest.mark.usefixtures("fake_labeller")


@pytest.fixture
def results(fercli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for number in range(12):
        place = Path("study", f"participant-{number // 4}-with-a-long-name", f"{number}.png")
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((48, 48), 20 * number, np.uint8)).save(place)
    assert fercli("classify", "study", "-o", "r.csv", "--detector", "none").code == 0
    return Path("r.csv")


def test_tables_fit_80_columns_and_files_have_every_figure(fercli: Run, results: Path) -> None:
    ran = fercli("summary", results, "-o", "s.csv", "--plot", "s.png")
    assert ran.code == 0
    assert max(map(len, ran.stdout.splitlines())) <= 80
    assert all(f"…-{number}-with…ong-name" in ran.stdout for number in range(3))
    assert all(label in ran.stdout for label in LABELS)
    with Path("s.csv").open(newline="") as handle:
        lines = list(csv.DictReader(handle))
    assert [line["folder"] for line in lines] == [f"study/participant-{number}-with-a-long-name" for number in range(3)]
    assert {(line["photos"], line["faces"], line["rejected"]) for line in lines} == {("4", "4", "0")}
    assert sum(float(lines[0][f"share_{label}"]) for label in LABELS) == pytest.approx(1)
    assert float(lines[0]["low_angry"]) < float(lines[0]["mean_angry"]) < float(lines[0]["high_angry"])
    with Image.open("s.png") as plot:
        assert plot.size[0] > 500
    assert fercli("summary", results, "-o", "s.xlsx", "--by", r"participant-(?P<participant>\d)").code == 0
    header, *cells = openpyxl.load_workbook("s.xlsx").active.values
    assert header[:3] == ("participant", "photos", "faces")
    assert [row[:3] for row in cells] == [("0", 4, 4), ("1", 4, 4), ("2", 4, 4)]


def test_outputs_are_not_replaced_and_usage_is_told(fercli: Run, results: Path) -> None:
    Path("s.csv").write_text("mine")
    for arguments, message in (
        (("-o", "s.csv"), "exists already"),
        (("-o", "s.txt"), "end the name in .csv, .jsonl or .xlsx"),
        (("--plot", "s.csv"), "end the name in .png"),
        (("-o", results, "--overwrite"), "is also an input"),
        (("--by", "nobody"), "matches no path"),
    ):
        ran = fercli("summary", results, *arguments)
        assert ran.code == 2
        assert message in ran.talk
    assert Path("s.csv").read_text() == "mine"


def test_photos_in_no_group_and_more_groups_than_shown_are_told(
    fercli: Run, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "photos in no group, because --by does not match their paths: 4" in fercli("summary", results, "--by", "ant-[01]").stdout
    monkeypatch.setattr("fercli.cli.summary._GROUPS_SHOWN", 5)
    assert "the first 5 of 12 groups" in fercli("summary", results, "--by", "path").stdout
