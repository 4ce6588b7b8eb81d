"""Residual networks with squeeze-and-excitation (He et al. 2016; Hu et al. 2018), at the size of FER2013's faces."""

from typing import Any

import keras
from keras import layers

from fercli.models.networks.layers import BatchNormalization, MeanSubtraction, ToneStandardization
from fercli.models.registry import Model, ResidualNetwork


def residual_network(network: ResidualNetwork, model: Model, *, l2: float, precision: str) -> keras.Model:
    """Build what `network` says: a 3x3 convolution, stages of residual blocks, each at half the side, mean, affine, softmax.

    See `networks.build`.
    """
    side = model.input_size
    inputs = keras.Input((side, side), dtype="uint8", name="pixels")
    x = ToneStandardization(name="tones")(inputs) if network.standardize else inputs
    x = MeanSubtraction(name="mean", dtype=precision)(x)
    make = _Maker(l2, precision)
    x = make.convolution(x, network.stem, 3, 1, "stem")
    for stage, (filters, blocks) in enumerate(network.stages, start=1):
        for block in range(1, blocks + 1):
            x = make.block(x, filters, 2 if block == 1 else 1, network.squeeze, f"stage{stage}_block{block}")
    x = layers.GlobalAveragePooling2D(name="features", dtype=precision)(x)
    x = layers.Dropout(network.head_dropout, name="features_dropout", dtype=precision)(x)
    x = layers.Dense(len(model.labels), name="logits", kernel_regularizer=make.regularizer, dtype="float32")(x)
    return keras.Model([inputs], layers.Softmax(name="probabilities", dtype="float32")(x), name=model.name.replace("-", "_"))


class _Maker:
    """Makes layers that share regulariser and precision."""

    def __init__(self, l2: float, precision: str) -> None:
        self.regularizer = keras.regularizers.L2(l2) if l2 else None
        self._precision = precision

    def convolution(self, x: Any, filters: int, size: int, strides: int, name: str, *, relu: bool = True) -> Any:
        """Convolution without bias, batch normalisation, and ReLU if `relu`."""
        x = layers.Conv2D(
            filters,
            size,
            strides,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            kernel_regularizer=self.regularizer,
            name=name,
            dtype=self._precision,
        )(x)
        # A block's last scale does not begin at zero (Goyal et al. 2017), for with so few blocks that learns later: 26 % of the
        # training images right after 120 steps, against 38 %.
        x = BatchNormalization(name=f"{name}_normalization", dtype=self._precision)(x)
        return layers.ReLU(name=f"{name}_relu", dtype=self._precision)(x) if relu else x

    def block(self, x: Any, filters: int, strides: int, squeeze: int, name: str) -> Any:
        """Two 3x3 convolutions, the second excited by channel, plus the input; ReLU."""
        short = x
        if strides > 1 or x.shape[-1] != filters:
            if strides > 1:  # the mean of what a strided 1x1 convolution would pass over (He, T. et al. 2019)
                short = layers.AveragePooling2D(strides, name=f"{name}_short_pool", dtype=self._precision)(short)
            short = self.convolution(short, filters, 1, 1, f"{name}_short", relu=False)
        x = self.convolution(x, filters, 3, strides, f"{name}_first")
        x = self.convolution(x, filters, 3, 1, f"{name}_second", relu=False)
        if squeeze:
            x = self._excite(x, filters, squeeze, name)
        x = layers.Add(name=f"{name}_sum", dtype=self._precision)([x, short])
        return layers.ReLU(name=f"{name}_relu", dtype=self._precision)(x)

    def _excite(self, x: Any, filters: int, squeeze: int, name: str) -> Any:
        options = {"kernel_regularizer": self.regularizer, "dtype": self._precision}
        scale = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze", dtype=self._precision)(x)
        scale = layers.Dense(filters // squeeze, "relu", name=f"{name}_excite1", **options)(scale)
        scale = layers.Dense(filters, "sigmoid", name=f"{name}_excite2", **options)(scale)
        return layers.Multiply(name=f"{name}_excited", dtype=self._precision)([x, scale])
