"""Kinds of networks: their arguments, as data for the registry, and the layers that these stand for.

Importing this imports no Keras.
"""

from dataclasses import dataclass
from typing import Any

from fercli.errors import FercliError


@dataclass(frozen=True)
class Style:
    """How all layers are made: `l2` weights the squared kernels, `precision` is a Keras dtype policy."""

    l2: float = 0.0
    precision: str = "float32"

    @property
    def plain(self) -> dict[str, Any]:
        """Options of a layer without a kernel."""
        return {"dtype": self.precision}

    @property
    def kernel(self) -> dict[str, Any]:
        """Options of a layer with a kernel."""
        import keras

        return {"kernel_regularizer": keras.regularizers.L2(self.l2) if self.l2 else None, "dtype": self.precision}


class Network:
    """A kind of network: subclass it as a frozen dataclass of arguments, with a method `features` that makes the layers.

    What all networks share is made by `networks.build`: the inputs, the mean that is subtracted, the logits and their softmax.
    """

    initializer = "glorot_uniform"  # of the kernel behind the logits
    standardize = False  # whether the tones of each image are standardised first
    equalize = 0.0  # and how much of the way to equal frequency they then go, 0 to 1

    @property
    def dropout(self) -> tuple[float, ...]:
        """The dropout rates, in order, for the cards and for the metadata of weights."""
        return ()

    @property
    def then(self) -> dict[str, str]:
        """What follows layers with weights, by their names, for people; empty where that is more than a line can say."""
        return {}

    def features(self, images: Any, hog: Any, style: Style) -> Any:
        """Return the Keras tensor (N,K) from which the logits are computed, given images (N,H,W,1) and HOG (N,800) or None.

        Each layer with weights needs a name of its own, under which they are stored.
        """
        raise FercliError(f"{type(self).__name__} makes no layers; give it a method features(images, hog, style).")

    def as_trained(self, *, standardized: bool, equalized: float) -> "Network":
        """Return the network as it was when weights were trained whose metadata say what was done to the tones."""
        return self
