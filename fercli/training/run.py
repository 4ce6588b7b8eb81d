"""The files of a run."""

from pathlib import Path

from fercli.errors import UsageError
from fercli.models.checkpoints import Checkpoint, read_checkpoint
from fercli.models.recipes import Recipe, known_recipe

CHECKPOINT = "checkpoint.safetensors"


def stored_recipe(folder: Path) -> Recipe:
    """Return the recipe of the run in `folder`, so that `--resume` need not repeat it; errors as in `read_checkpoint`."""
    return known_recipe(read_to_resume(folder).metadata, folder / CHECKPOINT)


def read_to_resume(folder: Path) -> Checkpoint:
    """Return the checkpoint of the run in `folder`; UsageError if there is none, others as in `read_checkpoint`."""
    path = folder / CHECKPOINT
    if not path.exists():
        raise UsageError(f"{path} does not exist, so there is nothing to resume; leave --resume away.")
    return read_checkpoint(path)
