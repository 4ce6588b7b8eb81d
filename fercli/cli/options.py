"""Options that several commands share, written once, and the panels of the help that options stand in."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from fercli.interface import Prior

model_option = partial(typer.Option, rich_help_panel="Model", show_default=False)
output_option = partial(typer.Option, rich_help_panel="Output", show_default=False)

DataOption = Annotated[Path, typer.Option("--data", metavar="FILE", help="The data set that `fercli prepare` wrote.")]
DeepOption = Annotated[bool, model_option("--deep", help="The paper's deep network.")]
ShallowOption = Annotated[bool, model_option("--shallow", help="The paper's shallow network.")]
HogOption = Annotated[
    bool | None,
    model_option(
        "--hog/--no-hog",
        help="The network with or without HOG features (histograms of oriented gradients); the deep one unless --shallow is given.",
    ),
]
named_model = partial(model_option, "--model", metavar="NAME", help="A model by name; `fercli models` lists them.")
WEIGHTS_HELP = "Your own weights: runs/NAME, or a .onnx or .safetensors file that fercli train wrote."
WeightsOption = Annotated[Path | None, model_option("--weights", metavar="RUN|FILE", help=WEIGHTS_HELP)]
TtaOption = Annotated[
    bool,
    model_option(
        "--tta",
        help="Test-time augmentation: the mean over four views of each face, as it is and closer, and both mirrored, at "
        "four times the cost.",
    ),
]
PriorOption = Annotated[
    Prior,
    model_option(
        "--prior",
        help="How often to expect each expression: as often as in the training images, or all equally often, as in posed sets.",
        show_default=True,
    ),
]
OverwriteOption = Annotated[bool, output_option("--overwrite", help="Overwrite output that exists.")]
StrictOption = Annotated[bool, output_option("--strict", help="Stop at the first reject, without writing any output.")]
