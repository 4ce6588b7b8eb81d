import re
from pathlib import Path

import pytest

from fercli.classification.pictures import Spot, shown_time
from fercli.classification.records import Face, Outcome
from fercli.classification.timeline import COLOURS, PERSONS_SHOWN, STEPS, Timeline, legend
from fercli.labels import LABELS
from fercli.photos.geometry import Box, Moment

VIDEO = Path("a.mp4")


def face(person: int, label: str, share: float = 0.94) -> Face:
    rest = (1 - share) / (len(LABELS) - 1)
    return Face(Box(0, 0, 9, 9), None, tuple(share if name == label else rest for name in LABELS), person)


def frame(time: float, *faces: Face) -> Outcome:
    return Outcome(VIDEO, faces, moment=Moment(time, round(time * 10)))


def page(timeline: Timeline, pictures: dict[Spot, str] | None = None) -> str:
    return "\n".join(timeline.lines(pictures or {}))


def top_edge(text: str, label: str, drawing: int = 0) -> list[tuple[float, float]]:
    """Return the points of a label's area that are its upper edge."""
    path = re.findall(f'fill="{COLOURS[label]}" d="([^"]*)"', text)[drawing]
    return [(float(x), float(y)) for x, y in re.findall(r"L([\d.]+) ([\d.]+)", path)]


def test_areas_are_stacked_to_the_full_height() -> None:
    timeline = Timeline(1.0)
    for second in range(10):
        timeline.add(frame(second, face(1, "happy")), 0.0)
    text = page(timeline)
    assert 'viewBox="0 0 10 100"' in text
    assert {y for _, y in top_edge(text, "neutral")[:-1]} == {0.0}
    assert top_edge(text, "angry")[0] == (0.0, 99.0)  # 1 % from the ground
    assert top_edge(text, "happy")[5][1] == pytest.approx(3.0)  # angry, disgust, fear and happy


def test_a_change_is_smoothed_over_two_seconds() -> None:
    timeline = Timeline(1.0)
    for second in range(10):
        timeline.add(frame(second, face(1, "angry" if second < 5 else "neutral", 1.0)), 0.0)
    heights = dict(top_edge(page(timeline), "angry")[1:-2])
    assert [heights[second + 0.5] for second in range(10)] == [0, 0, 0, 0, 33.3, 66.7, 100, 100, 100, 100]


def test_where_a_person_is_not_seen_there_is_a_gap() -> None:
    timeline = Timeline(0.5)
    for number in [*range(8), *range(12, 20)]:
        timeline.add(frame(number / 2, face(1, "sad")), 0.0)
    path = re.findall(f'fill="{COLOURS["sad"]}" d="([^"]*)"', page(timeline))[0]
    assert [int(start) for start in re.findall(r"M(\d+) 100", path)] == [0, 12]
    assert [int(end) for end in re.findall(r"L(\d+) 100Z", path)] == [8, 20]


@pytest.mark.parametrize("every", [0.0, 1.0, 30.0])
def test_two_hours_take_no_more_than_two_minutes(every: float) -> None:
    sizes = {}
    for seconds in (120, 7200):
        timeline = Timeline(every)
        step = every or 0.25
        for number in range(int(seconds / step)):
            timeline.add(frame(number * step, face(1, "happy"), face(2, "sad")), 0.0)
        sizes[seconds] = max(len(person.steps) for person in timeline._persons.values())
        text = page(timeline)
        assert shown_time(seconds) in text
        assert f"{seconds / step:,.0f} faces" in text
    assert max(sizes.values()) <= STEPS


def test_the_most_confident_moment_of_each_label_is_shown_with_its_time() -> None:
    timeline = Timeline(1.0)
    for second, (label, share) in enumerate([("happy", 0.7), ("happy", 0.9), ("sad", 0.8), ("happy", 0.6), ("fear", 0.4)]):
        timeline.add(frame(60 + second, face(1, label, share)), 0.5)
    spots = list(timeline.spots())
    assert [spot.moment and spot.moment.time for spot in spots] == [61, 62]
    text = page(timeline, {spots[0]: "data:,x"})
    assert "1:01 happy 0.90" in text
    assert "1:02 sad 0.80" in text
    assert text.count("<img") == 1
    assert "fear 0.40" not in text  # below the least confidence


def test_persons_seen_longest_are_shown_and_the_others_counted() -> None:
    timeline = Timeline(1.0)
    for second in range(PERSONS_SHOWN + 3):
        timeline.add(frame(second, *(face(person + 1, "happy") for person in range(second + 1))), 0.0)
    text = page(timeline)
    assert re.findall(r"Person (\d+):", text) == [str(number) for number in range(1, PERSONS_SHOWN + 1)]
    assert "3 more were seen for a shorter time" in text


def test_a_video_without_faces_says_so() -> None:
    timeline = Timeline(1.0)
    timeline.add(frame(0.0), 0.0)
    assert "No face was found" in page(timeline)
    assert all(label in legend() for label in LABELS)


def test_times() -> None:
    assert [shown_time(seconds) for seconds in (0, 9.9, 75, 3600, 36_605)] == ["0:00", "0:09", "1:15", "1:00:00", "10:10:05"]
