"""A training before it begins: whatever can be checked without Keras, which takes seconds to load, is checked here."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fercli.dataset import read_dataset
from fercli.errors import UsageError
from fercli.files import Kind, kind_of
from fercli.models.inference import RUNS, start_weights
from fercli.models.recipes import with_options
from fercli.models.registry import find_model
from fercli.surroundings import quiet_import, refuse_backend
from fercli.training.checks import checked
from fercli.training.run import refuse_other_run, stored_recipe
from fercli.training.teachers import teacher_from

if TYPE_CHECKING:
    from fercli.training.trainer import Step, Trainer

TEACHER_SHARE = 0.5  # of the targets, where teachers are named without a share


class Plan:
    """What is to be trained: the model `name`, on the data set at `data`, in the `folder` of the run, from `start`, by `teachers`.

    The recipe is the registry's or, to `resume`, the run's own, with `options` as `with_options` takes them. `start` and `teachers`
    name runs, weights files, or shipped models. Raises UsageError for what is missing or does not go together, and whatever
    `read_dataset`, `stored_recipe`, `teacher_from` and `checked` raise.
    """

    def __init__(
        self,
        name: str,
        data: Path,
        folder: Path | None = None,
        *,
        start: Sequence[Path] = (),
        teachers: Sequence[Path] = (),
        resume: bool = False,
        overwrite: bool = False,
        **options: Any,
    ) -> None:
        refuse_backend()
        self.model = find_model(name)
        self.folder = folder or RUNS / self.model.name
        if kind_of(self.folder) not in {Kind.FOLDER, Kind.MISSING}:
            raise UsageError(f"{self.folder} is not a folder; name another with --out.")
        if resume and start:
            raise UsageError("--resume continues with the run's own weights; drop --start.")
        if resume and teachers:
            raise UsageError("--resume continues with the predictions of the run's own teachers; drop --teacher.")
        if not (resume or overwrite):
            refuse_other_run(self.folder)  # before the seconds in which a data set is read
        recipe = stored_recipe(self.folder) if resume else self.model.recipe
        self.dataset = read_dataset(data, hog=self.model.uses_hog, splits=("train", "validation"))
        self.start = [start_weights(path).path for path in start]
        self.teachers = [teacher_from(path) for path in teachers]
        if teachers and options.get("teacher_share") is None:
            options["teacher_share"] = recipe.teacher_share or TEACHER_SHARE
        self.recipe = with_options(recipe, **options)
        self._resume, self._overwrite = resume, overwrite
        checked(
            self.model,
            self.recipe,
            self.dataset,
            self.folder,
            resume=resume,
            overwrite=overwrite,
            start=self.start,
            teachers=self.teachers,
        )

    def trainer(self, on_step: "Callable[[Step], None]" = lambda _: None) -> "Trainer":
        """Return what trains as planned and calls `on_step` after each step; errors as from `Trainer`."""
        with quiet_import():
            from fercli.training.trainer import Trainer

        return Trainer(
            self.model,
            self.recipe,
            self.dataset,
            self.folder,
            resume=self._resume,
            overwrite=self._overwrite,
            start=self.start,
            teachers=self.teachers,
            on_step=on_step,
        )
