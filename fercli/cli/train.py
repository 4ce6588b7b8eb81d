"""`fercli train`."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console
from fercli.cli.numbers import between
from fercli.cli.options import (
    DataOption,
    DeepOption,
    HogOption,
    OverwriteOption,
    ShallowOption,
    named_model,
    output_option,
)
from fercli.interface import DATA
from fercli.models.recipes import RANGES, ClassWeights, Precision, settings
from fercli.models.registry import DEFAULT_TO_TRAIN, find_model, name_from_flags

if TYPE_CHECKING:
    from fercli.training.plan import Plan
    from fercli.training.trainer import Step, Trainer


EXAMPLES = (
    "fercli train --deep --hog",
    "fercli train --model shallow-hog --epochs 6 --out runs/short",
)


_DEFAULTS = "for the defaults see fercli models NAME"
_recipe_option = partial(typer.Option, rich_help_panel=f"Recipe ({_DEFAULTS})", show_default=False)
_augmentation_option = partial(typer.Option, rich_help_panel=f"Augmentation ({_DEFAULTS})", show_default=False)
_target_option = partial(typer.Option, rich_help_panel=f"Targets ({_DEFAULTS})", show_default=False)


def train(
    deep: DeepOption = False,
    shallow: ShallowOption = False,
    hog: HogOption = None,
    model: Annotated[str | None, named_model(show_default=DEFAULT_TO_TRAIN)] = None,
    data: DataOption = DATA,
    out: Annotated[
        Path | None, output_option("--out", metavar="FOLDER", help="Folder of the run.", show_default="runs/NAME")
    ] = None,
    resume: Annotated[
        bool, output_option("--resume", help="Resume the run from its checkpoint; its recipe and its data set stay as they were.")
    ] = False,
    overwrite: OverwriteOption = False,
    start: Annotated[
        list[Path] | None,
        _recipe_option(
            "--start",
            metavar="MODEL|RUN",
            help="Weights to start from: a shipped model by name, a run (its best epoch), its checkpoint (its last epoch), or a "
            ".onnx file. If repeated, the mean of their weights.",
            show_default="random weights",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        _recipe_option(
            **between(*RANGES["epochs"], whole=True), metavar="COUNT", help="Number of passes over the training images."
        ),
    ] = None,
    batch_size: Annotated[
        int | None, _recipe_option(**between(*RANGES["batch_size"], whole=True), metavar="IMAGES", help="Images in a batch.")
    ] = None,
    learning_rate: Annotated[
        float | None,
        _recipe_option(
            **between(*RANGES["learning_rate"]), metavar="RATE", help="Learning rate at the start, or after the warmup."
        ),
    ] = None,
    l2: Annotated[
        float | None, _recipe_option(**between(*RANGES["l2"]), metavar="WEIGHT", help="Weight of the L2 penalty (weight decay).")
    ] = None,
    seed: Annotated[
        int | None, _recipe_option(**between(*RANGES["seed"], whole=True), metavar="NUMBER", help="Random seed.")
    ] = None,
    votes: Annotated[
        float | None,
        _target_option(
            **between(*RANGES["votes"]),
            metavar="SHARE",
            help="Soft labels: the share that the crowd's votes (FER+) have in the targets.",
        ),
    ] = None,
    balanced_votes: Annotated[
        bool | None,
        typer.Option(  # in no panel: beside wider columns its name would be cut
            "--balanced-votes/--no-balanced-votes",
            show_default=False,
            help="Weight the votes so that each class has as large a share of them as of the labels.",
        ),
    ] = None,
    votes_by_agreement: Annotated[
        bool | None,
        _target_option(
            "--votes-by-agreement",
            help="Give the votes a larger share where most people agree on an expression that the labels usually call the same.",
        ),
    ] = None,
    class_weights: Annotated[
        ClassWeights | None,
        _target_option(help="Weight the images so that all classes count alike in the loss."),
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        _target_option(
            "--teacher",
            metavar="MODEL|RUN",
            help="Knowledge distillation: mix the predictions of a teacher into the targets, a shipped model by name, a run, or a "
            ".onnx file. If repeated, the mean of their predictions.",
            show_default="none",
        ),
    ] = None,
    teacher_share: Annotated[
        float | None,
        _target_option(
            **between(*RANGES["teacher_share"]),
            metavar="SHARE",
            help="The share that the teachers' predictions have in the targets.",
            show_default="0.5 with --teacher",
        ),
    ] = None,
    augmentation_strength: Annotated[
        float | None,
        _augmentation_option(
            **between(*RANGES["augmentation_strength"]),
            metavar="SHARE",
            help="How strongly training images are changed at random, as a share of the recipe's bounds; erasing stays as it is.",
        ),
    ] = None,
    erasing: Annotated[
        float | None,
        _augmentation_option(
            **between(*RANGES["erasing"]), metavar="SHARE", help="Random erasing: the share of the images that lose a rectangle."
        ),
    ] = None,
    precision: Annotated[Precision | None, _recipe_option(help="Floating-point format of the computation.")] = None,
) -> None:
    """Train a network, the paper's deep one by default, with its recipe of hyperparameters; options override single values."""
    name = name_from_flags(model=model, deep=deep, shallow=shallow, hog=hog, find=find_model) or DEFAULT_TO_TRAIN
    of_model = {f"--model {model}": model, "--deep": deep, "--shallow": shallow, "--hog": hog, "--no-hog": hog is False}
    of_run = {f"--out {shlex.quote(str(out))}": out, f"--data {shlex.quote(str(data))}": data != DATA}
    again = " ".join(["fercli train", *(option for option, given in (of_model | of_run).items() if given), "--resume"])
    if resume:
        console.say_on_stop(f"Stopped; the run is as it was. To go on with it: {again}")
    from fercli.training.plan import Plan

    plan = Plan(
        name,
        data,
        out,
        start=start or [],
        teachers=teacher or [],
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
        class_weights=class_weights and class_weights.value,
        teacher_share=teacher_share,
        augmentation_strength=augmentation_strength,
        erasing=erasing,
        precision=precision and precision.value,
    )
    recipe = plan.recipe
    console.say("Starting Keras …")
    if plan.teachers:
        teachers = ", ".join(labels.title for labels in plan.teachers)
        console.say(f"Asking {teachers} about the training images, once; with the shipped models this takes minutes …")
    trainer = plan.trainer(lambda step: on_step(step))  # noqa: PLW0108 (on_step is defined below, where there is a meter)
    _say_beginning(plan, trainer, start or [], data)
    with console.progress("steps") as meter:

        def on_step(step: "Step") -> None:
            meter.update(
                (step.epoch - 1) * step.steps + step.step,
                total=recipe.epochs * step.steps,
                note=f"epoch {step.epoch}/{recipe.epochs}, accuracy {step.accuracy:.2%}, loss {step.loss:.4f}",
            )

        go_on = f"Stopped. To go on after the last complete epoch: {again}"
        anew = "run the same command; until then, what was there stays" if overwrite else again
        console.say_on_stop(go_on if trainer.history else f"Stopped; no epoch is complete yet. To begin again: {anew}")
        for epoch in trainer:
            console.say_on_stop(go_on)
            mark = "  best so far" if trainer.best is epoch else ""
            console.say(
                f"epoch {epoch.epoch}/{recipe.epochs}  loss {epoch.loss:.4f}  accuracy {epoch.accuracy:.2%}  "
                f"val_loss {epoch.val_loss:.4f}  val_accuracy {epoch.val_accuracy:.2%}  {epoch.seconds:.0f} s{mark}"
            )
    if trainer.not_drawn:
        console.say(f"note: there are no curves. {trainer.not_drawn}")
    from fercli.models.calibration import FEWEST

    if len(plan.dataset.validation) < FEWEST:
        console.say(f"note: confidence is not calibrated: that takes at least {FEWEST} validation images")
    weights = shlex.quote(str(plan.folder))
    console.say(
        f"Best: epoch {trainer.best.epoch}, validation accuracy {trainer.best.val_accuracy:.2%} ({console.name(plan.folder)})"
    )
    console.say(f"Evaluate it:  fercli evaluate --weights {weights} --data {shlex.quote(str(data))}")
    console.say(f"Use it:       fercli classify ./photos -o results.csv --weights {weights}")


def _say_beginning(plan: "Plan", trainer: "Trainer", start: Sequence[Path], data: Path) -> None:
    """Say what is trained, from where, on what and how."""
    from fercli.models.lineage import datasets_seen

    done, epochs = len(trainer.history), plan.recipe.epochs
    beginning = f"{trainer.trainee.network.count_params():,} parameters"
    if start:
        origin = ", ".join(console.name(path) for path in start)  # as it was named: a shipped model by its name
        beginning += f" from {'the mean of ' * (len(start) > 1)}{origin}"
    if done:
        beginning = "all epochs are done already" if done == epochs else f"from epoch {done + 1}"
    mirrored = bool(plan.dataset.meta.get("flips")) and not plan.recipe.augmentation
    told = ", ".join(f"{name} = {value}" for name, value in settings(replace(plan.recipe, augmentation=None)).items())
    told += ", with augmentation" * (plan.recipe.augmentation is not None)
    images = f"{trainer.images // (1 + mirrored):,} training images{' and their mirror images' * mirrored}"
    console.say(f"{plan.model.name}: {beginning}, {images}, on {trainer.device}; {told}")
    if trainer.emulates_bfloat16 and not done:
        console.say(
            "note: this processor has no bfloat16 instructions; with --precision float32 training is about three times as fast"
        )
    digest = plan.dataset.meta["digest"]
    if datasets_seen({"dataset": digest, "start": trainer.start}) != {digest}:
        console.say(
            f"note: this run started from weights that have seen a different data set from {console.name(data)}, which may hold "
            "images of its validation split; that would inflate the validation accuracy"
        )
