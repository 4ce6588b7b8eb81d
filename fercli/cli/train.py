"""`fercli train`."""

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fercli.cli import console
from fercli.cli.options import DATA_DEFAULT, DataOption, DeepOption, HogOption, ModelOption, OverwriteOption, ShallowOption
from fercli.models.registry import DEFAULT_TO_TRAIN, name_from_flags


class Precision(StrEnum):
    """Keras dtype policies that the networks are tested with."""

    float32 = "float32"
    mixed_bfloat16 = "mixed_bfloat16"


class ClassWeights(StrEnum):
    """How much the images of each class count."""

    balanced = "balanced"


EXAMPLES = (
    "fercli train --deep --hog",
    "fercli train --model compact --start compact --data mine.npz --votes 0 --epochs 10 --learning-rate 0.01",
)


def train(
    deep: DeepOption = False,
    shallow: ShallowOption = False,
    hog: HogOption = None,
    model: ModelOption = None,
    data: DataOption = DATA_DEFAULT,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Folder of the run.", show_default="runs/NAME", rich_help_panel="Output"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the run's checkpoint, with its recipe.", rich_help_panel="Output")
    ] = False,
    overwrite: OverwriteOption = False,
    start: Annotated[
        list[Path] | None,
        typer.Option(
            "--start",
            metavar="MODEL|RUN",
            help="Whose weights training begins with: a run, a .onnx file, or the name of a shipped model; given several "
            "times, the mean of them.",
            show_default="random weights",
            rich_help_panel="Recipe",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="COUNT", help="Passes over the training images.", show_default="recipe", rich_help_panel="Recipe"
        ),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=2, metavar="IMAGES", help="Images a step.", show_default="recipe", rich_help_panel="Recipe")
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(min=1e-8, metavar="RATE", help="Learning rate at the start.", show_default="recipe", rich_help_panel="Recipe"),
    ] = None,
    l2: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="WEIGHT", help="Weight of the squared kernels.", show_default="recipe", rich_help_panel="Recipe"
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=2**32 - 1,
            metavar="NUMBER",
            help="Seed of everything random.",
            show_default="recipe",
            rich_help_panel="Recipe",
        ),
    ] = None,
    votes: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="SHARE",
            help="Share of the crowd's votes (FER+) in the targets.",
            show_default="recipe",
            rich_help_panel="Targets",
        ),
    ] = None,
    balanced_votes: Annotated[
        bool | None,
        typer.Option(
            "--balanced-votes/--no-balanced-votes",
            help="Weigh each class's votes so that they are as many as its labels.",
            show_default="recipe",
            rich_help_panel="Targets",
        ),
    ] = None,
    class_weights: Annotated[
        ClassWeights | None,
        typer.Option(
            help="Let all classes count alike in the loss, however many images each has.",
            show_default="recipe",
            rich_help_panel="Targets",
        ),
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(
            "--teacher",
            metavar="MODEL|RUN",
            help="Whose answers the targets have a share of: a run, a .onnx file, or the name of a shipped model; given "
            "several times, the mean of them.",
            show_default="none",
            rich_help_panel="Targets",
        ),
    ] = None,
    teacher_share: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="SHARE",
            help="Share of the teachers' answers in the targets.",
            show_default="0.5 with a teacher",
            rich_help_panel="Targets",
        ),
    ] = None,
    erasing: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="SHARE",
            help="Share of the images that lose a rectangle.",
            show_default="recipe",
            rich_help_panel="Recipe",
        ),
    ] = None,
    precision: Annotated[
        Precision | None, typer.Option(help="Number format of the arithmetic.", show_default="recipe", rich_help_panel="Recipe")
    ] = None,
) -> None:
    """Train a network; the recipe comes from the registry, and every value can be set."""
    name = name_from_flags(model=model, deep=deep, shallow=shallow, hog=hog) or DEFAULT_TO_TRAIN
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
        class_weights=class_weights and class_weights.value,
        teacher_share=teacher_share,
        erasing=erasing,
        precision=precision and precision.value,
    )
    recipe, folder = plan.recipe, plan.folder
    console.say("Starting Keras …")
    if plan.teachers:
        console.say(f"Asking {', '.join(labels.title for labels in plan.teachers)} about the training images …")
    from fercli.models.inference import datasets_seen
    from fercli.training.run import METRICS
    from fercli.training.trainer import Step

    with console.progress("steps") as meter:

        def on_step(step: Step) -> None:
            meter.update(
                (step.epoch - 1) * step.steps + step.step,
                total=recipe.epochs * step.steps,
                note=f"epoch {step.epoch}/{recipe.epochs}, loss {step.loss:.4f}, accuracy {step.accuracy:.2%}",
            )

        trainer = plan.trainer(on_step)
        done = len(trainer.history)
        origin = ", ".join(console.name(path) for path in start or [])  # as it was named: a shipped model by its name
        beginning = f"{trainer.trainee.network.count_params():,} parameters"
        if plan.start:
            beginning += f" from {'the mean of ' * (len(plan.start) > 1)}{origin}"
        if done:
            beginning = "all epochs are done already" if done == recipe.epochs else f"from epoch {done + 1}"
        console.say(f"{plan.model.name}: {beginning}, {trainer.images:,} training images, on {trainer.device}; {recipe.summary}")
        if any(datasets_seen(run) != {plan.dataset.meta["digest"]} for run in trainer.start):
            console.say(
                f"note: the weights that this run began with have seen another data set than {console.name(data)}; images of its "
                "validation split may have been among those, which flatters the accuracy"
            )
        again = f"fercli train --model {plan.model.name} --data {shlex.quote(str(data))} --out {shlex.quote(str(folder))} --resume"
        console.say_on_stop(f"Stopped. Go on after the last finished epoch with: {again}")
        for epoch in trainer:
            mark = "  best so far" if trainer.best is epoch else ""
            console.say(
                f"epoch {epoch.epoch}/{recipe.epochs}  loss {epoch.loss:.4f}  accuracy {epoch.accuracy:.2%}  "
                f"val_loss {epoch.val_loss:.4f}  val_accuracy {epoch.val_accuracy:.2%}  {epoch.seconds:.0f} s{mark}"
            )
    if trainer.not_drawn:
        console.say(f"note: there are no curves. {trainer.not_drawn}")
    console.say(
        f"Best: epoch {trainer.best.epoch}, validation accuracy {trainer.best.val_accuracy:.2%} ({console.name(folder / METRICS)})"
    )
    console.say(f"Evaluate it:  fercli evaluate --weights {shlex.quote(str(folder))} --data {shlex.quote(str(data))}")
    console.say(f"Use it:       fercli classify ./photos -o results.csv --weights {shlex.quote(str(folder))}")
