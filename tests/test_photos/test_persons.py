from collections.abc import Sequence

import pytest

from fercli.photos.geometry import Box
from fercli.photos.persons import Persons


def face(x: float, y: float = 100, side: int = 50) -> Box:
    return Box(round(x), round(y), side, side)


def numbered(frames: Sequence[Sequence[Box]], step: float = 0.1) -> list[list[int]]:
    persons = Persons()
    return [persons.at(number * step, faces) for number, faces in enumerate(frames)]


def test_two_walk_side_by_side_and_keep_their_numbers_though_the_order_from_left_to_right_changes() -> None:
    left_to_right = [sorted([face(100 + 10 * step, 100), face(300, 300)], key=lambda box: box.x) for step in range(30)]
    found = numbered(left_to_right)
    assert found[0] == [1, 2]
    assert found[-1] == [2, 1]


def test_a_newcomer_has_the_next_number_and_none_comes_twice() -> None:
    assert numbered([[face(100)], [face(100), face(400)], [face(400)], [face(400), face(700)]]) == [[1], [1, 2], [2], [2, 3]]


@pytest.mark.parametrize(("unseen", "person"), [(1.9, 1), (2.0, 2), (5.0, 2)])
def test_a_gap_of_two_seconds_ends_a_person(unseen: float, person: int) -> None:
    persons = Persons()
    assert persons.at(0.0, [face(100)]) == [1]
    assert persons.at(0.5, []) == []
    assert persons.at(unseen, [face(100)]) == [person]


def test_frames_far_apart_still_follow_each_other() -> None:
    assert numbered([[face(100)], [face(105)], [face(95)]], step=10.0) == [[1], [1], [1]]


@pytest.mark.parametrize(("second", "person"), [(face(170), 1), (face(180), 2), (face(50, 50, 150), 1), (face(0, 0, 250), 2)])
def test_near_and_of_like_size_is_the_same_person(second: Box, person: int) -> None:
    assert numbered([[face(100)], [second]]) == [[1], [person]]


def test_the_nearest_pair_goes_together_first() -> None:
    assert numbered([[face(100), face(140)], [face(138), face(190)]]) == [[1, 2], [2, 3]]


def test_those_who_left_are_forgotten() -> None:
    persons = Persons()
    for number in range(1000):
        persons.at(number * 3.0, [face(1000 * (number % 2))])
    assert len(persons._seen) <= 2
