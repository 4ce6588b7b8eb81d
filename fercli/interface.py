"""Four of the commands as functions, for notebooks and scripts; heavy packages load when one is called.

A place is a text or a path. Whatever goes wrong raises a `FercliError`, whose message says what to do; where it names an option of
the command, such as `--overwrite`, the argument here has the same name, `overwrite`.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
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


class Prior(StrEnum):
    """How often each expression is to be expected."""

    trained = "trained"
    even = "even"


class EvaluationSplit(StrEnum):
    """The splits that a model is evaluated on."""

    test = "test"
    validation = "validation"


class OnNoFace(StrEnum):
    """What becomes of a photo in which no face was found."""

    row = "row"
    whole = "whole"
    skip = "skip"


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
    """Read FER2013, or your own faces, write the data set, and return it with what was found on the way.

    `classes`, `leave_out` and `split` are texts as the command takes them; `ferplus` is FER+'s file. The other options are those of
    `preparation.prepare.prepare`. Raises UsageError if `source` is missing, or `output` exists and `overwrite` is not set;
    FercliError for a source that cannot be used.
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
    """Train a network of the registry to the end, in the folder `out` or `runs/<model>`, and return its epochs.

    `recipe` changes values of the registry's recipe, by the names of `Recipe`, such as `epochs=5`. `start` names one or several
    runs, weights files or shipped models: training starts from their weights, or the mean of these. `teacher` names those whose
    predictions are mixed into the targets (knowledge distillation). `on_step` and `on_epoch` are called as training goes on.

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
    split: str = EvaluationSplit.test,
    tta: bool = False,
    prior: str = Prior.trained,
    shifts: bool = False,
) -> "list[Evaluation]":
    """Measure models on a `split` of a data set, `test` or `validation`, and return an evaluation of each.

    Measured are the model called `model`, the one with the `weights` of a run or file, or all that are shipped and all under
    `./runs`. `tta` is test-time augmentation; `prior` is `even` where all expressions are equally frequent, not as in training.
    With `shifts`, models are also measured after changes of the images. Raises UsageError for what is missing, IntegrityError for
    weights or a data set that are not what they should be.
    """
    _refuse_other("split", split, EvaluationSplit)
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
    prior: str = Prior.trained,
    detector: str = "auto",
    largest: bool = False,
    min_face: int = 0,
    min_confidence: float = 0.0,
    on_no_face: str = OnNoFace.row,
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
    """Return a run that, as it is iterated, finds and labels every face in `inputs`: an `Outcome` for each photo or video frame.

    Inputs are photos, videos and folders of them; of a video, a frame is looked at every `every` seconds, or each one if that is 0.
    An outcome has the file's `path`, its `status` (`ok`, `no_face` or `rejected`), and its `faces` from left to right. Each face
    has a `box` in pixels of the upright picture, a `label`, its `confidence`, 0 to 1, and the `probabilities` (7,) in the order of
    `labels.LABELS`. The outcome of a frame also has a `moment` with its `time` in seconds and its number, `frame`, and its faces
    have a `person`. A photo that cannot be read gives an outcome with a `reject`, as does a video after its last readable frame;
    the run goes on with the others.

    The labels come from the registry's `model` (by default `registry.DEFAULT_MODEL`) or from the `weights` of a run or file, with
    `tta` and `prior` as in `evaluate`; `detector` is one of `faces.DETECTORS`. Faces smaller than `min_face` pixels are left out,
    and with `largest` all but the largest of each photo. `on_no_face` says what becomes of a photo without a face: `row` gives it
    an outcome that says so, `whole` takes the whole photo as a face, `skip` leaves it out of the output. Photos of more than
    `max_pixels` are rejected. For results on disk (`output` and the arguments after it) and for errors, see `Run`.
    """
    from fercli.classification.run import Run

    _refuse_other("on_no_face", on_no_face, OnNoFace)
    options = Options(largest, min_face, on_no_face == OnNoFace.whole, max_pixels, every)
    return Run(
        _places(inputs),
        Job(model, _place(weights), tta, _even(prior), detector, options),
        output if output is None or isinstance(output, Output) else Output.parse(str(output)),
        annotate=_place(annotate),
        report=_place(report),
        min_confidence=min_confidence,
        skip_no_face=on_no_face == OnNoFace.skip,
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
    _refuse_other("prior", prior, Prior)
    return prior == Prior.even


def _refuse_other(name: str, value: str, known: type[StrEnum]) -> None:
    if value not in list(known):
        raise UsageError(f"{name} is {value!r}; choose one of {', '.join(known)}.{nearest(value, known)}")
