"""The runs that weights come from, as the metadata stored with the weights tell of them."""

from pathlib import Path
from typing import Any

from fercli.errors import IntegrityError

_KINDS: dict[str, Any] = {  # types of the JSON values in the metadata of weights, on the run that made them and those before it
    "dataset": str, "device": str, "dropout": list, "epoch": int, "file": str, "recipe": dict, "sha256": str, "teachers": list,
    "validation_accuracy": float, "versions": dict, "votes": str | None,
}  # fmt: skip


def begun_with(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the metadata of the runs whose weights, or their mean, this one began with; empty if it began at random."""
    start = run.get("start") or []
    return [start] if isinstance(start, dict) else start  # older versions wrote a single start, or None


def lineage(metadata: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the metadata of all runs that weights come from, each once and after those it began with; their own is the last."""
    before: dict[str, dict[str, Any]] = {}
    for run in (run for start in begun_with(metadata) for run in lineage(start)):
        before.setdefault(run["sha256"], run)  # where it comes again, it may be told of by its digest alone
    return [*before.values(), metadata]


def told_once(starts: list[dict[str, Any]], told: set[str] | None = None) -> list[dict[str, Any]]:
    """Return the metadata of runs in which each run is told of once, and by its digest alone where it comes again.

    Otherwise weights made from the mean of relatives would tell of a shared ancestor once for each, and each mean of means would
    double that. Runs whose digests are in `told` have been told of; the others are added.
    """
    told = set() if told is None else told
    result = []
    for start in starts:
        if start["sha256"] in told:
            result.append({"sha256": start["sha256"]})
            continue
        before = told_once(begun_with(start), told)
        told.add(start["sha256"])
        result.append(start | ({"start": before} if before else {}))
    return result


def datasets_seen(metadata: dict[str, Any]) -> frozenset[str]:
    """Return the digests of the data sets that weights have seen in all runs of their `lineage`; `unknown` for runs without one."""
    return frozenset(run.get("dataset", "unknown") for run in lineage(metadata))


def refuse_odd(metadata: dict[str, Any], path: Path) -> None:
    """Raise IntegrityError if the metadata of weights say about their runs what fercli never writes."""
    try:
        runs = lineage(metadata)
        odd = [name for run in runs for name, kind in _KINDS.items() if name in run and not isinstance(run[name], kind)]
        odd += ["start" for run in runs for start in begun_with(run) if not isinstance(start["sha256"], str)]
        teachers = [who for run in runs for who in run.get("teachers", [])]
        odd += ["teachers" for who in teachers if not isinstance(who.get("name"), str) or not isinstance(who.get("sha256"), str)]
    except (AttributeError, KeyError, TypeError, RecursionError):
        odd = ["start"]
    if odd:
        raise IntegrityError(f"{path} has metadata ({odd[0]}) that fercli never writes; give another, or train again.")
