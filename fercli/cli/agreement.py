"""How `fercli summary --truth` shows results beside labels by hand, and writes them."""

from collections.abc import Iterator

from fercli.classification.summary import rounded
from fercli.classification.truth import NOT_COMPARED, Compared
from fercli.cli import console
from fercli.cli.console import NOTHING, percent
from fercli.cli.tables import show_classes, show_confusion
from fercli.evaluation.measures import Measures, cohens_kappa
from fercli.labels import LABELS

COLUMNS = (
    "label", "by_hand", "in_results", "recall", "precision", "f1", *(f"labelled_{label}" for label in LABELS),
    "agreement", "low", "high", "kappa", "several_faces", *NOT_COMPARED,
)  # fmt: skip
_NAMED = 3  # of the photos that are not compared


def table(compared: Compared, measures: Measures) -> Iterator[dict[str, object]]:
    """Yield a row for each label by hand, with what the results say of these photos, and one for all photos; see `COLUMNS`.

    `measures` are those of the labels compared.
    """
    empty: dict[str, object] = dict.fromkeys(COLUMNS)
    for index, label in enumerate(LABELS):
        shares = (measures.per_class[index], measures.precision[index], measures.f1[index])
        values = (label, measures.true[index], measures.predicted[index], *map(rounded, shares), *measures.confusion[index])
        yield empty | dict(zip(COLUMNS, values, strict=False))
    agreement = (measures.accuracy, *measures.interval, cohens_kappa(measures.confusion))
    yield {
        **empty,
        **{"label": "all", "by_hand": measures.images, "in_results": measures.images},
        **{f"labelled_{label}": count for label, count in zip(LABELS, measures.predicted, strict=True)},
        **dict(zip(("agreement", "low", "high", "kappa"), map(rounded, agreement), strict=True)),
        "several_faces": compared.several,
        **{reason: len(names) for reason, names in compared.left.items()},
    }


def show(compared: Compared, measures: Measures) -> None:
    """Print how far results and labels by hand agree, and what could not be compared."""
    kappa = cohens_kappa(measures.confusion)
    show_classes(measures, "results and labels by hand", "by hand", "in results")
    show_confusion(measures.confusion, "Labels by hand and in the results", "by hand \\ results")
    overall = console.table("Agreement with the labels by hand", ["measure", "value"])
    overall.add_row("photos compared", f"{measures.images:,}")
    overall.add_row("  of these with several faces; the largest counts", f"{compared.several:,}")
    overall.add_row("same label, %", percent(measures.accuracy))
    overall.add_row(
        "95 % interval, photos taken as independent", f"{percent(measures.interval[0])} to {percent(measures.interval[1])}"
    )
    overall.add_row("Cohen's kappa", NOTHING if kappa is None else f"{kappa:.2f}")
    console.show_result(overall)
    for reason, names in compared.left.items():
        if names:
            shown = ", ".join([*names[:_NAMED], *(["…"] if len(names) > _NAMED else [])])
            console.say_result(f"photos not compared, {NOT_COMPARED[reason]}: {len(names):,} ({shown})")
