"""Random changes of training images, on the device and with any backend of Keras."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from fercli.models.recipes import Augmentation

# JPEG's quantisation table of luminance at quality 50, by frequency down and across (ITU-T T.81, table K.1).
_COARSENESS = (
    *(16, 11, 10, 16, 24, 40, 51, 61),
    *(12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77),
    *(24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101),
    *(72, 92, 95, 98, 112, 100, 103, 99),
)
_BLOCK, _BEST_QUALITY = 8, 95
_ERASED = (0.02, 0.25)  # share of the image
_ASPECT = 2.0  # an erased rectangle is at most so many times as long as it is wide


class Augment(keras.layers.Layer):  # type: ignore[misc]
    """Changes uint8 pixels (N,H,W) at random in training, and leaves them as they are otherwise; borders are repeated outwards."""

    def __init__(self, augmentation: Augmentation, **options: Any) -> None:
        super().__init__(dtype="float32", **options)
        self.augmentation = augmentation.scaled
        self._random = keras.random.SeedGenerator()

    def call(self, pixels: Any, training: bool | None = None) -> Any:
        """Rotate, scale, shift and flip in one step, then change the light, sharpness, noise and JPEG quality, then erase."""
        if not training:
            return pixels
        images = ops.cast(pixels, "float32")
        images = self._erase(self._compress(self._add_noise(self._sharpen(self._light(self._move(images))))))
        return ops.cast(ops.round(ops.clip(images, 0.0, 255.0)), "uint8")

    def _draw(self, images: Any, low: float, high: float) -> Any:
        return keras.random.uniform((ops.shape(images)[0],), low, high, seed=self._random)

    def _draw_each(self, images: Any, bound: float) -> Any:
        """Return a number from minus to plus `bound` for each image (N,1,1), to multiply with or add to all of its pixels."""
        return ops.reshape(self._draw(images, -bound, bound), (-1, 1, 1))

    def _chosen(self, images: Any, share: float) -> Any:
        return self._draw(images, 0, 1) < share

    def _move(self, images: Any) -> Any:
        bounds = self.augmentation
        height, width = images.shape[1:]
        angle = self._draw(images, -1, 1) * math.radians(bounds.rotation)
        size = 1 + bounds.scale * self._draw(images, -1, 1)
        across, down = (bounds.shift * self._draw(images, -1, 1) * side for side in (width, height))
        mirror = ops.where(self._chosen(images, 0.5 * bounds.flip), -1.0, 1.0)
        unmoved = self._chosen(images, bounds.unmoved)
        angle, size = ops.where(unmoved, 0.0, angle), ops.where(unmoved, 1.0, size)
        across, down = (ops.where(unmoved, ops.round(shift), shift) for shift in (across, down))
        # Where each pixel of the result comes from: about the centre, undo the shift, the flip, the rotation and the scale.
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
        if bounds.gamma:
            images = 255 * ops.power(ops.clip(images / 255, 0.0, 1.0), ops.exp(self._draw_each(images, bounds.gamma)))
        if bounds.side_light:
            height, width = images.shape[1:]
            direction = self._draw_each(images, math.pi)
            down = ops.linspace(-1.0, 1.0, height)[None, :, None] * ops.sin(direction)
            across = ops.linspace(-1.0, 1.0, width)[None, None, :] * ops.cos(direction)
            images = images * (1 + self._draw_each(images, bounds.side_light) * (down + across) / 2**0.5)
        contrast, brightness = ops.exp(self._draw_each(images, bounds.contrast)), self._draw_each(images, 255 * bounds.brightness)
        mean = ops.mean(images, axis=(1, 2), keepdims=True)
        return (images - mean) * contrast + mean + brightness

    def _sharpen(self, images: Any) -> Any:
        if not self.augmentation.sharpness:
            return images
        detail = images - _both_ways(images, *(_binomial(side) for side in images.shape[1:]))
        return images + self._draw_each(images, self.augmentation.sharpness) * detail

    def _add_noise(self, images: Any) -> Any:
        if not self.augmentation.noisy:
            return images
        noise = keras.random.normal(ops.shape(images), seed=self._random)
        deviation = self._draw(images, 0, self.augmentation.noise)
        deviation = ops.where(self._chosen(images, self.augmentation.noisy), deviation, 0.0)
        return images + ops.reshape(deviation, (-1, 1, 1)) * noise

    def _compress(self, images: Any) -> Any:
        """Quantise the frequencies of each block of 8x8 pixels as JPEG would, at a random quality."""
        if not self.augmentation.compressed:
            return images
        height, width = (side // _BLOCK for side in images.shape[1:])
        quality = ops.reshape(self._draw(images, self.augmentation.quality, _BEST_QUALITY), (-1, 1, 1))
        factor = ops.where(quality < 50, 50 / quality, 2 - quality / 50)  # the Independent JPEG Group's
        table = np.tile(np.array(_COARSENESS, np.float32).reshape(_BLOCK, _BLOCK), (height, width))
        step = ops.clip(ops.floor(table * factor + 0.5), 1.0, 255.0)
        rows, columns = (np.kron(np.eye(blocks, dtype=np.float32), _cosines()) for blocks in (height, width))
        frequencies = _both_ways(ops.round(ops.clip(images, 0.0, 255.0)) - 128, rows, columns)
        rounded = _both_ways(ops.round(frequencies / step) * step, rows.T, columns.T) + 128
        chosen = ops.reshape(self._chosen(images, self.augmentation.compressed), (-1, 1, 1))
        return ops.where(chosen, rounded, images)

    def _erase(self, images: Any) -> Any:
        height, width = images.shape[1:]
        chosen = self._chosen(images, self.augmentation.erasing)
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


def _both_ways(images: Any, rows: NDArray[np.float32], columns: NDArray[np.float32]) -> Any:
    """Apply one matrix down and another across the images."""
    return ops.matmul(ops.matmul(rows, images), columns.T)


def _binomial(side: int) -> NDArray[np.float32]:
    """Return the matrix (side,side) that blurs with weights 1 2 1, borders repeated."""
    matrix: NDArray[np.float64] = (2 * np.eye(side) + np.eye(side, k=1) + np.eye(side, k=-1)) / 4
    matrix[0, 0] = matrix[-1, -1] = 3 / 4
    return matrix.astype(np.float32)


def _cosines() -> NDArray[np.float32]:
    """Return the orthonormal matrix (8,8) of the discrete cosine transform."""
    place = np.arange(_BLOCK)
    matrix: NDArray[np.float64] = np.cos(np.pi * np.outer(place, 2 * place + 1) / (2 * _BLOCK)) * np.sqrt(2 / _BLOCK)
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)
