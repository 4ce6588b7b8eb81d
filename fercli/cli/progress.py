"""Progress: a bar on a terminal, a line now and then elsewhere. Apart from `console`, which need not wait for rich.progress."""

import contextlib
import threading
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task
from rich.text import Text

from fercli.cli.beside import beside
from fercli.cli.meter import Meter

EVERY = 30.0  # seconds between lines, where there is no terminal
_BAR_WIDTH = 8  # characters: the line beside it has to fit a terminal of 80


class _BarMeter(Meter):
    def __init__(self, unit: str, bars: Progress) -> None:
        super().__init__(unit)
        self._bars = bars
        self._task = bars.add_task("", total=None)

    def update(self, done: int, *, total: int | None = None, known: int = 0, note: str = "", unit: str | None = None) -> None:
        super().update(done, total=total, known=known, note=note, unit=unit)
        self._bars.update(self._task, completed=self.done, total=self.total)


class _MeterColumn(ProgressColumn):
    meter: Meter | None = None

    def render(self, task: Task) -> Text:
        return Text(
            self.meter.text() if self.meter and (self.meter.done or self.meter.total) else "", no_wrap=True, overflow="ellipsis"
        )


@contextlib.contextmanager
def metered(console: Console, unit: str, say: Callable[[str], None], *, hidden: bool) -> Iterator[Meter]:
    """Show how far the block is: by a bar, which disappears at the end, or, without a terminal, by a line every half minute."""
    if hidden:
        yield Meter(unit)
    elif console.is_terminal and not console.is_dumb_terminal:
        column = _MeterColumn()
        with Progress(SpinnerColumn(), BarColumn(_BAR_WIDTH), column, console=console, transient=True) as bars:
            column.meter = _BarMeter(unit, bars)
            yield column.meter
    else:
        meter = Meter(unit)

        def say_now_and_then(ended: threading.Event) -> None:
            while not ended.wait(EVERY):
                say(meter.text())

        with beside(say_now_and_then):
            yield meter
