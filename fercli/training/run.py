"""The files of a run: the checkpoint to resume from, the weights of the best epoch, history, learning curves and metrics."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fercli.errors import IntegrityError, UsageError
from fercli.files import Kind, kind_of
from fercli.models.checkpoints import CHECKPOINT, Checkpoint, read_checkpoint
from fercli.models.history import Epoch, write_lines
from fercli.models.inference import RUN_HISTORY, RUN_WEIGHTS
from fercli.models.recipes import Recipe, known_recipe
from fercli.plots import NotDrawn, plot_curves
from fercli.writing import write_atomically, write_json

CURVES = "curves.png"
METRICS = "metrics.json"


def best_of(history: Sequence[Epoch]) -> Epoch:
    """Return the epoch with the highest validation accuracy, the earliest of equals; its weights are the ones kept."""
    return max(history, key=lambda epoch: epoch.val_accuracy)


def holds_run(folder: Path) -> bool:
    """Return whether the folder holds a run, or a part of one."""
    return any(kind_of(folder / name) is not Kind.MISSING for name in (CHECKPOINT, RUN_WEIGHTS, RUN_HISTORY, CURVES, METRICS))


def refuse_other_run(folder: Path) -> None:
    """Raise UsageError if the folder holds a run."""
    if holds_run(folder):
        raise UsageError(f"{folder} holds a run already; add --resume to go on, --overwrite to start again, or another --out.")


def read_to_resume(folder: Path) -> Checkpoint:
    """Return the checkpoint of the run in `folder`; UsageError if there is none, others as in `read_checkpoint`."""
    path = folder / CHECKPOINT
    if not path.exists():
        raise UsageError(f"{path} does not exist, so there is nothing to resume; drop --resume.")
    return read_checkpoint(path)


def stored_recipe(folder: Path) -> Recipe:
    """Return the recipe of the run in `folder`, so that `--resume` need not repeat it; errors as in `read_to_resume`."""
    return known_recipe(read_to_resume(folder).metadata, folder / CHECKPOINT)


def stored_history(stored: dict[str, Any], now: dict[str, Any], recipe: Recipe, folder: Path) -> list[Epoch]:
    """Return the epochs in the metadata `stored` with the checkpoint in `folder`, if it comes from such a run as `now` describes.

    Raises IntegrityError if it comes from another model, data set or votes, or has no epochs; UsageError for another recipe.
    """
    path = folder / CHECKPOINT
    if stored.get("model") != now["model"]:
        was = stored.get("model")
        raise IntegrityError(
            f"{path} is from a run of {was}, not {now['model']}; add --model {was}, or start again with --overwrite."
        )
    if stored.get("dataset") != now["dataset"]:
        raise IntegrityError(
            f"{path} is from a run on another data set; name that one with --data, or start again with --overwrite."
        )
    if stored.get("votes") != now["votes"]:
        raise IntegrityError(f"{path} was trained with different FER+ votes; prepare the data set with the same FER+ file.")
    before = asdict(known_recipe(stored, path))
    changed = [name for name, value in asdict(recipe).items() if before[name] != value]
    if changed:
        was = ", ".join(f"{name} {before[name]}" for name in changed)
        raise UsageError(
            f"{path} was trained with {was}; resume with the same values, start again with --overwrite, "
            "or start from its weights in another folder with --start."
        )
    try:
        history = [Epoch(**line) for line in stored["history"]]
        if not all(isinstance(value, int | float) for epoch in history for value in asdict(epoch).values()):
            raise TypeError("an epoch has other than numbers")
        return history
    except (KeyError, TypeError) as error:
        raise IntegrityError(f"{path} holds no history that can be read ({error}); start again with --overwrite.") from error


def write_report(folder: Path, history: Sequence[Epoch], metadata: dict[str, Any]) -> str:
    """Write the history, its curves and the metrics: the `metadata` stored with the weights, and how far the run has come.

    Curves that cannot be drawn do not end hours of training: return the reason, or an empty text.
    """
    write_lines(Epoch, history, folder / RUN_HISTORY)
    not_drawn = ""
    try:
        write_atomically(folder / CURVES, plot_curves({metadata["model"]: history}))
    except NotDrawn as error:
        not_drawn = str(error)
    summary = metadata | {"epochs_done": len(history), "seconds": round(sum(epoch.seconds for epoch in history), 1)}
    write_json(folder / METRICS, summary)
    return not_drawn
