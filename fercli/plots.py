"""Learning curves, accuracy per class, confusion matrices and summaries of results: each a PNG."""

import contextlib
import io
import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fercli.errors import FercliError
from fercli.models.history import Epoch

# matplotlib reads settings from the current folder, whoever's they are, and fails at an odd file; there is none in its own.
_spec = find_spec("matplotlib")
with contextlib.chdir(Path(_spec.origin).parent / "mpl-data") if _spec and _spec.origin else contextlib.nullcontext():
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator


_COLOURS = [color for name in ("tab10", "Set3", "Dark2") for color in matplotlib.color_sequences[name]]
_MARKS = "os^Dv<>P"  # of curves beyond the first ten colours, which are the easiest to tell apart
_HATCHES = ("/////", ".....", "xxxxx")
_GAP = 0.5  # bars' widths between two networks
_TRAINING_VALUES = (
    "Training values are those with dropout and, where the recipe has them, augmentation and soft labels; "
    "the training loss includes the L2 penalty."
)
_DIVERGED = 3  # times the highest loss of most runs


class NotDrawn(FercliError):
    """A figure could not be drawn; everything else is fine."""


@contextlib.contextmanager
def _plainly() -> Iterator[None]:
    """Draw with matplotlib's default settings and `$` as a plain character; raise NotDrawn for whatever goes wrong."""
    settings = {name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith("backend")}
    try:
        with matplotlib.rc_context(settings | {"text.parse_math": False}):  # a run may be called `a$b$`: no formula
            yield
    except (FercliError, MemoryError):
        raise
    except Exception as error:
        raise NotDrawn(f"A figure cannot be drawn ({type(error).__name__}: {error}); install matplotlib again.") from error


def _label(name: str) -> str:
    """Return what to show in a legend, which would leave out names that begin with `_`."""
    return f" {name}" if name.startswith("_") else name


@_plainly()
def plot_curves(histories: Mapping[str, Sequence[Epoch]]) -> bytes:
    """Draw loss and accuracy by epoch, training dashed (or x) and validation solid (or o), in one colour for each model.

    The loss of a diverged run is cut off. Compare the paper's Figure 2. One legend, for both panels, explains colours and lines.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    for number, (name, history) in enumerate(histories.items()):
        epochs = [line.epoch for line in history]
        style: dict[str, Any] = {"color": _COLOURS[number % len(_COLOURS)]}
        mark = _MARKS[number % len(_MARKS)] if number >= 10 else ""
        marks = ("x", "o") if len(history) < 3 else (mark, mark)  # a line of one epoch has no length to see
        loss.plot(epochs, [line.loss for line in history], "--", marker=marks[0], **style)
        loss.plot(epochs, [line.val_loss for line in history], "-", marker=marks[1], **style)
        accuracy.plot(epochs, [100 * line.accuracy for line in history], "--", marker=marks[0], **style)
        accuracy.plot(epochs, [100 * line.val_accuracy for line in history], "-", marker=marks[1], label=_label(name), **style)
    loss.set(xlabel="epoch", ylabel="cross-entropy loss")
    accuracy.set(xlabel="epoch", ylabel="accuracy (%)")
    figure.supxlabel(_TRAINING_VALUES, fontsize=9)
    loss.set_ylim(*_without_diverged(histories.values()))
    for axes in (loss, accuracy):
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    several = all(len(history) > 2 for history in histories.values())
    for name, line, mark in (("training", "--", "x"), ("validation", "-", "o")):
        accuracy.plot([], [], f"k{line}", marker="" if several else mark, label=name)
    figure.legend(loc="outside right upper")
    return _png(figure)


def _without_diverged(histories: Iterable[Sequence[Epoch]]) -> tuple[float | None, float | None]:
    """Return the limits of the axis of losses, so that one run's huge loss does not flatten the others; None for no limit."""
    highest = sorted(
        max(finite)
        for history in histories
        if (finite := [loss for line in history for loss in (line.loss, line.val_loss) if math.isfinite(loss)])
    )
    usual = highest[(len(highest) - 1) // 2] if highest else 0.0
    return (0, 1.2 * usual) if highest and highest[-1] > _DIVERGED * usual else (None, None)


@_plainly()
def plot_per_class(
    title: str,
    networks: Sequence[Mapping[str, Sequence[float | None]]],
    labels: Sequence[str],
    published: Collection[str] = (),
) -> bytes:
    """Draw bars of accuracy per class, 0 to 1: a group for each label, in it the columns of each network side by side.

    The columns named in `published`, which were not measured here, are hatched, each with its own hatch, in the colour of their
    network's first column; all others have a colour of their own. A class without images has no bar. Compare the paper's Table 1.
    """
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    axes = figure.subplots()
    width = 0.85 / (sum(map(len, networks)) + _GAP * (len(networks) - 1))
    left, colours = -0.425, itertools.cycle(_COLOURS)
    for columns in networks:
        first, hatches = None, itertools.cycle(_HATCHES)
        for name, shares in columns.items():
            known = first is not None and name in published
            colour = first if known else next(colours)
            first = first or colour
            style: dict[str, Any] = {"color": colour, "hatch": next(hatches) if name in published else "", "edgecolor": "white"}
            places = [position + left + width / 2 for position in range(len(labels))]
            axes.bar(places, [100 * (share or 0.0) for share in shares], width * 0.9, linewidth=0, label=_label(name), **style)
            left += width
        left += _GAP * width
    axes.set_xticks(range(len(labels)), labels)
    axes.set(ylabel="accuracy (%)", ylim=(0, 100), title=title)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return _png(figure)


@_plainly()
def plot_confusion(title: str, confusion: Sequence[Sequence[int]], labels: Sequence[str]) -> bytes:
    """Draw a confusion matrix (true by row, predicted by column), row percentages and counts (compare the paper's Figures 3, 4)."""
    figure = Figure(figsize=(6.5, 6), layout="constrained")
    axes = figure.subplots()
    shares = [[100 * count / (sum(row) or 1) for count in row] for row in confusion]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    for row, counts in enumerate(confusion):
        for column, count in enumerate(counts):
            share = shares[row][column]
            color = "white" if share > 50 else "black"
            text = f"{share:.0f} %\n{count}" if any(counts) else "–"
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=9)
    positions = range(len(labels))
    axes.set_xticks(positions, labels, rotation=45, ha="right")
    axes.set_yticks(positions, labels)
    axes.set(xlabel="predicted", ylabel="true", title=title)
    return _png(figure)


@_plainly()
def plot_reliability(title: str, bins: Sequence[tuple[float, float, float]]) -> bytes:
    """Draw accuracy by confidence, 0 to 1, as `calibration.reliability` returns them; a point's area shows its share of images."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 100], [0, 100], "--", color="gray", label="perfectly calibrated")
    points = ([100 * value for value in values] for values in zip(*bins, strict=True))
    confidence, accuracy, shares = points
    axes.plot(confidence, accuracy, color="C0")
    areas = [10 + 10 * share for share in shares]
    axes.scatter(confidence, accuracy, areas, color="C0", clip_on=False, label="measured (area: share of images)")
    axes.set(xlabel="confidence (%)", ylabel="accuracy (%)", xlim=(0, 100), ylim=(0, 100), title=title, aspect="equal")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")
    return _png(figure)


@_plainly()
def plot_means(
    groups: Mapping[str, Sequence[tuple[float, tuple[float, float] | None]]], labels: Sequence[str], grouped_by: str
) -> bytes:
    """Draw mean probabilities, 0 to 1, with intervals: a panel for each label on one scale, a point for each group."""
    figure = Figure(figsize=(10, max(3.0, 1.2 + 0.28 * len(groups))), layout="constrained")
    panels = figure.subplots(1, len(labels), sharex=True, sharey=True, squeeze=False)[0]
    for number, (panel, label) in enumerate(zip(panels, labels, strict=True)):
        for position, means in enumerate(groups.values()):
            mean, interval = means[number]
            if interval:
                panel.plot([100 * bound for bound in interval], [position] * 2, color="C0", alpha=0.6)
            panel.plot(100 * mean, position, "o", color="C0", markersize=5, clip_on=False)  # a dot at 0 is a whole one
        panel.set(title=label)
        panel.grid(alpha=0.3)
    panels[0].set_xlim(0, None)  # once all values are there, for it ends the search for a scale that fits them
    panels[0].set_yticks(range(len(groups)), [name[-40:] for name in groups])
    panels[0].invert_yaxis()
    intervals = any(interval for means in groups.values() for _, interval in means)
    figure.supylabel(grouped_by)
    figure.supxlabel(f"mean probability (%){', with its 95 % interval' if intervals else ''}")
    return _png(figure)


def _png(figure: Figure) -> bytes:
    FigureCanvasAgg(figure)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=110, metadata={"Software": None})
    return data.getvalue()
