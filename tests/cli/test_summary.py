import csv
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from PIL import Image

from fercli.cli.summary import _short
from fercli.labels import LABELS
from fercli.plots import NotDrawn
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
        (("--by", "nobody"), "makes no group"),
    ):
        ran = fercli("summary", results, *arguments)
        assert ran.code == 2
        assert message in ran.talk
    assert Path("s.csv").read_text() == "mine"


def test_photos_in_no_group_and_more_groups_than_shown_are_told(
    fercli: Run, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "photos that --by or --unit does not fit, left out of the groups: 4"
    assert told in fercli("summary", results, "--by", "ant-[01]").stdout
    monkeypatch.setattr("fercli.cli.summary._GROUPS_SHOWN", 5)
    assert "the first 5 of 12 groups" in fercli("summary", results, "--by", "path").stdout


def test_shares_and_faces_without_a_label_are_on_the_screen(fercli: Run, results: Path) -> None:
    assert fercli("classify", "study", "-o", "sure.csv", "--detector", "none", "--min-confidence", "0.8").code == 0
    ran = fercli("summary", "sure.csv", "--by", r"participant-(?P<participant>\d)")
    counts, shares = ran.stdout.split("Mean probability")[0], ran.stdout.split("Share of each label, %")[1]
    assert [line.split() for line in counts.splitlines() if "all" in line] == [["all", "12", "0", "0", "12", "12"]]
    assert [line.split() for line in shares.splitlines() if "all" in line] == [["all", *["0.0"] * 7]]


def test_intervals_on_the_screen_stay_within_0_and_100(fercli: Run, results: Path) -> None:
    ran = fercli("summary", results, "--unit", r"participant-(\d)", "--by", "status")
    assert r"n: units (participant-(\d)) with faces" in ran.stdout
    (line,) = [line for line in ran.stdout.split("Mean probability")[1].split("Share")[0].splitlines() if "ok" in line]
    assert line.split()[1] == "3"
    bounds = [int(bound) for pair in re.findall(r"(\d+)–(\d+)", ran.stdout) for bound in pair]
    assert len(bounds) == 14
    assert all(0 <= bound <= 100 for bound in bounds)


def test_names_are_cut_only_as_far_as_they_stay_different() -> None:
    paths = [f"study/condition_{letter}/participant/week/img_01.jpg" for letter in "ab"]
    assert len(set(_short([[path] for path in paths]))) == 2
    assert _short([[".", "interview-with-a-long-name.mp4", "1"]])[0] == "., intervie…name.mp4, 1"
    assert _short([["a"], ["a\nb"]]) == ["a", "a\\nb"]
    assert _short([["", "1"], ["2", "1"]]) == ["(empty), 1", "2, 1"]


def test_labels_by_hand_are_compared_with_the_results(fercli: Run, results: Path) -> None:
    """The fake network says 0 to 1 is angry, 2 and 3 disgust, and so on, by brightness; one of twelve is told otherwise."""
    with results.open(newline="") as handle:
        found = {row["path"]: row["label"] for row in csv.DictReader(handle)}
    truth = found | {"study/participant-0-with-a-long-name/0.png": "sad", "gone.png": "happy"}
    Path("truth.csv").write_text("".join(f"{path},{label}\n" for path, label in {"path": "label", **truth}.items()))
    ran = fercli("summary", results, "--truth", "truth.csv", "-o", "t.xlsx")
    assert ran.code == 0
    assert re.search(r"photos compared +12 *\n", ran.stdout)
    assert re.search(r"same label, % +91\.7 *\n", ran.stdout)
    assert "not in the results: 1 (gone.png)" in ran.stdout
    assert "by hand \\ results" in ran.stdout
    header, *lines = openpyxl.load_workbook("t.xlsx").active.values
    rows = {line[0]: dict(zip(header, line, strict=True)) for line in lines}
    assert [*rows] == [*LABELS, "all"]
    assert (rows["sad"]["labelled_angry"], rows["sad"]["recall"], rows["angry"]["recall"]) == (1, 0.6667, 1)
    assert (rows["all"]["by_hand"], rows["all"]["agreement"], rows["all"]["missing"]) == (12, 0.9167, 1)
    assert rows["all"]["low"] < 0.9167 < rows["all"]["high"]
    assert 0 < rows["all"]["kappa"] < 0.9167
    for arguments in (("--by", "folder"), ("--unit", "folder"), ("--plot", "s.png")):
        refused = fercli("summary", results, "--truth", "truth.csv", *arguments)
        assert refused.code == 2
        assert "drop --by, --unit and --plot" in refused.talk
    assert "is also an input" in fercli("summary", results, "--truth", "truth.csv", "-o", "truth.csv", "--overwrite").talk


def test_promise_9_the_table_does_not_appear_without_the_figure(
    fercli: Run, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise NotDrawn("A figure cannot be drawn.")

    monkeypatch.setattr("fercli.plots.plot_means", fail)
    before = set(results.parent.rglob("*"))
    assert fercli("summary", results, "-o", "s.csv", "--plot", "s.png").code == 1
    assert set(results.parent.rglob("*")) == before
