"""MTCNN (Zhang et al. 2016), by the networks and stages of the package of that name: the only module that imports it."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np
import tensorflow as tf
from mtcnn.stages import StageONet, StagePNet, StageRNet
from numpy.typing import NDArray

from fercli.photos.faces import Found, distinct
from fercli.photos.faces.framing import frame_around
from fercli.photos.images import shrunk

SMALLEST_FACE = 20  # in a photo shrunk to the side that is searched: what the first network was trained to see
_BATCH = 16
_BOX_COLUMNS = 6
# The package's order of landmarks is that of `framing.TEMPLATE`.
_STAGES = ((StagePNet, "pnet", None), (StageRNet, "rnet", 24), (StageONet, "onet", 48))


class Mtcnn:
    """Three small networks, which find turned and tilted heads, too, and the landmarks by which a face is framed.

    Photos are searched at most `side` pixels large, for faces from `SMALLEST_FACE` pixels there.
    """

    def __init__(self, side: int) -> None:
        self._side = side
        self._stages = [_stage(kind, name, size) for kind, name, size in _STAGES]

    def find(self, photos: Sequence[NDArray[np.uint8]]) -> list[list[Found]]:
        """Return the faces in each photo; all are searched on one canvas size, `_BATCH` at a time."""
        found: list[list[Found]] = []
        for start in range(0, len(photos), _BATCH):
            found += self._find(photos[start : start + _BATCH])
        return found

    def _find(self, photos: Sequence[NDArray[np.uint8]]) -> list[list[Found]]:
        if len(photos) == 1:  # a batch of one takes other kernels, whose last digits differ
            return self._find([*photos, *photos])[:1]
        small = [shrunk(photo, self._side) for photo in photos]
        scales = [max(few.shape) / max(photo.shape) for few, photo in zip(small, photos, strict=True)]
        faces = self._cascade(np.stack([_on_canvas(pixels, self._side) for pixels in small]))
        found: list[list[Found]] = [[] for _ in photos]
        for face in faces:
            number = int(face[0])
            points = (face[_BOX_COLUMNS:].reshape(2, 5).T + 0.5) / scales[number]
            found[number].append(Found(frame_around(points.tolist()), float(face[_BOX_COLUMNS - 1])))
        return [distinct(faces) for faces in found]

    def _cascade(self, canvases: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return a row a face: photo, left, top, right, bottom, score, then five x and five y."""
        shapes = np.array([canvases.shape[1:]] * len(canvases))
        images = (tf.cast(canvases[..., None], tf.float32) - 127.5) / 128.0  # one tensor: the stages would copy an array each time
        faces: Any = None
        for stage in self._stages:
            try:
                faces = stage(bboxes_batch=faces, images_normalized=images, images_oshapes=shapes, min_face_size=SMALLEST_FACE)
            except tf.errors.InvalidArgumentError:  # the stages' own sign that nothing was left to look at
                return np.empty((0, 16))
            if len(faces) == 0:
                return np.empty((0, 16))
        result: NDArray[np.float64] = faces
        return result


def _on_canvas(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return grey pixels in the upper left of a black canvas (side, side)."""
    canvas = np.zeros((side, side), np.uint8)
    canvas[: pixels.shape[0], : pixels.shape[1]] = pixels
    return canvas


def _stage(kind: Any, name: str, size: int | None) -> Any:
    # By full path: for a bare name the package would first unpickle a file of that name in the current folder.
    path = str(files("mtcnn") / "assets" / "weights" / f"{name}.lz4")
    stage = kind(weights=path)
    # Our photos are grey, so that the first kernels, added up over the colours, need one channel.
    kernel, *others = stage.model.get_weights()
    network = type(stage.model)()
    network.build((None, size, size, 1))
    network.set_weights([kernel.sum(axis=2, keepdims=True), *others])
    # Traced once for any size: the package's eager calls take three times as long.
    stage._model = tf.function(network.call, input_signature=[tf.TensorSpec((None, size, size, 1), tf.float32)])
    return stage
