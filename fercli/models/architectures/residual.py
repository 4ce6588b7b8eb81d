"""Residual networks with squeeze-and-excitation (He et al. 2016; Hu et al. 2018), at the size of FER2013's faces."""

from dataclasses import dataclass, replace
from typing import Any

from fercli.models.architectures import Network, Style


@dataclass(frozen=True)
class ResidualNetwork(Network):
    """Arguments of the residual networks: a convolution, stages of (filters, blocks) at ever half the side, mean, affine.

    `squeeze` is the factor by which squeeze-and-excitation narrows the channels, 0 for none. With `standardize`, the tones of each
    image are standardised first, and then go the share `equalize` of the way to equal frequency; since that has no weights of its
    own, `as_trained` sets it as the weights at hand need it.
    """

    stem: int
    stages: tuple[tuple[int, int], ...]
    squeeze: int
    head_dropout: float
    standardize: bool = False
    equalize: float = 0.0

    @property
    def dropout(self) -> tuple[float, ...]:
        """The dropout rate before the last layer."""
        return (self.head_dropout,)

    def as_trained(self, *, standardized: bool, equalized: float) -> "ResidualNetwork":
        """Return the same with other tones."""
        return replace(self, standardize=standardized, equalize=equalized)

    def features(self, images: Any, hog: Any, style: Style) -> Any:
        """Return the mean of the last stage's channels; HOG is not used."""
        from keras import layers

        x = _convolution(images, self.stem, 3, 1, "stem", style)
        for stage, (filters, blocks) in enumerate(self.stages, start=1):
            for block in range(1, blocks + 1):
                x = _block(x, filters, 2 if block == 1 else 1, self.squeeze, f"stage{stage}_block{block}", style)
        x = layers.GlobalAveragePooling2D(name="features", **style.plain)(x)
        return layers.Dropout(self.head_dropout, name="features_dropout", **style.plain)(x)


def _convolution(x: Any, filters: int, size: int, strides: int, name: str, style: Style, *, relu: bool = True) -> Any:
    """Convolution without bias, batch normalisation, and ReLU if `relu`."""
    from keras import layers

    from fercli.models.architectures.layers import BatchNormalization

    x = layers.Conv2D(
        filters, size, strides, padding="same", use_bias=False, kernel_initializer="he_normal", name=name, **style.kernel
    )(x)
    # The last scale of a block does not start at zero (Goyal et al. 2017): with so few blocks that learns more slowly, 26 % of the
    # training images right after 120 steps, against 38 %.
    x = BatchNormalization(name=f"{name}_normalization", **style.plain)(x)
    return layers.ReLU(name=f"{name}_relu", **style.plain)(x) if relu else x


def _block(x: Any, filters: int, strides: int, squeeze: int, name: str, style: Style) -> Any:
    """Two 3x3 convolutions, the second excited by channel, plus the input; ReLU."""
    from keras import layers

    short = x
    if strides > 1 or x.shape[-1] != filters:
        if strides > 1:  # a strided 1x1 convolution would skip three of four pixels (He, T. et al. 2019)
            short = layers.AveragePooling2D(strides, name=f"{name}_short_pool", **style.plain)(short)
        short = _convolution(short, filters, 1, 1, f"{name}_short", style, relu=False)
    x = _convolution(x, filters, 3, strides, f"{name}_first", style)
    x = _convolution(x, filters, 3, 1, f"{name}_second", style, relu=False)
    if squeeze:
        x = _excited(x, filters, squeeze, name, style)
    x = layers.Add(name=f"{name}_sum", **style.plain)([x, short])
    return layers.ReLU(name=f"{name}_relu", **style.plain)(x)


def _excited(x: Any, filters: int, squeeze: int, name: str, style: Style) -> Any:
    from keras import layers

    scale = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze", **style.plain)(x)
    scale = layers.Dense(filters // squeeze, "relu", name=f"{name}_excite1", **style.kernel)(scale)
    scale = layers.Dense(filters, "sigmoid", name=f"{name}_excite2", **style.kernel)(scale)
    return layers.Multiply(name=f"{name}_excited", **style.plain)([x, scale])
