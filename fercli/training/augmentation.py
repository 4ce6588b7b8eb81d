"""Random changes of training images, on the device and in any backend."""

from typing import Any

import keras
from keras import ops

from fercli.models.recipes import Augmentation

_ERASED = (0.02, 0.25)  # share of the image
_ASPECT = 2.0  # an erased rectangle is at most so many times as long as it is wide


class Augment(keras.layers.Layer):  # type: ignore[misc]
    """uint8 pixels (N,H,W) changed at random in training, and passed on otherwise; what comes into the image repeats its border."""

    def __init__(self, augmentation: Augmentation, **options: Any) -> None:
        super().__init__(dtype="float32", **options)
        self.augmentation = augmentation
        self._random = keras.random.SeedGenerator()

    def call(self, pixels: Any, training: bool | None = None) -> Any:
        """Turn, scale, shift and mirror at once, then change the light, then erase."""
        if not training:
            return pixels
        images = ops.cast(pixels, "float32")
        images = self._erase(self._light(self._move(images)))
        return ops.cast(ops.round(ops.clip(images, 0.0, 255.0)), "uint8")

    def _draw(self, images: Any, low: float, high: float) -> Any:
        return keras.random.uniform((ops.shape(images)[0],), low, high, seed=self._random)

    def _move(self, images: Any) -> Any:
        bounds = self.augmentation
        height, width = images.shape[1:]
        angle = self._draw(images, -1, 1) * (bounds.rotation * 3.141592653589793 / 180)
        size = 1 + bounds.scale * self._draw(images, -1, 1)
        across, down = (bounds.shift * self._draw(images, -1, 1) * side for side in (width, height))
        mirror = ops.where(self._draw(images, 0, 1) < 0.5 * bounds.flip, -1.0, 1.0)
        # Where each pixel of the result comes from: about the centre, back from the shift, the mirror, the turn and the size.
        a, b = ops.cos(angle) / size, ops.sin(angle) / size
        x, y = (width - 1) / 2, (height - 1) / 2
        rows = [
            *(a * mirror, b, x - a * mirror * (x + across) - b * (y + down)),
            *(-b * mirror, a, y + b * mirror * (x + across) - a * (y + down)),
            *(ops.zeros_like(a), ops.zeros_like(a)),
        ]
        moved = ops.image.affine_transform(
            ops.expand_dims(images, -1),
            ops.stack(rows, axis=1),
            fill_mode="nearest",
            data_format="channels_last",
        )
        return ops.squeeze(moved, -1)

    def _light(self, images: Any) -> Any:
        bounds = self.augmentation
        contrast = ops.reshape(1 + bounds.contrast * self._draw(images, -1, 1), (-1, 1, 1))
        brightness = ops.reshape(255 * bounds.brightness * self._draw(images, -1, 1), (-1, 1, 1))
        mean = ops.mean(images, axis=(1, 2), keepdims=True)
        return (images - mean) * contrast + mean + brightness

    def _erase(self, images: Any) -> Any:
        height, width = images.shape[1:]
        chosen = self._draw(images, 0, 1) < self.augmentation.erasing
        area = self._draw(images, *_ERASED)
        aspect = ops.exp(self._draw(images, -1, 1) * ops.log(_ASPECT))
        tall, wide = ops.sqrt(area * aspect), ops.sqrt(area / aspect)  # shares of the sides
        top, left = self._draw(images, 0, 1) * (1 - tall), self._draw(images, 0, 1) * (1 - wide)
        rows = (ops.arange(height, dtype="float32") + 0.5) / height
        columns = (ops.arange(width, dtype="float32") + 0.5) / width
        inside_rows = (rows[None] >= top[:, None]) & (rows[None] < (top + tall)[:, None]) & chosen[:, None]
        inside_columns = (columns[None] >= left[:, None]) & (columns[None] < (left + wide)[:, None])
        gray = ops.reshape(self._draw(images, 0, 255), (-1, 1, 1))
        return ops.where(inside_rows[:, :, None] & inside_columns[:, None, :], gray, images)
