"""How photos are labelled, as plain values, so that every process does it alike."""

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

    `largest` keeps one face a picture, `min_face` drops smaller squares, and `whole` takes a picture without any face as one. Of
    videos a frame is looked at `every` so many seconds, or each frame if that is 0.
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
    """Who labels, with which faces: see `labeller_for` and `detector`."""

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
        """Return all that an outcome depends on besides the photo, as JSON values."""
        return {
            "model": labeller.title,
            "weights": labeller.sha256,
            "detector": self.detector,
            **asdict(self.options),
            "fercli": __version__,
        }


@dataclass(frozen=True)
class Workers:
    """How many processes label (None: as many as fit the cluster), and the cores and graphics processors that each is given."""

    number: int | None = None
    cpus: int = 1
    gpus: float = 0.0
