"""Layers that Keras lacks, or has only in a slower form."""

from typing import Any

import keras


class ToneStandardization(keras.layers.Layer):  # type: ignore[misc]
    """Shifts and stretches the tones of uint8 pixels (N,H,W): the middle of each image gets mean 128 and deviation 64, as float32.

    The middle, which is face whatever surrounds it, leaves out a sixth of the side at each border. A deviation below 16 counts as
    16, so that an image with nothing in it does not turn into noise. Values outside 0 to 255 are kept.
    """

    MEAN, DEVIATION, LEAST = 128.0, 64.0, 16.0  # grey levels
    BORDER = 6  # this part of the side is left out at each border

    def __init__(self, **options: Any) -> None:
        super().__init__(dtype="float32", **options)

    def call(self, pixels: Any) -> Any:
        """Standardise, by operations that every exchange format knows."""
        pixels = keras.ops.cast(pixels, "float32")
        height, width = pixels.shape[1:]
        down, across = height // self.BORDER, width // self.BORDER
        middle = pixels[:, down : height - down, across : width - across]
        mean = keras.ops.mean(middle, axis=(1, 2), keepdims=True)
        off = middle - mean
        deviation = keras.ops.sqrt(keras.ops.mean(off * off, axis=(1, 2), keepdims=True))
        return (pixels - mean) / keras.ops.maximum(deviation, self.LEAST) * self.DEVIATION + self.MEAN


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
