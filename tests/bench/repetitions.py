"""How much of a model's accuracy is chance: the weights of runs that differ in their seed, measured for the cards.

    python tests/bench/repetitions.py fer2013.npz weights/deep.onnx runs/deep-seed1 [--record weights/repetitions.csv]

Each is measured as `fercli evaluate` does. With `--record` the lines go into the file that the cards quote, in place of those of
the same model, seed and number of epochs.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from fercli.dataset import read_dataset
from fercli.evaluation.measures import evaluate
from fercli.models.history import Repetition, read_lines, write_lines
from fercli.models.inference import Labeller, own_weights


def main() -> None:
    """Measure each and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("weights", nargs="+", type=Path)
    parser.add_argument("--record", type=Path)
    arguments = parser.parse_args()
    dataset = read_dataset(arguments.data)
    found = []
    for path in arguments.weights:
        labeller = Labeller(own_weights(path))
        validation, test = (evaluate(labeller, dataset, split).measures.accuracy for split in ("validation", "test"))
        recipe = labeller.metadata["recipe"]
        found.append(Repetition(labeller.name, recipe["seed"], recipe["epochs"], round(validation, 5), round(test, 5)))
        print(found[-1], flush=True)
    if arguments.record:
        new = {(line.model, line.seed, line.epochs) for line in found}
        others = [line for line in read_lines(Repetition, arguments.record) if (line.model, line.seed, line.epochs) not in new]
        write_lines(Repetition, sorted([*others, *found], key=lambda line: (line.model, line.seed)), arguments.record)


if __name__ == "__main__":
    main()
