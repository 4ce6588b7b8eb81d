"""Layers that Keras lacks, or has only in a slower form."""

from typing import Any

import keras
import numpy as np


class ToneStandardization(keras.layers.Layer):  # type: ignore[misc]
    """Shifts and stretches the tones of uint8 pixels (N,H,W): the middle of each image gets mean 128 and deviation 64, as float32.

    A deviation below 16 counts as 16, so that an image with nothing in it does not turn into noise. Values outside 0 to 255 are
    kept.
    """

    MEAN, DEVIATION, LEAST = 128.0, 64.0, 16.0  # grey levels

    def __init__(self, **options: Any) -> None:
        super().__init__(dtype="float32", **options)

    def call(self, pixels: Any) -> Any:
        """Standardise, by operations that every exchange format knows."""
        pixels = keras.ops.cast(pixels, "float32")
        middle = _middle(pixels)
        mean = keras.ops.mean(middle, axis=(1, 2), keepdims=True)
        off = middle - mean
        deviation = keras.ops.sqrt(keras.ops.mean(off * off, axis=(1, 2), keepdims=True))
        return (pixels - mean) / keras.ops.maximum(deviation, self.LEAST) * self.DEVIATION + self.MEAN


class ToneEqualization(keras.layers.Layer):  # type: ignore[misc]
    """Moves the tones of pixels (N,H,W), 0 to 255, to where all tones of the middle of the image are equally frequent.

    That is histogram equalisation (Pizer et al. 1987): it brings out what is faint in evenly lit skin. `share` is how much of the
    way they go, 0 to 1. The histogram has `BINS`, so few that an image of few tones is not torn apart, and each pixel counts in the
    two bins whose centres are nearest. Values may lie outside 0 to 255.
    """

    BINS = 9  # the centres of the first and the last are 0 and 255

    def __init__(self, share: float, **options: Any) -> None:
        super().__init__(dtype="float32", **options)
        self.share = share

    def call(self, pixels: Any) -> Any:
        """Equalise, by operations that every exchange format knows."""
        # How far each pixel is from the centre of the bin before (N,BINS,H,W), 0 to 1; of the first that is one below 0.
        before = np.arange(-1, self.BINS - 1, dtype=np.float32)[:, None, None]
        reach = keras.ops.clip(keras.ops.expand_dims(pixels, 1) * ((self.BINS - 1) / 255) - before, 0.0, 1.0)
        above = keras.ops.mean(_middle(reach), axis=(2, 3), keepdims=True)
        ones = keras.ops.ones_like(above[:, :1])
        above = keras.ops.concatenate([ones, above, 0 * ones], axis=1)
        rise = (above[:, :-2] - above[:, 2:]) / 2  # the mean share of two neighbouring bins; half of the first alone
        even = 255 * keras.ops.sum(rise * reach, axis=1)
        return even * self.share + pixels * (1 - self.share)


def middle_of(height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the first row and column of the middle of an image, which is face whatever surrounds it, and those after its last.

    It leaves out a sixth of the side at each border.
    """
    down, across = height // 6, width // 6
    return (down, across), (height - down, width - across)


def _middle(images: Any) -> Any:
    """Return the middle of images (...,H,W)."""
    (top, left), (bottom, right) = middle_of(*images.shape[-2:])
    return images[..., top:bottom, left:right]


class MeanSubtraction(keras.layers.Layer):  # type: ignore[misc]
    """Subtracts the mean training image from pixels (N,H,W), 0 to 255, and scales the result to -1 to 1: (N,H,W,1).

    The mean (H,W), 0 to 255, is a weight of the layer, so that it is stored with the others and cannot be forgotten.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(autocast=False, **options)  # in bfloat16, pixels would be rounded to steps of 1 before the subtraction

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the mean, zero until it is set."""
        self.mean = self.add_weight(shape=shape[1:], initializer="zeros", trainable=False, name="mean", dtype="float32")

    def call(self, pixels: Any) -> Any:
        """Subtract, scale, and add the channel axis."""
        pixels = keras.ops.cast(pixels, "float32")
        scaled = (pixels - keras.ops.cast(self.mean, "float32")) / 255.0
        return keras.ops.expand_dims(keras.ops.cast(scaled, self.compute_dtype), -1)


class BatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Keras's layer, except that TensorFlow trains over images (N,H,W,C) with its single fused operation, in the layer's precision.

    Keras itself makes some twenty passes over float32 copies, which took a third of a deep network's training step on a CPU. The
    moving variance is the unbiased one, which differs from Keras's by one part in N*H*W. A `synchronized` layer is Keras's own,
    since the operation sees only one device's share of the batch.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise by the batch's statistics in training, by the moving ones otherwise."""
        fused = len(inputs.shape) == 4 and keras.backend.backend() == "tensorflow" and not self.synchronized
        if not training or mask is not None or not fused:
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma,
            offset=self.beta,
            mean=self.moving_mean,
            variance=self.moving_variance,
            epsilon=self.epsilon,
            exponential_avg_factor=1.0,
            is_training=True,
        )
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))
        return outputs
