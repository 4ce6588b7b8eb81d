import io
import re
import time
from collections.abc import Callable

import pytest
from rich.console import Console

from fercli.cli import progress
from fercli.cli.meter import Meter
from fercli.cli.progress import metered


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_rate_is_that_of_the_last_half_minute_and_the_time_left_of_the_whole_run() -> None:
    clock = Clock()
    meter = Meter("photos", clock)
    assert meter.text() == "0 photos"
    meter.update(64, total=10_000)
    assert meter.text() == "64 of 10,000 photos"  # a first batch at once is no rate
    for second in range(1, 101):
        clock.now = float(second)
        meter.update(64 + 10 * second if second <= 60 else 664 + 2 * (second - 60))
    assert meter.rate() == pytest.approx(2, abs=0.01)
    assert meter.seconds_left() == pytest.approx((10_000 - 744) / 6.8)
    assert meter.text() == "744 of 10,000 photos, 2.0/s, 0:22:41 left"


@pytest.mark.parametrize(("done", "shown"), [(60_000, "1,000/s"), (300, "5.0/s"), (20, "20.0/min")])
def test_slow_rates_are_told_by_the_minute(done: int, shown: str) -> None:
    clock = Clock()
    meter = Meter("photos", clock)
    meter.update(0)
    clock.now = 60.0
    meter.update(done)
    assert shown in meter.text()


def test_what_comes_in_batches_has_the_rate_of_whole_batches_and_none_before_the_second() -> None:
    clock = Clock()
    meter = Meter("images", clock)
    meter.expect(2048)
    clock.now = 70.0
    meter.update(512, note="at compact")
    clock.now = 100.0
    assert meter.text() == "512 of 2,048 images, at compact"
    clock.now = 146.0
    meter.update(1024)
    lines = set()
    for clock.now in (146.0, 160.0, 190.0, 221.0):
        lines.add(meter.text())
    assert lines == {"1,024 of 2,048 images, 6.7/s, 0:02:32 left"}
    clock.now = 230.0
    assert meter.text() == "1,024 of 2,048 images, 0:02:32 left"  # the next batch is late: nobody knows how fast it is


def test_the_last_line_has_the_rate_of_the_whole_and_no_time_left() -> None:
    clock = Clock()
    meter = Meter("rows", clock)
    meter.update(0)
    for second in range(1, 101):
        clock.now = float(second)
        meter.update(10 * second, total=1000)
    clock.now = 128.0
    assert meter.text() == "1,000 of 1,000 rows, 10/s"
    meter = Meter("images", clock)
    meter.update(60, total=60, note="at compact")
    clock.now += 20
    assert meter.text() == "60 of 60 images, at compact"


def test_a_stage_of_unknown_length_that_ended_keeps_its_rate_for_a_while() -> None:
    clock = Clock()
    meter = Meter("rows", clock)
    for second in range(101):
        clock.now = float(second)
        meter.update(300 * second)
    clock.now = 125.0
    assert meter.text() == "30,000 rows, 300/s"
    clock.now = 140.0
    assert meter.text() == "30,000 rows"


def test_what_was_known_is_done_but_in_no_rate() -> None:
    clock = Clock()
    meter = Meter("photos", clock)
    meter.update(1, total=1000, known=1)
    clock.now = 10.0
    meter.update(900, known=890, note="9 faces")
    assert meter.text() == "900 of 1,000 photos, 1.0/s, 0:01:40 left, 9 faces"


def test_another_unit_begins_another_count() -> None:
    clock = Clock()
    meter = Meter("rows", clock)
    meter.update(500)
    clock.now = 100.0
    meter.update(0, total=100, unit="images")
    clock.now = 110.0
    meter.update(50, total=100, unit="images")
    assert meter.text() == "50 of 100 images, 5.0/s, 0:00:10 left"


def test_without_a_terminal_lines_are_said_and_when_quiet_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.02)

    def said(*, hidden: bool) -> list[str]:
        lines: list[str] = []
        say: Callable[[str], None] = lines.append
        with metered(Console(file=io.StringIO()), "photos", say, hidden=hidden) as meter:
            meter.update(7, total=9, note="3 faces")
            limit = time.monotonic() + 5
            while len(lines) < 2 and not hidden and time.monotonic() < limit:
                time.sleep(0.01)
            time.sleep(0.06)
        return lines

    assert said(hidden=True) == []
    assert set(said(hidden=False)) == {"7 of 9 photos, 3 faces"}


def test_a_line_fits_a_terminal_of_80_columns() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, color_system=None)
    with metered(console, "photos", print, hidden=False) as meter:
        meter.update(1_234_567, total=2_000_000, note="1,300,000 faces, 12,000 rejected")
        time.sleep(0.3)
    shown = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", screen.getvalue())
    assert "1,234,567 of 2,000,000 photos" in shown
    assert max(map(len, re.split(r"[\r\n]+", shown))) <= 80
