"""Learning curves and confusion matrices as PNG."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fercli.files import write_atomically


class Measured(Protocol):
    """An epoch's line: accuracies from 0 to 1, losses."""

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float


def plot_curves(histories: Mapping[str, Sequence[Any]], path: Path) -> None:
    """Draw loss and accuracy by epoch, training dashed and validation solid, one colour a model (compare the paper's Figure 2)."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    for number, (name, history) in enumerate(histories.items()):
        epochs = [line.epoch for line in history]
        marker = "." if len(history) < 3 else ""
        style: dict[str, Any] = {"color": f"C{number}", "marker": marker}
        loss.plot(epochs, [line.loss for line in history], "--", **style)
        loss.plot(epochs, [line.val_loss for line in history], "-", **style)
        accuracy.plot(epochs, [100 * line.accuracy for line in history], "--", **style)
        accuracy.plot(epochs, [100 * line.val_accuracy for line in history], "-", label=name, **style)
    loss.set(xlabel="epoch", ylabel="cross-entropy loss, with L2")
    accuracy.set(xlabel="epoch", ylabel="accuracy (%)")
    for axes in (loss, accuracy):
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    loss.plot([], [], "k--", label="training")
    loss.plot([], [], "k-", label="validation")
    loss.legend()
    accuracy.legend()
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=110, metadata={"Software": None})
    write_atomically(path, data.getvalue())
