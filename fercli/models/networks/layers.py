"""Layers that Keras does not have, or has only slower."""

from typing import Any

import keras


class MeanSubtraction(keras.layers.Layer):  # type: ignore[misc]
    """uint8 pixels (N,H,W) minus the mean training image, in units of the full range: (N,H,W,1), from -1 to 1.

    The mean (H,W), 0 to 255, is a weight of the layer, so that it is stored with the others and cannot be forgotten.
    """

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the mean, zero until it is set."""
        self.mean = self.add_weight(shape=shape[1:], initializer="zeros", trainable=False, name="mean", dtype="float32")

    def call(self, pixels: Any) -> Any:
        """Subtract, scale, and add the channel axis."""
        pixels = keras.ops.cast(pixels, "float32")
        scaled = (pixels - keras.ops.cast(self.mean, "float32")) / 255.0
        return keras.ops.expand_dims(keras.ops.cast(scaled, self.compute_dtype), -1)


class BatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Keras's layer; over images (N,H,W,C), TensorFlow trains with its one fused operation, in the layer's precision.

    Keras makes some twenty passes over float32 copies instead, which were a third of a deep network's training step on a CPU. The
    moving variance is the unbiased one, which differs from Keras's by one part in N*H*W. A `synchronized` layer is all Keras's: the
    operation sees one device's share of the batch alone.
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
