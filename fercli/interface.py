"""The four commands as functions, for notebooks and scripts; what is heavy loads when one is called.

A place is a text or a path. What goes wrong is a `FercliError`, whose message says what to do; there it names the option of the
command, `--overwrite`, whose argument has the same name here, `overwrite`.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fercli.classification.job import Job, Options, Workers
from fercli.classification.outputs import Output
from fercli.errors import FercliError, UsageError, nearest
from fercli.files import MAX_PIXELS, claimed, refuse_existing, refuse_missing
from fercli.models.registry import DEFAULT_TO_TRAIN
from fercli.remote import place

if TYPE_CHECKING:
    from fercli.classification.run import Run
    from fercli.evaluation.measures import Evaluation
    from fercli.models.history import Epoch
    from fercli.preparation.prepare import Preparation
    from fercli.training.trainer import Step

Place = str | Path
DATA = Path("fer2013.npz")


def prepare(
    source: Place,
    output: Place = DATA,
    *,
    ferplus: Place | None = None,
    classes: str | None = None,
    leave_out: str | Iterable[str] = (),
    split: str | None = None,
    overwrite: bool = False,
    **options: Any,
) -> "Preparation":
    """Read FER2013, or faces of your own, write the data set, and return it with what was found on the way.

    `classes`, `leave_out` and `split` are texts as the command takes them; `ferplus` is FER+'s file. The other options are those of
    `preparation.prepare.prepare`. Raises UsageError for a `source` that is missing, and for an `output` that exists unless
    `overwrite`; FercliError for a source that cannot be used.
    """
    source, output, ferplus = Path(source), Path(output), Path(ferplus) if ferplus else None
    refuse_missing([source], "give FER2013's CSV, an archive that holds it, or a folder of images")
    if ferplus:
        refuse_missing([ferplus], "give FER+'s fer2013new.csv")
    from fercli.preparation.classes import Classes
    from fercli.preparation.splits import parse_shares

    naming = Classes.parse(classes, [leave_out] if isinstance(leave_out, str) else leave_out)
    shares = parse_shares(split) if split else None
    inputs = [source, *([ferplus] if ferplus else [])]
    refuse_existing(output, overwrite=overwrite, inputs=inputs)  # before the seconds that imports take
    from fercli.dataset import save_dataset
    from fercli.preparation.prepare import prepare as make_dataset

    with claimed(output, overwrite=overwrite, inputs=inputs) as opening:
        result = make_dataset(source, ferplus=ferplus, classes=naming, split=shares, **options)
        with opening() as handle:
            save_dataset(result.dataset, handle)
    return result


def train(
    model: str = DEFAULT_TO_TRAIN,
    data: Place = DATA,
    out: Place | None = None,
    *,
    start: Place | Iterable[Place] = (),
    teacher: Place | Iterable[Place] = (),
    resume: bool = False,
    overwrite: bool = False,
    on_step: "Callable[[Step], None]" = lambda _: None,
    on_epoch: "Callable[[Epoch], None]" = lambda _: None,
    **recipe: Any,
) -> "list[Epoch]":
    """Train a network of the registry to the end, into the folder `out` or `runs/<model>`, and return its epochs.

    `recipe` changes values of the registry's, by the names of `Recipe`, such as `epochs=5`. `start` names the runs, files or models
    whose weights, or the mean of them, training begins with, `teacher` those whose answers the targets have a share of. `on_step`
    and `on_epoch` are called as training goes on.

    Raises UsageError for what is missing or does not go together, IntegrityError for a data set or checkpoint that is not what it
    should be, TrainingDiverged for a loss that is not finite.
    """
    from fercli.training.plan import Plan

    plan = Plan(
        model,
        Path(data),
        _place(out),
        start=_places(start),
        teachers=_places(teacher),
        resume=resume,
        overwrite=overwrite,
        **recipe,
    )
    trainer = plan.trainer(on_step)
    for epoch in trainer:
        on_epoch(epoch)
    return trainer.history


def evaluate(
    data: Place = DATA,
    *,
    model: str | None = None,
    weights: Place | None = None,
    split: str = "test",
    tta: bool = False,
    prior: str = "trained",
    shifts: bool = False,
) -> "list[Evaluation]":
    """Measure models on a `split` of a data set, `test` or `validation`, and return what each came to.

    Those are the one called `model`, the one with the `weights` of a run or file, or all that are shipped and all under `./runs`.
    `tta` is test-time augmentation; `prior` is `even` where each expression is as frequent as another, not as in training. With
    `shifts` they are measured after changes of the images, too. Raises UsageError for what is missing, IntegrityError for what is
    not what it should be.
    """
    _refuse_other("split", split, ("test", "validation"))
    even = _even(prior)
    from fercli.dataset import read_dataset
    from fercli.evaluation.candidates import candidates
    from fercli.evaluation.measures import evaluate as measure
    from fercli.models.priors import as_asked

    def refuse(_: str, error: FercliError) -> None:
        raise error

    dataset = read_dataset(Path(data), splits=[split])
    labellers = candidates(model, _place(weights), refuse)
    return [measure(as_asked(labeller, tta=tta, even=even), dataset, split, shifts=shifts) for labeller in labellers]


def classify(
    inputs: Place | Iterable[Place],
    *,
    model: str | None = None,
    weights: Place | None = None,
    tta: bool = False,
    prior: str = "trained",
    detector: str = "auto",
    largest: bool = False,
    min_face: int = 0,
    min_confidence: float = 0.0,
    on_no_face: str = "row",
    max_pixels: int = MAX_PIXELS,
    every: float = 1.0,
    output: Place | Output | None = None,
    annotate: Place | None = None,
    report: Place | None = None,
    strict: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    workers: Workers | None = None,
    ray_address: str | None = None,
    update: bool = False,
    listed: Iterable[Path] = (),
) -> "Run":
    """Return what finds and labels every face in `inputs` as it is iterated: an `Outcome` a photo, and one a video's frame.

    Inputs are photos, videos and folders of them; of a video, a frame is looked at `every` so many seconds, or each if that is 0.
    An outcome has the file's `path`, its `status`, `ok`, `no_face` or `rejected`, and its `faces` from left to right; each face
    has a `box` in pixels of the upright picture, a `label`, its `confidence`, 0 to 1, and the `probabilities` (7,) in the order of
    `labels.LABELS`. That of a frame has a `moment` with its `time` in seconds and its number, `frame`, and its faces a `person`. A
    photo that cannot be read, or a video, after its last frame that could, is an outcome with a `reject`, and the others go on.

    Who labels is the registry's `model` (by default `registry.DEFAULT_MODEL`) or the `weights` of a run or file, with `tta` and
    `prior` as in `evaluate`; `detector` is one of `faces.DETECTORS`. Faces under `min_face` pixels are left out, and with `largest`
    all but one of a photo. `on_no_face` tells what becomes of a photo without any: `whole` takes it as a face, `skip` gives it no
    row. Larger photos than `max_pixels` are rejected. For results on disk, `output` and what follows it, and for errors, see `Run`.
    """
    from fercli.classification.run import Run

    _refuse_other("on_no_face", on_no_face, ("row", "whole", "skip"))
    options = Options(largest, min_face, on_no_face == "whole", max_pixels, every)
    return Run(
        _places(inputs),
        Job(model, _place(weights), tta, _even(prior), detector, options),
        output if output is None or isinstance(output, Output) else Output.parse(str(output)),
        annotate=_place(annotate),
        report=_place(report),
        min_confidence=min_confidence,
        skip_no_face=on_no_face == "skip",
        strict=strict,
        resume=resume,
        overwrite=overwrite,
        workers=workers,
        address=ray_address,
        update=update,
        listed=list(listed),
    )


def _place(where: Place | None) -> Path | None:
    return place(where) if isinstance(where, str) else where


def _places(where: Place | Iterable[Place]) -> list[Path]:
    together = [where] if isinstance(where, (str, Path)) else where
    return [place(item) if isinstance(item, str) else item for item in together]


def _even(prior: str) -> bool:
    _refuse_other("prior", prior, ("trained", "even"))
    return prior == "even"


def _refuse_other(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise UsageError(f"{name} is {value!r}; choose one of {', '.join(known)}.{nearest(value, known)}")
