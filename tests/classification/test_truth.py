from pathlib import Path
from typing import Any

import pytest

from fercli.classification.records import Face, Outcome, Reject, rows
from fercli.classification.truth import compare, read_truth
from fercli.errors import FercliError
from fercli.labels import LABELS
from fercli.photos.geometry import Box, Moment


def face(label: str, side: int = 9, confidence: float = 0.7) -> Face:
    rest = (1 - confidence) / 6
    return Face(Box(0, 0, side, side), None, tuple(confidence if name == label else rest for name in LABELS))


def table(*outcomes: Outcome) -> list[dict[str, Any]]:
    return [row for outcome in outcomes for row in rows(outcome, "compact", 0.5)]


RESULTS = table(
    Outcome(Path("p1/a.jpg"), (face("happy", 9), face("sad", 20), face("fear", 12))),
    Outcome(Path("p2/a.jpg"), (face("angry"),)),
    Outcome(Path("p2/b.jpg")),
    Outcome(Path("p2/c.jpg"), (face("angry", confidence=0.4),)),
    Outcome(Path("p2/d.jpg"), reject=Reject("empty", "it has no bytes")),
    Outcome(Path("v.mp4"), (face("happy"),), moment=Moment(0.0, 0)),
    Outcome(Path("=e.jpg"), (face("neutral"),)),
)


def test_the_largest_face_counts_and_what_cannot_be_compared_is_named() -> None:
    truth = dict.fromkeys(["p1/a.jpg", "p2/a.jpg", "b.jpg", "c.jpg", "d.jpg", "v.mp4", "z.jpg", "=e.jpg"], LABELS.index("sad"))
    compared = compare(truth, RESULTS)
    assert [LABELS[index] for index in compared.found] == ["sad", "angry", "neutral"]
    assert compared.by_hand.tolist() == [LABELS.index("sad")] * 3
    assert compared.several == 1
    assert compared.left == {
        "missing": ["z.jpg"],
        "rejected": ["d.jpg"],
        "no_face": ["b.jpg"],
        "unlabelled": ["c.jpg"],
        "video": ["v.mp4"],
    }


@pytest.mark.parametrize("name", ["p2/a.jpg", "./p2/a.jpg", str(Path("p2/a.jpg").absolute())])
def test_a_photo_is_named_as_in_the_results_or_absolutely(name: str) -> None:
    assert compare({name: 0}, RESULTS).found.tolist() == [0]
    elsewhere = [row | {"path": f"/study/{row['path']}"} for row in RESULTS]
    if not Path(name).is_absolute():
        assert compare({name: 0}, elsewhere).found.tolist() == [0]


def test_a_name_that_may_be_several_photos_is_refused() -> None:
    with pytest.raises(FercliError, match=r"a\.jpg may be p1/a\.jpg or p2/a\.jpg; name the photo by its whole path"):
        compare({"a.jpg": 0}, RESULTS)
    inside = [row | {"path": "a.jpg"} for row in RESULTS[:1]]
    assert compare({"a.jpg": 0}, [*RESULTS, *inside]).found.tolist() == [LABELS.index("happy")]  # it is named as it stands
    with pytest.raises(FercliError, match=r"p2/a\.jpg and .*/a\.jpg are both p2/a\.jpg"):
        compare({"p2/a.jpg": 0, str(Path("p2/a.jpg").absolute()): 1}, RESULTS)


def test_a_photo_of_the_same_name_in_another_folder_is_not_meant() -> None:
    compared = compare({"p3/c.jpg": 0, "p2/a.jpg": 0}, RESULTS)
    assert compared.left["missing"] == ["p3/c.jpg"]


def test_nothing_to_compare_is_an_error() -> None:
    with pytest.raises(FercliError, match=r"such as q\.jpg, is in the results; .* such as =e\.jpg"):
        compare({"q.jpg": 0}, RESULTS)
    for width in ("wide", 10**400):
        with pytest.raises(FercliError, match="Row 1 is not a row of results"):
            compare({"p1/a.jpg": 0}, [RESULTS[0] | {"width": width}])
    with pytest.raises(
        FercliError, match=r"can be compared with the results: not in the results: 1; whose label is left empty: 1\."
    ):
        compare({"p1/a.jpg": 0, "q.jpg": 1}, [RESULTS[0] | {"label": 5}])


def test_hand_labels_are_read_with_synonyms_and_other_columns(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("age;path;label\n9;a.jpg;Happiness\n8;b.jpg;\n7;'=c.jpg;neutral\n")
    assert read_truth(tmp_path / "t.csv") == {"a.jpg": 3, "=c.jpg": 6}
    for text, message in (
        ("path,label\na.jpg,hapy", r"t\.csv, row 1: 'hapy' is not one of the labels; write one of angry, .* Did you mean 'happy'"),
        ("path,label\na.jpg,happy\na.jpg,sad", r"row 2: a\.jpg is named twice"),
        ("path,emotion\na.jpg,happy", r"t\.csv has no column label; give a table with the columns path and label"),
        ("path,label\na.jpg,\n", "labels no photos"),
    ):
        (tmp_path / "t.csv").write_text(text)
        with pytest.raises(FercliError, match=message):
            read_truth(tmp_path / "t.csv")
