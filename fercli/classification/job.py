"""How photos are labelled, as plain values, so that every process does it in the same way."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fercli.errors import UsageError, listed
from fercli.files import MAX_PIXELS
from fercli.models.registry import find_entry
from fercli.version import __version__

if TYPE_CHECKING:
    from fercli.models.inference import Labels


@dataclass(frozen=True)
class Options:
    """Which pictures and faces count; lengths in pixels of the upright picture, a photo or a frame of a video.

    `largest` keeps one face a picture, `min_face` drops faces with a shorter side, and `whole` takes a picture in which no face is
    found as one face. Videos are looked at `every` so many seconds, or at each frame if that is 0. Raises UsageError if `every` is
    not finite, one of them is negative, or `max_pixels` allows no picture.
    """

    largest: bool = False
    min_face: int = 0
    whole: bool = False
    max_pixels: int = MAX_PIXELS
    every: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.every < math.inf:
            raise UsageError(f"--every {self.every:g} is not a number of seconds; give 0 for each frame, or a positive number.")
        if self.min_face < 0:
            raise UsageError(f"--min-face {self.min_face} is not a size; give a number of pixels, or 0 for faces of any size.")
        if self.max_pixels < 1:
            raise UsageError(f"--max-pixels {self.max_pixels} allows no photo; give a number of at least 1.")


_OTHER_DEFAULTS = {"detector": "auto", "min_confidence": 0.0, "tta": False, "prior": "trained", "on_no_face": "row"}


def as_typed(options: Mapping[str, object]) -> list[str]:
    """Return the options of `fercli classify` that differ from their defaults, as a user types them.

    Names are those of `Options`, and others of `interface.classify`; whatever else there is counts for nothing.
    """
    defaults = {field.name: field.default for field in fields(Options)} | _OTHER_DEFAULTS
    return [_typed(name, value) for name, value in options.items() if name in defaults and value not in {defaults[name], None}]


def _typed(name: str, value: object) -> str:
    if name == "whole":
        return "--on-no-face whole"
    option = f"--{name.replace('_', '-')}"
    return option if value is True else f"{option} {value:g}" if isinstance(value, float) else f"{option} {value}"


def difference(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    """Return how the settings of a run differ from those of this one, such as `without --largest (now with it)`; "" if they do not.

    Settings are those of `Job.settings`. Those that are missing `before`, as in an older version, had their defaults.
    """
    parts = []
    for name in now:
        old, new = before.get(name), now[name]
        if old == new:
            continue
        if name in {"model", "fercli"}:
            parts.append(f"with {'the model' if name == 'model' else name} {old} (now {new})")
        elif name == "weights":
            parts.extend(["with other weights"] if before.get("model") == now.get("model") else [])
        else:
            given, gives = as_typed({name: old}), as_typed({name: new})
            if given and gives:
                parts.append(f"with {given[0]} (now with {gives[0]})")
            elif given or gives:
                parts.append(f"with {given[0]} (now without it)" if given else f"without {gives[0]} (now with it)")
    return ", ".join(parts)


@dataclass(frozen=True)
class Job:
    """What labels, and what finds the faces: see `labeller_for`, `as_asked` and `detector`."""

    model: str | None = None
    weights: Path | None = None
    tta: bool = False
    even: bool = False  # see `priors`
    detector: str = "auto"
    options: Options = Options()

    def labeller(self) -> "Labels":
        """Return the network or ensemble; errors as from `labeller_for`."""
        from fercli.models.ensembles import labeller_for  # loads numpy, which a usage error need not wait for
        from fercli.models.priors import as_asked

        return as_asked(labeller_for(self.model, self.weights), tta=self.tta, even=self.even)

    def settings(self, labeller: "Labels") -> dict[str, Any]:
        """Return everything except the photo that an outcome depends on, as JSON values."""
        return {
            "model": labeller.title,
            "weights": labeller.sha256,
            "detector": self.detector,
            **asdict(self.options),
            "fercli": __version__,
        }

    def accuracy(self, labeller: "Labels") -> str:
        """Return how often the network is right, as a sentence; "" if that is not known."""
        if self.weights:
            share, images = labeller.metadata.get("validation_accuracy"), "the validation images of its data set"
        else:
            share, images = find_entry(labeller.name).measured.get("accuracy"), "the images of FER2013's PrivateTest"
        if share is None:
            return ""
        changes = [*(["--tta"] if self.tta else []), *(["--prior even"] if self.even else [])]
        verb = "changes" if len(changes) == 1 else "change"
        alone = f"Without {listed(changes)}, which {verb} its labels, it" if changes else "It"
        return f"{alone} is right on {100 * share:.1f} % of {images}; other photos may fare worse"


@dataclass(frozen=True)
class Workers:
    """How many processes label (None: as many as the cluster has room for), and the cores and graphics processors for each.

    Raises UsageError for less than one process or core.
    """

    number: int | None = None
    cpus: int = 1
    gpus: float = 0.0

    def __post_init__(self) -> None:
        if self.number is not None and self.number < 1:
            raise UsageError(f"--workers {self.number} is none; give a number of at least 1, or leave it out.")
        if self.cpus < 1:
            raise UsageError(f"--worker-cpus {self.cpus} is none; give a number of at least 1.")
        if not 0 <= self.gpus < math.inf:
            raise UsageError(f"--worker-gpus {self.gpus:g} is not a number of GPUs; give 0, a share such as 0.5, or a number.")
