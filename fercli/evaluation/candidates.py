"""Which models are measured side by side."""

from collections.abc import Callable
from pathlib import Path

from fercli.errors import FercliError, IntegrityError, UsageError
from fercli.models import ensembles, inference
from fercli.models.inference import Labels
from fercli.models.registry import ENSEMBLES

OnReject = Callable[[str, IntegrityError], None]


def candidates(name: str | None, weights: Path | None, on_reject: OnReject) -> list[Labels]:
    """Return what labels with the weights named or, without, with all that are found: shipped, then of the runs in `./runs`.

    With `name` only those of that model. Broken weights of a run go to `on_reject` with their title, and the others go on. Raises
    UsageError if there are none, FercliError if none could be read, IntegrityError for shipped or named weights that are broken.
    """
    if weights:
        return [inference.Labeller(inference.own_weights(weights), name)]
    if name in ENSEMBLES:
        return [ensembles.EnsembleLabeller(ENSEMBLES[name])]
    found: list[Labels] = []
    rejected = False
    for item in inference.all_weights():
        try:
            labeller = inference.Labeller(item)
        except IntegrityError as error:
            if item.sha256:  # shipped weights that were tampered with are no accident to pass over
                raise
            on_reject(item.title, error)
            rejected = True
            continue
        if name in (None, labeller.name):
            found.append(labeller)
    if rejected and not found:
        raise FercliError("No weights could be read.")
    if not found:
        raise UsageError(f"There are no weights of {name or 'any model'}, shipped or under ./runs; train them with: fercli train")
    return found
