"""What speaks against a training, as far as that can be told without Keras, which takes seconds to load."""

from collections.abc import Sequence
from pathlib import Path

from fercli.dataset import Dataset
from fercli.errors import UsageError
from fercli.models.checkpoints import Checkpoint, last_weights, read_checkpoint
from fercli.models.inference import Labels
from fercli.models.lineage import refuse_odd
from fercli.models.recipes import Recipe
from fercli.models.registry import Model
from fercli.models.weights import Weights, read_weights
from fercli.training.run import read_to_resume, refuse_other_run, stored_history
from fercli.training.targets import targets_of
from fercli.training.teachers import check_teachers


def checked(
    model: Model,
    recipe: Recipe,
    dataset: Dataset,
    folder: Path,
    *,
    resume: bool,
    overwrite: bool,
    start: Sequence[Path],
    teachers: Sequence[Labels],
) -> Checkpoint | None:
    """Return the checkpoint to resume from, None for a new run; errors as `Trainer` has them, whose arguments these are."""
    if recipe.augmentation and model.uses_hog:
        raise UsageError(f"{model.name} takes HOG features, which augmentation would not change; drop --erasing.")
    if not (resume or overwrite):
        refuse_other_run(folder)
    checkpoint = read_to_resume(folder) if resume else None
    targets_of(dataset.train, recipe)  # refuses a data set without votes
    if checkpoint:
        stored_history(checkpoint.metadata, origin(model, recipe, dataset), recipe, folder)
        return checkpoint
    check_teachers(teachers, recipe.teacher_share, dataset)
    for path in start:
        read_start(path, model)
    return None


def origin(model: Model, recipe: Recipe, dataset: Dataset) -> dict[str, str | None]:
    """Return what a run must have in common with the one that it resumes, besides the recipe, as stored with its weights."""
    votes = dataset.meta["sha256"]["train_votes"] if recipe.uses_votes else None
    return {"model": model.name, "dataset": dataset.meta["digest"], "votes": votes}


def read_start(path: Path, model: Model) -> Checkpoint | Weights:
    """Return the weights in a file to start from, of a run's checkpoint those that its last epoch left.

    Raises UsageError for weights of another model and for a run without a complete epoch, other errors as from `read_weights`.
    """
    stored = last_weights(read_checkpoint(path)) if path.suffix == ".safetensors" else read_weights(path)
    refuse_odd(stored.metadata, path)
    name = stored.metadata.get("model")
    if name != model.name:
        raise UsageError(f"{path} holds a {name} network, not {model.name}; name weights of {model.name}.")
    if stored.metadata.get("history") == []:
        raise UsageError(f"{path} has no complete epoch yet; go on with that run first (--resume), or name other weights.")
    return stored
