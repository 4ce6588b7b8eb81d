"""Layers that Keras does not have."""

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
