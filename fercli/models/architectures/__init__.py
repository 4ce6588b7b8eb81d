"""Kinds of networks: arguments as data, for the registry to hold, and the layers that they stand for.

Importing this imports no Keras.
"""

from dataclasses import dataclass
from typing import Any

from fercli.errors import FercliError


@dataclass(frozen=True)
class Style:
    """How all layers are made: `l2` weighs squared kernels, `precision` is a Keras dtype policy."""

    l2: float = 0.0
    precision: str = "float32"

    @property
    def plain(self) -> dict[str, Any]:
        """Options of a layer without kernel."""
        return {"dtype": self.precision}

    @property
    def kernel(self) -> dict[str, Any]:
        """Options of a layer with a kernel."""
        import keras

        return {"kernel_regularizer": keras.regularizers.L2(self.l2) if self.l2 else None, "dtype": self.precision}


class Network:
    """A kind of network; one is a frozen dataclass of its arguments, with a method that makes its layers.

    What all have is made elsewhere, see `networks.build`: the inputs, the mean that is subtracted, the logits and their softmax.
    """

    initializer = "glorot_uniform"  # of the kernel behind the logits
    standardize = False  # the tones of each image, first

    @property
    def dropout(self) -> tuple[float, ...]:
        """The dropout rates, in order; a card tells them, and with which of them weights were trained."""
        return ()

    def features(self, images: Any, hog: Any, style: Style) -> Any:
        """Return what the logits are computed from, a Keras tensor (N,K), of images (N,H,W,1) and HOG (N,800), None without.

        Each layer with weights needs a name of its own, by which these are stored.
        """
        raise FercliError(f"{type(self).__name__} makes no layers; give it a method features(images, hog, style).")

    def as_trained(self, standardized: bool) -> "Network":
        """Return the same as it was when weights were trained that say whether tones were `standardized`."""
        return self
