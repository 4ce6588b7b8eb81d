"""What the tests of each promise did: how many files, kills, faults and flipped bits; told when the tests are done."""

import re
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

Did = Callable[[int, str], None]

_UNIT = "did: "  # marks what `did` notes among a report's properties


def promises_of(name: str) -> list[int]:
    """Return the numbers of the promises that a test is named after: `test_promise_9_and_10_…`, `test_promises_11_and_12_…`."""
    found = re.match(r"test_promises?_((?:\d+_)(?:and_\d+_)*)", name)
    return [int(number) for number in re.findall(r"\d+", found[1])] if found else []


@pytest.fixture
def did(record_property: Callable[[str, object], None]) -> Iterator[Did]:
    """Note that a test did something so many times, such as `did(200, "bits flipped")`; several notes of one thing add up."""
    counts: Counter[str] = Counter()

    def note(count: int, what: str) -> None:
        counts[what] += count

    yield note
    for what, count in counts.items():
        record_property(_UNIT + what, count)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line a promise: how many tests passed and what they did, added up; nothing if none of them ran."""
    tests: Counter[int] = Counter()
    counts: dict[int, Counter[str]] = {}
    for report in terminalreporter.stats.get("passed", []):
        tests.update(promises_of(report.head_line or ""))
    for report in terminalreporter.stats.get("", []):
        if report.when == "teardown":
            for promise in promises_of(report.head_line or ""):
                noted = {key.removeprefix(_UNIT): count for key, count in report.user_properties if key.startswith(_UNIT)}
                counts.setdefault(promise, Counter()).update(noted)
    if not tests:
        return
    terminalreporter.section("promises")
    for promise in sorted(tests):
        done = [f"{count:,} {what}" for what, count in counts.get(promise, Counter()).items()]
        terminalreporter.write_line(f"{promise:3}  {tests[promise]:3} tests passed" + "".join(f", {text}" for text in done))
