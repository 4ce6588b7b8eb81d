"""The tables that `fercli evaluate` shows."""

from collections.abc import Sequence
from itertools import compress

from fercli.cli import console
from fercli.cli.console import NOTHING, percent
from fercli.evaluation.comparisons import Comparison
from fercli.evaluation.measures import SURE_VOTES, Evaluation, Measures
from fercli.interface import EvaluationSplit
from fercli.labels import LABELS
from fercli.models.calibration import CONFIDENCES
from fercli.models.registry import Published

Columns = dict[str, list[str]]

_MEASURES = (
    "accuracy, %",
    "95 % interval",
    "leak-free accuracy, %",
    "balanced accuracy, %",
    "macro-F1, %",
    "agreement with the crowd (FER+), %",
    "expected calibration error, %",
    "the same before calibration, %",
    "images",
    "  of these leaked",
    "  of these the crowd is sure of",
    "parameters",
    "multiply-adds, million",
    "images/s",
)
_HOG = (
    "accuracy gained by HOG, points",
    "95 % interval",
    "images right only with HOG",
    "images right only without HOG",
    "McNemar's exact test, p",
    "conclusion",
)
_CHANCE = 0.05  # differences as large are seen at least so often where there is none


def show_tables(
    results: Sequence[Evaluation], comparisons: Sequence[Comparison], published: Sequence[Published], split: str
) -> None:
    """Show what was measured of each model on the split, beside what the sources published, the summary last."""
    for result in results:
        measures = result.measures
        show_classes(measures, result.headline, "true", "predicted")
        show_confusion(measures.confusion, f"Confusion matrix, {result.headline}", "true \\ predicted")
        if measures.crowd_images and measures.crowd_confusion:
            show_confusion(
                measures.crowd_confusion,
                f"At least {SURE_VOTES} of 10 people agree (FER+), {result.title}, {split}",
                "the crowd \\ predicted",
            )
    title = f"What a confidence is worth, {split}: % of faces with at least this / % of these labelled right"
    _show_columns(title, ["confidence", *map(str, CONFIDENCES)], _kept(results))
    shifts = next((list(result.shifts) for result in results), [])
    if shifts:
        _show_columns(f"Accuracy on changed images, {split}, %", ["change", *shifts, "mean"], _after_shifts(results))
    if comparisons:
        hog = {f"{pair.with_hog} against\n{pair.without}": _hog(pair) for pair in comparisons}
        _show_columns(f"Does HOG help? {split}, the same images", ["", *_HOG], hog)
    _show_columns(f"Accuracy per class, {split}, %", ["expression", *LABELS, "all"], _per_class(results, published, split))
    if published:
        console.say_result("The published accuracies are for FER2013; the sources do not say which split the per-class ones use.")
    _show_columns(f"Overall, {split}", ["measure", *_MEASURES], _overall(results))


def _count(number: int | None) -> str:
    return NOTHING if number is None else f"{number:,}"


def _per_class(results: Sequence[Evaluation], published: Sequence[Published], split: str) -> Columns:
    ours = {
        result.title: [percent(share) for share in (*result.measures.per_class, result.measures.accuracy)] for result in results
    }
    theirs = {item.title: (*item.per_class, item.test if split == EvaluationSplit.test else item.validation) for item in published}
    return ours | {title: [f"{share:.1f}" for share in shares] for title, shares in theirs.items()}


def _overall(results: Sequence[Evaluation]) -> Columns:
    columns: Columns = {}
    for result in results:
        measures = result.measures
        columns[result.title] = [
            percent(measures.accuracy),
            f"{percent(measures.interval[0])} to {percent(measures.interval[1])}",
            percent(measures.leak_free_accuracy),
            percent(measures.balanced_accuracy),
            percent(measures.macro_f1),
            percent(measures.crowd_agreement),
            percent(measures.calibration_error),
            percent(measures.calibration_error_before),
            f"{measures.images:,}",
            _count(measures.leaked),
            _count(measures.crowd_images),
            f"{result.parameters:,}",
            f"{result.multiply_adds / 1e6:,.0f}",
            f"{result.images_per_second:,.0f}",
        ]
    return columns


def _after_shifts(results: Sequence[Evaluation]) -> Columns:
    return {result.title: [percent(share) for share in (*result.shifts.values(), result.mean_over_shifts)] for result in results}


def _kept(results: Sequence[Evaluation]) -> Columns:
    return {result.title: [f"{percent(item.kept)} / {percent(item.right)}" for item in result.measures.kept] for result in results}


def _show_columns(title: str, rows: list[str], columns: Columns) -> None:
    """Show a column a model, in as many tables as the terminal's width needs; `rows` are the first column, heading first.

    Rows that have nothing of any model, such as the crowd's without votes, are left out.
    """
    filled = [any(cell != NOTHING for cell in cells) for cells in zip(*columns.values(), strict=True)]
    rows = [rows[0], *compress(rows[1:], filled)]
    columns = {name: list(compress(cells, filled)) for name, cells in columns.items()}
    first = max(map(len, rows))
    blocks: list[Columns] = [{}]
    used = first
    for name, cells in columns.items():
        heading = name.replace(", ", ",\n")
        needed = 2 + max(len(line) for cell in (heading, *cells) for line in cell.split("\n"))
        if blocks[-1] and used + needed > console.width():
            blocks.append({})
            used = first
        blocks[-1][heading] = cells
        used += needed
    for block in blocks:
        table = console.table(title, [rows[0], *block])
        for row, *cells in zip(rows[1:], *block.values(), strict=True):
            table.add_row(row, *cells)
        console.show_result(table)


def _hog(comparison: Comparison) -> list[str]:
    return [
        _points(comparison.difference),
        " to ".join(map(_points, comparison.interval)),
        f"{comparison.gained:,}",
        f"{comparison.lost:,}",
        f"{comparison.p_value:.2g}",
        "may be chance" if comparison.p_value >= _CHANCE else "HOG helps" if comparison.difference > 0 else "HOG harms",
    ]


def _points(share: float) -> str:
    return f"{100 * share:+z.1f}".replace("+0.0", "0.0")


def show_classes(measures: Measures, headline: str, true: str, predicted: str) -> None:
    """Show recall, precision and F1 of each class; `true` and `predicted` are what to call the two sides that are compared."""
    counts = {true: measures.true, predicted: measures.predicted}
    if measures.crowd:
        counts["by the crowd"] = measures.crowd
    shares = {"recall, %": measures.per_class, "precision, %": measures.precision, "F1, %": measures.f1}
    table = console.table(f"Each class, {headline}", ["expression", *shares, *counts])
    for label, name in enumerate(LABELS):
        cells = [percent(column[label]) for column in shares.values()] + [f"{column[label]:,}" for column in counts.values()]
        table.add_row(name, *cells)
    console.show_result(table)


def show_confusion(confusion: Sequence[Sequence[int]], title: str, corner: str) -> None:
    """Show a confusion matrix, the true class by row, the predicted one by column."""
    table = console.table(f"{title} (images, share of the row)", [corner, *LABELS])
    for expression, counts in zip(LABELS, confusion, strict=True):
        images = sum(counts)
        shares = [count / (images or 1) for count in counts]
        cells = [
            console.shaded(f"{count}\n{share:.0%}" if images else NOTHING, share)
            for count, share in zip(counts, shares, strict=True)
        ]
        table.add_row(expression, *cells)
    console.show_result(table)
