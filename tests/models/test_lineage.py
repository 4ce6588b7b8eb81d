import json
from typing import Any

from fercli.models.lineage import begun_with, datasets_seen, lineage, told_once


def test_the_lineage_has_each_run_once_after_those_that_it_began_with() -> None:
    first = {"sha256": "d1", "dataset": "abc", "start": None}  # as older versions wrote it
    second = {"sha256": "d2", "dataset": "xyz", "start": first}
    third = {"sha256": "d3", "start": [second]}
    for starts in ([first, third], [third, first], [first, first, third]):
        metadata = {"dataset": "abc", "start": starts}
        assert begun_with(metadata) == starts
        assert lineage(metadata) == [first, second, third, metadata]
        assert datasets_seen(metadata) == {"abc", "xyz", "unknown"}
    assert lineage({"dataset": "abc"}) == [{"dataset": "abc"}]


def test_a_shared_ancestor_is_told_of_once() -> None:
    first: dict[str, Any] = {"sha256": "d1", "dataset": "abc"}
    second, third = (first | {"sha256": name, "start": [first]} for name in ("d2", "d3"))
    fourth = first | {"sha256": "d4", "start": [second, third]}
    starts = [third, fourth, second]
    once = told_once(starts)
    assert json.dumps(once).count("abc") == 4
    assert [start["sha256"] for start in once] == ["d3", "d4", "d2"]
    told, twice = ([run["sha256"] for run in lineage({"start": each})[:-1]] for each in (once, starts))
    assert told == twice == ["d1", "d3", "d2", "d4"]
    assert datasets_seen({"dataset": "abc", "start": once}) == {"abc"}
    assert told_once(once) == once
