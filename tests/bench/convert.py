"""Weights that older versions wrote as safetensors, as ONNX files beside them: `python tests/bench/convert.py FILE.safetensors...`.

Prints the SHA-256 of each new file, which the registry names for those in `weights/`. With `--data fer2013.npz`, what they were
trained on, it stores the mean target of each class in those that do not tell it, which `--prior even` needs. What teachers said
is in the checkpoint that the run left beside its weights.
"""

import argparse
import hashlib
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from fercli.dataset import read_dataset
from fercli.models.checkpoints import CHECKPOINT, read_checkpoint
from fercli.models.inference import CLASS_MIX
from fercli.models.networks.conversion import converted
from fercli.models.recipes import known_recipe
from fercli.models.weights import write_weights
from fercli.training.targets import class_mix, mixed, targets_of
from fercli.training.trainer import ANSWERS


def mix_told_by(metadata: dict[str, Any], weights: Path, data: Path) -> list[float]:
    """Return the class mix of weights from the data set and the recipe that they name."""
    dataset, recipe = read_dataset(data), known_recipe(metadata, weights)
    if metadata["dataset"] != dataset.meta["digest"]:
        raise SystemExit(f"{weights} was trained on another data set than {data}.")
    wanted = targets_of(dataset.originals, recipe)
    if recipe.teacher_share:
        wanted = mixed(wanted, read_checkpoint(weights.parent / CHECKPOINT).tensors[ANSWERS], recipe.teacher_share)
    return class_mix(wanted, recipe.label_smoothing)


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("files", type=Path, nargs="+")
parser.add_argument("--data", type=Path)
arguments = parser.parse_args()
for path in arguments.files:
    # The first weights were shipped without a digest of their content: whoever converts a file by hand trusts it.
    weights = converted(read_checkpoint(path, hashlib.sha256(path.read_bytes()).hexdigest()), path)
    metadata = weights.metadata
    if arguments.data and CLASS_MIX not in metadata:
        metadata = metadata | {CLASS_MIX: mix_told_by(metadata, path, arguments.data)}
    target = path.with_suffix(".onnx")
    write_weights(weights.graph, metadata, target)
    print(hashlib.sha256(target.read_bytes()).hexdigest(), target, f"{target.stat().st_size:,} bytes", metadata.get(CLASS_MIX))
