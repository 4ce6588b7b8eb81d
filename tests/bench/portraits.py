"""How well labels hold on photos other than FER2013's, and for whom: `classify` from end to end on labelled portraits.

    python tests/bench/portraits.py FOLDER labels.csv [--model compact | --weights RUN] [--tta] [--prior even]

`labels.csv` has the columns `path`, from FOLDER, and `label`; every other column of at most eight values makes groups, or those
named with `--by`. Of each photo the largest face counts; a photo without any is labelled wrong. Intervals are Wilson's, 95 %; the
area is that under the curve of a label against neutral. With `--record weights/portraits.csv --source 'WHOSE (CREDIT)'` the
figures go into the file that the cards quote.
"""

import argparse
import csv
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from numpy.typing import NDArray

from fercli.classification.job import Job, Options
from fercli.classification.run import Run
from fercli.evaluation.measures import area_under_curve, wilson_interval
from fercli.labels import LABELS
from fercli.models.history import Portraits, read_lines, write_lines
from fercli.models.inference import Labels

NEUTRAL = LABELS.index("neutral")
MOST_GROUPS = 8
Row = dict[str, str]


def probabilities(paths: Sequence[Path], job: Job) -> tuple[Labels, NDArray[np.float64]]:
    """Return who labelled, and the probabilities (N,7) of each photo's largest face: zeros where there is none."""
    run = Run(paths, job)
    found = {outcome.path: outcome.faces[0].probabilities for outcome in run if outcome.faces}
    return run.labeller, np.array([found.get(path, (0.0,) * len(LABELS)) for path in paths])


def measured(name: str, source: str, group: str, labels: NDArray[np.intp], seen: NDArray[np.float64]) -> list[Portraits]:
    """Return a line for each label that is among the true ones (N,), from the probabilities (N,7)."""
    faced = seen.any(axis=1)
    lines = []
    for label in np.unique(labels):
        own = labels == label
        right = int((seen[own & faced].argmax(axis=1) == label).sum())
        scores, others = (
            faces[:, label] / (faces[:, label] + faces[:, NEUTRAL])
            for faces in (seen[own & faced], seen[(labels == NEUTRAL) & faced])
        )
        area = float("nan") if label == NEUTRAL else area_under_curve(scores, others)
        lines.append(Portraits(name, source, group, LABELS[label], int(own.sum()), right, area))
    return lines


def groups(rows: Sequence[Row], columns: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """Return which rows belong to everybody, and to each value of the columns, or of all that have few, by name."""
    few = [name for name in rows[0] if name not in ("path", "label") and 1 < len({row[name] for row in rows}) <= MOST_GROUPS]
    chosen = {"everybody": np.ones(len(rows), bool)}
    for name in columns or few:
        for value, _ in Counter(row[name] for row in rows).most_common():
            chosen[f"{name}: {value}"] = np.array([row[name] == value for row in rows])
    return chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--tta", action="store_true")
    parser.add_argument("--prior", choices=("trained", "even"), default="trained")
    parser.add_argument("--by", action="append", default=[])
    parser.add_argument("--record", type=Path)
    parser.add_argument("--source", default="")
    arguments = parser.parse_args()
    if arguments.record and (arguments.tta or arguments.prior == "even"):
        parser.error("cards say how a model labels by default; drop --tta and --prior, or --record")
    with arguments.labels.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    job = Job(arguments.model, arguments.weights, arguments.tta, arguments.prior == "even", options=Options(largest=True))
    labeller, seen = probabilities([arguments.folder / row["path"] for row in rows], job)
    labels = np.array([LABELS.index(row["label"]) for row in rows])
    chosen = groups(rows, arguments.by).items()
    lines = [
        line for group, inside in chosen for line in measured(labeller.name, arguments.source, group, labels[inside], seen[inside])
    ]
    faced = seen.any(axis=1)
    right = int((seen.argmax(axis=1) == labels)[faced].sum())
    print(f"{labeller.title}: {right} of {len(rows)} right ({right / len(rows):.1%}); without a face: {int((~faced).sum())}")
    print(f"{'group':26} {'label':9} {'right':>10}  95 % interval      area")
    for line in lines:
        low, high = wilson_interval(line.right, line.faces)
        print(f"{line.group:26} {line.label:9} {line.right:4} of {line.faces:3}  {low:6.1%} to {high:6.1%}  {line.area:.3f}")
    if arguments.record:
        others = [
            line
            for line in read_lines(Portraits, arguments.record)
            if (line.model, line.source) != (labeller.name, arguments.source)
        ]
        write_lines(Portraits, [*others, *lines], arguments.record)


if __name__ == "__main__":
    main()
