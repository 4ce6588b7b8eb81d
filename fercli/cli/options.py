"""Every option that two commands share, written once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class PriorName(StrEnum):
    """How often each expression is to be expected."""

    trained = "trained"
    even = "even"


DataOption = Annotated[Path, typer.Option("--data", metavar="FILE", help="The data set that `fercli prepare` wrote.")]
DeepOption = Annotated[bool, typer.Option("--deep", help="The paper's deep network.", rich_help_panel="Model")]
ShallowOption = Annotated[bool, typer.Option("--shallow", help="The paper's shallow network.", rich_help_panel="Model")]
HogOption = Annotated[
    bool | None,
    typer.Option(
        "--hog/--no-hog",
        help="With or without HOG features; alone, of the deep network.",
        show_default=False,
        rich_help_panel="Model",
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="NAME", help="A model by name; `fercli models` lists them.", show_default=False, rich_help_panel="Model"
    ),
]
WeightsOption = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        metavar="RUN|FILE",
        help="Your own weights: runs/NAME or a .onnx file.",
        show_default=False,
        rich_help_panel="Model",
    ),
]
TtaOption = Annotated[
    bool,
    typer.Option(
        "--tta",
        help="Label four views of each face, half a pixel apart and mirrored, and take the mean: better, at four times the cost.",
        rich_help_panel="Model",
    ),
]
PriorOption = Annotated[
    PriorName,
    typer.Option(
        "--prior",
        help="How often each expression is to be expected: as in the training images, or evenly, as in posed sets.",
        rich_help_panel="Model",
    ),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.", rich_help_panel="Output")]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Fail at the first reject, publish nothing.", rich_help_panel="Output")
]

DATA_DEFAULT = Path("fer2013.npz")


class DetectorName(StrEnum):
    """The detectors of `faces.DETECTORS`; named here, too, so that a usage error does not wait for numpy."""

    auto = "auto"
    haar = "haar"
    mtcnn = "mtcnn"
    none = "none"


class EngineName(StrEnum):
    """Where photos are labelled."""

    local = "local"
    ray = "ray"


class OnNoFace(StrEnum):
    """What becomes of a photo in which nobody was found."""

    row = "row"
    whole = "whole"
    skip = "skip"


class SplitName(StrEnum):
    """The splits that a model is judged on."""

    test = "test"
    validation = "validation"
