import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fercli.classification.records import Face, Outcome, Reject, rows
from fercli.classification.summary import summarise
from fercli.errors import FercliError, UsageError
from fercli.labels import LABELS
from fercli.photos.geometry import Box


def face(happy: float) -> Face:
    rest = (1 - happy) / 6
    return Face(Box(0, 0, 9, 9), None, tuple(happy if label == "happy" else rest for label in LABELS))


STUDY = [
    Outcome(Path("p2/w1/a.jpg"), (face(0.9), face(0.9), face(0.9))),
    Outcome(Path("p2/w1/b.jpg"), (face(0.1),)),
    Outcome(Path("p2/w2/c.jpg")),
    Outcome(Path("p10/w1/d.jpg"), (face(0.4),)),
    Outcome(Path("p10/w1/e.jpg"), reject=Reject("empty", "it has no bytes")),
]


def table(outcomes: list[Outcome] = STUDY, min_confidence: float = 0.0) -> Iterator[dict[str, Any]]:
    for outcome in outcomes:
        yield from rows(outcome, "compact", min_confidence)


def test_groups_count_photos_and_faces_and_what_has_none() -> None:
    summary = summarise(table(min_confidence=0.5))
    assert summary.columns == ("folder",)
    counts = [
        (row["folder"], row["photos"], row["faces"], row["no_face"], row["rejected"], row["unlabelled"]) for row in summary.table()
    ]
    assert counts == [("p2/w1", 2, 4, 0, 0, 1), ("p2/w2", 1, 0, 1, 0, 0), ("p10/w1", 2, 1, 0, 1, 1)]
    first, second, _ = summary.table()
    assert (first["share_happy"], first["mean_happy"], first["units"]) == (0.5, 0.5, 2)  # the photo is the unit, not the face
    assert second["share_happy"] is second["mean_happy"] is second["low_happy"] is None
    assert summary.everything.photos == 5


def test_the_interval_takes_a_photo_for_one_draw_however_many_faces_it_has() -> None:
    """Over photos of 0 to 4 faces: Wilson's bounds are where the distance to the mean is t standard errors of a share."""
    generator = np.random.default_rng(1)
    photos = [[float(value) for value in generator.random(generator.integers(0, 5))] for _ in range(40)]
    outcomes = [Outcome(Path(f"{number}.jpg"), tuple(map(face, values))) for number, values in enumerate(photos)]
    (group,) = summarise(table(outcomes)).groups
    mean = group.means[LABELS.index("happy")]
    assert mean.interval
    seen = [np.mean(values) for values in photos if values]
    average = np.mean(seen)
    from scipy import stats

    assert mean.value == pytest.approx(average, abs=1e-4)
    draws = average * (1 - average) / stats.sem(seen) ** 2
    for bound in mean.interval:
        reach = stats.t.ppf(0.975, len(seen) - 1) * math.sqrt(bound * (1 - bound) / draws)
        assert abs(bound - average) == pytest.approx(reach, abs=2e-4)


@pytest.mark.parametrize("values", [(0.0, 0.9), (0.0, 0.0, 0.01), (1.0, 1.0, 0.2), (0.0, 0.0), (0.3, 0.3)])
def test_no_interval_leaves_the_range_from_0_to_1(values: tuple[float, ...]) -> None:
    (group,) = summarise(table([Outcome(Path(f"{number}.jpg"), (face(value),)) for number, value in enumerate(values)])).groups
    mean = group.means[LABELS.index("happy")]
    assert mean.interval
    assert 0 <= mean.interval[0] <= mean.value <= mean.interval[1] <= 1
    assert (mean.interval[0] < mean.interval[1]) == (len(set(values)) > 1)


def test_a_unit_is_averaged_first_and_intervals_are_between_units() -> None:
    """Two participants, the first with 20 photos in two weeks, the second with one: as if each had one photo."""
    photos = [Outcome(Path(f"p1/w{number % 2}/{number}.jpg"), (face(0.8),)) for number in range(20)]
    photos += [Outcome(Path("p2/w1/x.jpg"), (face(0.1), face(0.5))), Outcome(Path("stray.jpg"), (face(0.9),))]
    summary = summarise(table(photos), ["w(?P<week>[0-9])"], r"p(\d)")
    everything, (first, second) = summary.everything, summary.groups
    assert (everything.photos, everything.faces, everything.units, summary.unmatched) == (21, 22, 2, 1)
    assert (first.photos, first.units, second.photos, second.units) == (10, 1, 11, 2)
    assert first.means[3].interval is None
    once = [Outcome(Path("1.jpg"), (face(0.8),)), Outcome(Path("2.jpg"), (face(0.3),))]
    (twice,) = summarise(table(once)).groups
    for group in (second, everything):
        assert group.means[3].value == pytest.approx(0.55)
        assert group.means[3].interval == pytest.approx(twice.means[3].interval, abs=1e-3)
        assert group.shares[3] == 0.75
    with pytest.raises(UsageError, match="--unit q makes no group of these photos, such as p1/"):
        summarise(table(photos), ["folder"], "q")


def test_photos_are_in_no_group_of_persons_or_minutes() -> None:
    photo, *_ = table(STUDY[1:2])
    frames = [photo | {"path": "v.mp4", "time": time, "person": 1} for time in (0, 70)]
    for by, groups in (("person", [("v.mp4", "1")]), ("minute", [("v.mp4", "0"), ("v.mp4", "1")])):
        summary = summarise([photo, *frames], [by])
        assert [group.names for group in summary.groups] == groups
        assert summary.unmatched == 1
        with pytest.raises(UsageError, match=f"--by {by} makes no group .*person or minute .of videos."):
            summarise([photo], [by])


def test_two_columns_of_one_name_are_refused() -> None:
    for by in (["p", "w"], ["folder", "(?P<folder>p)"], ["(?P<photos>p)"]):
        with pytest.raises(UsageError, match="makes a second column"):
            summarise(table(), by)
    assert summarise(table(), ["folder", "folder"]).columns == ("folder",)


def test_copies_of_a_face_within_photos_make_the_interval_no_narrower() -> None:
    def width(copies: int) -> float:
        outcomes = [Outcome(Path(f"{number}.jpg"), (face(number / 10),) * copies) for number in range(10)]
        (group,) = summarise(table(outcomes)).groups
        interval = group.means[3].interval
        assert interval
        return interval[1] - interval[0]

    assert width(20) == pytest.approx(width(1))


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Photos whose faces share a mood: of 200 studies about 95 % hold the true mean; counting faces alone would give far less."""
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        outcomes = []
        for number in range(25):
            mood = generator.normal(0.5, 0.1)
            values = np.clip(mood + generator.normal(0, 0.02, 8), 0, 1)
            outcomes.append(Outcome(Path(f"{number}.jpg"), tuple(face(float(value)) for value in values)))
        (group,) = summarise(table(outcomes)).groups
        low, high = group.means[3].interval or (1.0, 0.0)
        held += low <= 0.5 <= high
    assert 0.91 <= held / 200 <= 0.985


def test_a_single_photo_has_no_interval() -> None:
    (group,) = summarise(table(STUDY[:1])).groups
    assert [mean.interval for mean in group.means] == [None] * 7


def test_by_columns_expressions_and_videos() -> None:
    assert [group.names for group in summarise(table(), ["status"]).groups] == [("no_face",), ("ok",), ("rejected",)]
    named = summarise(table(), [r"(?P<person>p\d+)/w(?P<week>\d)"])
    assert named.columns == ("person", "week")
    assert [group.names for group in named.groups] == [("p2", "1"), ("p2", "2"), ("p10", "1")]
    assert [group.names for group in summarise(table(), [r"w(\d)"]).groups] == [("1",), ("2",)]
    partly = summarise(table(), ["p2"])
    assert ([group.names for group in partly.groups], partly.unmatched, partly.everything.photos) == ([("p2",)], 2, 5)
    video = [
        row | {"path": "v.mp4", "time": time, "person": 1 + (time > 70)}
        for row, time in zip(table(STUDY[:1] * 2), (0, 59.9, 60, 61, 80, 190), strict=True)
    ]
    by_minute = summarise(video, ["minute"])
    assert [(*group.names, group.faces) for group in by_minute.groups] == [("v.mp4", "0", 2), ("v.mp4", "1", 3), ("v.mp4", "3", 1)]
    both = summarise(video, ["person", "minute"])
    assert both.columns == ("path", "person", "minute")
    assert [(*group.names[1:], group.faces) for group in both.groups] == [
        ("1", "0", 2),
        ("1", "1", 2),
        ("2", "1", 1),
        ("2", "3", 1),
    ]


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("other", "makes no group"),
        ("participant", "--by participant makes no group of these photos, such as p2/w1/a.jpg"),
        ("p(", "neither a column nor a regular expression"),
    ],
)
def test_what_makes_no_group_is_refused(by: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        summarise(table(), [by])


def test_results_of_an_older_version_have_no_persons() -> None:
    older = [{name: value for name, value in row.items() if name != "person"} for row in table()]
    with pytest.raises(UsageError, match="needs the column person, which these results do not have"):
        summarise(older, ["person"])


def test_rows_of_no_unit_are_no_unit_of_their_own() -> None:
    sites = {"p2/w1/a.jpg": "a", "p2/w1/b.jpg": "b"}
    rows = [row | {"participant": sites.get(row["path"], "")} for row in table()]
    summary = summarise(rows, ["folder"], "participant")
    assert [(group.names, group.units) for group in summary.groups] == [(("p2/w1",), 2)]
    assert summary.unmatched == 3


def test_labels_corrected_by_hand_count() -> None:
    (row,) = table(STUDY[1:2])
    (group,) = summarise([row | {"label": " Happy"}]).groups
    assert (group.shares[LABELS.index("happy")], group.unlabelled) == (1, 0)
    with pytest.raises(FercliError, match="Row 1 has the label 'hapy'; write one of angry"):
        summarise([row | {"label": "hapy"}])


def test_a_frame_without_a_face_is_no_person() -> None:
    (row,) = table(STUDY[1:2])
    (empty,) = table(STUDY[2:3])
    frames = [row | {"path": "v.mp4", "time": 0.0, "person": 1}, empty | {"path": "v.mp4", "time": 1.0}]
    summary = summarise(frames, ["person"])
    assert [group.names for group in summary.groups] == [("v.mp4", "1")]
    assert summary.everything.status["no_face"] == 1


def test_numbers_of_any_length_are_in_order() -> None:
    (row,) = table(STUDY[1:2])
    names = ["1" * 5000, "x10", "x2", "9", "010"]
    groups = summarise([row | {"path": f"{name}.jpg", "site": name} for name in names], ["site"]).groups
    assert [group.names[0] for group in groups] == ["9", "010", "1" * 5000, "x2", "x10"]


def test_rows_that_are_no_results_are_refused() -> None:
    with pytest.raises(FercliError, match="There are no rows"):
        summarise([])
    with pytest.raises(FercliError, match="must be adjacent"):
        summarise(table([*STUDY, STUDY[0]]))
    for change in ({"happy": "many"}, {"happy": 10**400}, {"happy": "nan"}, {"happy": "1.5"}, {"sad": None}, {"path": None}):
        (row,) = table(STUDY[1:2])
        with pytest.raises(FercliError, match="Row 1 "):
            summarise([row | change])
    (row,) = table(STUDY[1:2])
    with pytest.raises(FercliError, match="Row 1 has no column sad"):
        summarise([{name: value for name, value in row.items() if name != "sad"}])
    for time in ("soon", "nan", "inf", [1]):
        with pytest.raises(FercliError, match="Row 1 is not a row of results"):
            summarise([row | {"time": time}], ["minute"])


def test_promise_18_names_that_are_no_utf_8_are_groups(tmp_path: Path) -> None:
    """As where another program has written the results anew, in its own encoding."""
    (row,) = table(STUDY[1:2])
    (group,) = summarise([row | {"path": "caf\udce9/a.jpg"}]).groups
    assert group.names == (r"caf\xe9",)


def test_columns_that_only_some_rows_have_are_empty_in_others() -> None:
    first, *_, second = table(STUDY[:2])
    groups = summarise([first | {"site": "a"}, second], ["site"]).groups
    assert [group.names for group in groups] == [("",), ("a",)]


def test_a_large_file_is_read_in_bounded_memory(tmp_path: Path) -> None:
    """20,000 photos take 8 bytes each; a list of them would take a hundred times that."""
    import tracemalloc

    row = next(table(STUDY[1:2]))

    def many() -> Iterator[dict[str, Any]]:
        for number in range(20_000):
            yield row | {"path": f"f{number % 3}/{number}.jpg"}

    summarise(table())
    tracemalloc.start()
    summary = summarise(many())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [group.photos for group in summary.groups] == [6_667, 6_667, 6_666]
    assert peak < 1e6
