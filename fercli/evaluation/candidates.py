"""Which models are measured side by side."""

from collections.abc import Callable, Sequence
from pathlib import Path

from fercli.errors import FercliError, IntegrityError, UsageError
from fercli.models import ensembles, inference
from fercli.models.inference import Labels

OnReject = Callable[[str, IntegrityError], None]


def candidates(asked: Sequence[str | Path], on_reject: OnReject) -> list[Labels]:
    """Return what labels with the weights asked for, in their order: shipped ones by a model's name, others by their path.

    If none are asked for, all that are found: shipped, then those of the runs in `./runs`; broken ones of a run go to `on_reject`
    with their title, and the others go on. Raises UsageError if there are none, FercliError if none could be read, IntegrityError
    for shipped weights, or weights asked for, that are broken.
    """
    if asked:
        return [
            ensembles.labeller_for(item) if isinstance(item, str) else ensembles.labeller_for(None, item)
            for item in dict.fromkeys(asked)
        ]
    found: list[Labels] = []
    rejected = False
    for weights in inference.all_weights():
        try:
            found.append(inference.Labeller(weights))
        except IntegrityError as error:
            if weights.sha256:  # shipped weights that were tampered with are no accident to pass over
                raise
            on_reject(weights.title, error)
            rejected = True
    if rejected and not found:
        raise FercliError("No weights could be read.")
    if not found:
        raise UsageError("There are no weights, shipped or under ./runs; train some with: fercli train")
    return found
