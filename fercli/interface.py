"""The commands, but for `models`, as functions, for notebooks and scripts; heavy packages load when one is called.

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
from fercli.files import MAX_PIXELS, refuse_existing, refuse_missing, refuse_other_endings
from fercli.models.registry import DEFAULT_TO_TRAIN
from fercli.remote import local, place
from fercli.writing import together

if TYPE_CHECKING:
    from fercli.classification.run import Run
    from fercli.classification.summary import Summary
    from fercli.evaluation.measures import Evaluation
    from fercli.models.history import Epoch
    from fercli.preparation.prepare import OnProgress, Preparation
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


class Engine(StrEnum):
    """Where photos are labelled."""

    local = "local"
    ray = "ray"


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
    flips: bool = True,
    hog: bool = True,
    drop_leaked: bool = False,
    classes: str | None = None,
    leave_out: str | Iterable[str] = (),
    split: str | None = None,
    person: str | None = None,
    validation_share: float = 0.1,
    seed: int = 0,
    strict: bool = False,
    overwrite: bool = False,
    processes: int = 1,
    on_progress: "OnProgress | None" = None,
) -> "Preparation":
    """Read FER2013, or your own faces, write the data set, and return it with what was found on the way.

    The options are those of the command; `classes`, `leave_out`, `split` and `person` are texts as it takes them. HOG is computed
    in `processes` processes; with more than one, a script needs `if __name__ == "__main__"`. `on_progress` receives a stage's name,
    the work done, and its total, None if that is not known yet. Raises UsageError if `source` is missing, or `output` exists and
    `overwrite` is not set; FercliError for a source that cannot be used, for any reject if `strict`, and for more than 1 % of
    rejects.
    """
    source, output, ferplus = local(source), local(output), local(ferplus) if ferplus else None
    refuse_missing([source], "give FER2013's CSV, an archive that holds it, or a folder of images")
    if ferplus:
        refuse_missing([ferplus], "give FER+'s fer2013new.csv")
    if seed < 0:
        raise UsageError(f"seed cannot be {seed}; give a whole number of at least 0.")
    from fercli.preparation.classes import Classes
    from fercli.preparation.splits import parse_shares

    naming = Classes.parse(classes, [leave_out] if isinstance(leave_out, str) else leave_out)
    shares = parse_shares(split) if split else None
    inputs = [source, *([ferplus] if ferplus else [])]
    refuse_other_endings(output, (".npz",))
    refuse_existing(output, overwrite=overwrite, inputs=inputs)  # before the seconds that imports take
    from fercli.dataset import save_dataset
    from fercli.preparation.prepare import prepare as make_dataset

    with together() as outputs:
        opening = outputs.claim(output, overwrite=overwrite, inputs=inputs)
        result = make_dataset(
            source,
            ferplus=ferplus,
            flips=flips,
            hog=hog,
            drop_leaked=drop_leaked,
            strict=strict,
            classes=naming,
            split=shares,
            person=person,
            validation_share=validation_share,
            seed=seed,
            processes=processes,
            on_progress=on_progress or (lambda *_: None),
        )
        with opening() as handle:
            save_dataset(result.dataset, handle)
    return result


def train(
    model: str = DEFAULT_TO_TRAIN,
    data: Place = DATA,
    out: Place | None = None,
    *,
    start: Place | Iterable[Place] = (),
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    l2: float | None = None,
    seed: int | None = None,
    votes: float | None = None,
    balanced_votes: bool | None = None,
    votes_by_agreement: bool | None = None,
    class_weights: str | None = None,
    teacher: Place | Iterable[Place] = (),
    teacher_share: float | None = None,
    augmentation_strength: float | None = None,
    erasing: float | None = None,
    precision: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    on_step: "Callable[[Step], None] | None" = None,
    on_epoch: "Callable[[Epoch], None] | None" = None,
    **recipe: Any,
) -> "list[Epoch]":
    """Train a network of the registry to the end, in the folder `out` or `runs/<model>`, and return its epochs.

    `start` names one or several runs, files of weights or shipped models: training starts from their weights, or the mean of these.
    A run's are those of its best epoch; its `checkpoint.safetensors` gives those of its last.
    `teacher` names those whose predictions are mixed into the targets (knowledge distillation). The options from `epochs` to
    `precision` are those of the command and, where given, replace values of the registry's recipe; `recipe` replaces others, by the
    names in `fercli.models.recipes.Recipe`, such as `label_smoothing=0.05`. Nothing is printed; `on_epoch` is called with each
    epoch (`on_epoch=print`), `on_step` after each batch.

    Raises UsageError for what is missing or does not go together, IntegrityError for a data set or checkpoint that is not what it
    should be, TrainingDiverged for a loss that is not finite.
    """
    from fercli.training.plan import Plan

    plan = Plan(
        model,
        local(data),
        local(out) if out else None,
        start=[local(item) for item in _several(start)],
        teachers=[local(item) for item in _several(teacher)],
        resume=resume,
        overwrite=overwrite,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        l2=l2,
        seed=seed,
        votes=votes,
        balanced_votes=balanced_votes,
        votes_by_agreement=votes_by_agreement,
        class_weights=class_weights,
        teacher_share=teacher_share,
        augmentation_strength=augmentation_strength,
        erasing=erasing,
        precision=precision,
        **recipe,
    )
    trainer = plan.trainer(on_step or (lambda _: None))
    for epoch in trainer:
        if on_epoch:
            on_epoch(epoch)
    return trainer.history


def evaluate(
    data: Place = DATA,
    *,
    model: str | Iterable[str] | None = None,
    weights: Place | Iterable[Place] | None = None,
    split: str = EvaluationSplit.test,
    tta: bool = False,
    prior: str = Prior.trained,
    shifts: bool = False,
) -> "list[Evaluation]":
    """Measure models on a `split` of a data set, `test` or `validation`, and return an evaluation of each.

    This measures the shipped models named by `model`, then the `weights` of runs or files, one or several of each; if none is
    named, all that are shipped and all under `./runs`. Each evaluation has its `title` and `measures`, such as
    `measures.accuracy` and `measures.per_class`. `tta` is test-time augmentation; `prior` is `even` where all expressions are
    equally frequent, not as in training. With `shifts`, models are also measured on changed images. Raises UsageError for
    what is missing, IntegrityError for weights or a data set that are not what they should be.
    """
    _refuse_other("split", split, EvaluationSplit)
    even = _even(prior)
    from fercli.dataset import read_dataset
    from fercli.evaluation.candidates import candidates
    from fercli.evaluation.measures import evaluate as measure
    from fercli.models.priors import as_asked

    def refuse(_: str, error: FercliError) -> None:
        raise error

    dataset = read_dataset(local(data), splits=[split])
    names = [model] if isinstance(model, str) else model or ()
    labellers = candidates([*names, *(local(item) for item in _several(weights or ()))], refuse)
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
    update: bool = False,
    from_file: Place | None = None,
    listed: Iterable[Place] = (),
    engine: str = Engine.local,
    ray_address: str | None = None,
    workers: int | None = None,
    worker_cpus: int = 1,
    worker_gpus: float = 0.0,
) -> "Run":
    """Return a run that, as it is iterated, finds and labels every face in `inputs`: an `Outcome` for each photo or video frame.

    Inputs are photos, videos and folders of them, then files that are `listed`, then what the list `from_file` names. A file
    from those two that does not exist is rejected; a missing input raises UsageError. Videos are sampled every `every` seconds; 0
    takes every frame. An outcome has the file's `path`, its `status` (`ok`, `no_face` or `rejected`), and its `faces` from left
    to right. Each face has a `box` in pixels of the upright picture, a `label`, its `confidence`, 0 to 1, and the `probabilities`
    (7,) in the order of `fercli.labels.LABELS`: angry, disgust, fear, happy, sad, surprise, neutral. The outcome of a frame also
    has a `moment` with its `time` in seconds and its number, `frame`, and its faces have a `person`. A photo that cannot be read
    gives an outcome with a `reject`, as does a video after its last readable frame; the run goes on with the others.

    The labels come from the shipped `model` (by default compact) or from the `weights` of a run or file, with `tta` and `prior` as
    in `evaluate`; `detector` is `auto`, `mtcnn`, `haar` or `none`. Faces smaller than `min_face` pixels are left out, and with
    `largest` all but the largest of each photo. `on_no_face` says what becomes of a photo without a face: `row` gives it an outcome
    that says so, `whole` takes the whole photo as a face, `skip` leaves it out of the output. Photos of more than `max_pixels` are
    rejected.

    `output` receives rows, `annotate` copies with the faces marked, `report` a page; they appear once the last outcome has been
    taken. In them a label less probable than `min_confidence` is left empty. After a run that was stopped, `resume` goes on;
    `update` labels what was added or changed since; `overwrite` does everything again; `strict` stops at the first reject. With
    `engine="ray"`, the Ray cluster at `ray_address` does the labelling, with this number of `workers` (by default as many as fit),
    each with `worker_cpus` cores and `worker_gpus` GPUs.

    Raises UsageError for missing inputs, and for outputs that exist or do not go together. Iterating raises IntegrityError for
    weights that are damaged; with an `output`, also FercliError if none of the photos could be read.
    """
    from fercli.classification.run import Run

    _refuse_other("on_no_face", on_no_face, OnNoFace)
    _refuse_other("engine", engine, Engine)
    pool = Workers(workers, worker_cpus, worker_gpus)
    if engine == Engine.local and (ray_address or pool != Workers()):
        raise UsageError("--ray-address, --workers, --worker-cpus and --worker-gpus need --engine ray; add it, or drop them.")
    options = Options(largest, min_face, on_no_face == OnNoFace.whole, max_pixels, every)
    return Run(
        [place(item) for item in _several(inputs)],
        Job(model, local(weights) if weights else None, tta, _even(prior), detector, options),
        output if output is None or isinstance(output, Output) else Output.parse(str(output)),
        annotate=place(annotate) if annotate else None,
        report=place(report) if report else None,
        min_confidence=min_confidence,
        skip_no_face=on_no_face == OnNoFace.skip,
        strict=strict,
        resume=resume,
        overwrite=overwrite,
        workers=pool if engine == Engine.ray else None,
        address=ray_address,
        update=update,
        listed=[*map(place, listed), *_names_in(from_file)],
    )


def summary(results: Place, by: str | Iterable[str] = "folder", unit: str | None = None) -> "Summary":
    """Return what the results of `classify`, a file or a folder of parts, come to by group.

    `by` is one or several of `folder`, `person`, `minute`, a column's name, or a regular expression for the path. `unit`, of the
    same kind, tells which faces are one observation; by default those of a photo or a video are. The summary has `groups`, each
    with its `names`, counts, `shares` of the labels and `means` of the probabilities with 95 % intervals, and `everything`
    together; `table()` yields a row for each group, as for `pandas.DataFrame(summary.table())`. Raises UsageError if the
    results are missing or `by` makes no group, FercliError if they are no results.
    """
    from fercli.classification.results import read_results
    from fercli.classification.summary import summarise

    return summarise(read_results(place(results)), [by] if isinstance(by, str) else list(by), unit)


def _names_in(listing: Place | None) -> list[Path]:
    if listing is None:
        return []
    from fercli.classification.lists import read_list

    return read_list(local(listing))


def _several(where: Place | Iterable[Place]) -> Iterable[Place]:
    return [where] if isinstance(where, (str, Path)) else where


def _even(prior: str) -> bool:
    _refuse_other("prior", prior, Prior)
    return prior == Prior.even


def _refuse_other(name: str, value: str, known: type[StrEnum]) -> None:
    if value not in list(known):
        raise UsageError(f"{name} is {value!r}; choose one of {', '.join(known)}.{nearest(value, known)}")
