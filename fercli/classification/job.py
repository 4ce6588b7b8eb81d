"""How photos are labelled, as plain values, so that every process does it in the same way."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fercli.errors import UsageError
from fercli.files import MAX_PIXELS
from fercli.version import __version__

if TYPE_CHECKING:
    from fercli.models.inference import Labels


@dataclass(frozen=True)
class Options:
    """Which pictures and faces count; lengths in pixels of the upright picture, a photo or a frame of a video.

    `largest` keeps one face a picture, `min_face` drops faces with a shorter side, and `whole` takes a picture in which no face is
    found as one face. Videos are looked at `every` so many seconds, or at each frame if that is 0. Raises UsageError if `every` is
    negative or not finite.
    """

    largest: bool = False
    min_face: int = 0
    whole: bool = False
    max_pixels: int = MAX_PIXELS
    every: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.every < math.inf:
            raise UsageError(f"--every {self.every:g} is no step in seconds; give 0 for each frame, or a positive number.")


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


@dataclass(frozen=True)
class Workers:
    """How many processes label (None: as many as the cluster has room for), and the cores and graphics processors for each."""

    number: int | None = None
    cpus: int = 1
    gpus: float = 0.0
