"""MTCNN (Zhang et al. 2016): three networks that look ever closer at ever fewer places, and a last look at what they find."""

import math
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.models.sessions import open_session
from fercli.photos.faces import Found, distinct
from fercli.photos.faces.framing import frame_around
from fercli.photos.faces.pyramid import Floats, Pyramid

SMALLEST = 20  # pixels of the smallest face, as the first network was trained
_CELL, _STRIDE = 12, 2  # pixels that the first network sees at a place, and from one place to the next
_MIDDLE, _LAST = 24, 48  # pixels of the sides that the other two see
# Scores that pass the first two networks. The paper's, which are quick, miss most heads tilted by over 30°. The keen ones let too
# much through, which the third network and the last look sort out.
QUICK, KEEN = (0.6, 0.7), (0.4, 0.3)
_FOUND, _SURE = 0.4, 0.7  # scores that pass the third network, and the last look
_CLOSER, _WIDER = 0.85, 1.18  # sides of the frames in which the last look sees a face, too
_MOST = 1500  # best places that a network passes on: a picture of nothing but faces must not take all memory
_TOGETHER = 8  # places that a network sees in one go; fewer or more take longer
_COMPARED = 64  # places compared with all others in one go, so that memory is bounded
_TILE = 256  # rows and columns of a photo that the first network sees in one go, so that memory is bounded


class Cascade:
    """The three networks with their weights; several threads may use them at once."""

    def __init__(self) -> None:
        here = files(__package__) / "networks"
        # A graphics processor would prepare anew for each of a photo's many sizes.
        self._proposal, self._refinement, self._output = (
            open_session((here / f"{name}.onnx").read_bytes(), graphics=False) for name in ("proposal", "refinement", "output")
        )

    def find(
        self, photo: NDArray[np.uint8], smallest: float, largest: float = math.inf, passing: tuple[float, float] = KEEN
    ) -> list[Found]:
        """Return the faces in a grey photo (height, width), each once, from left to right.

        Their sides are about `smallest` to `largest` pixels; faces below `SMALLEST` are not sought. `passing`, which is `QUICK` or
        `KEEN`, holds the scores that a place needs to pass the first two networks.
        """
        pyramid = Pyramid(photo, max(smallest, SMALLEST), largest, _CELL)
        boxes = self._refined(pyramid, self._proposed(pyramid, passing[0]), passing[1])
        frames = [frame_around(points.tolist()) for points in self._landmarks(pyramid, boxes)]
        if not frames:
            return []
        squares = np.array([(frame.x, frame.y, frame.side, np.radians(frame.roll)) for frame in frames], np.float32)
        scores = self._scores(pyramid, squares)
        return distinct([Found(frame, score) for frame, score in zip(frames, scores.tolist(), strict=True) if score > _SURE])

    def _proposed(self, pyramid: Pyramid, passing: float) -> Floats:
        found = [self._search(pyramid.levels[number], pyramid.scales[number], passing) for number in pyramid.searched]
        boxes, scores = (
            np.concatenate(parts) for parts in zip((np.empty((0, 4), np.float32), np.empty(0, np.float32)), *found, strict=True)
        )
        return boxes[_best(boxes, scores, 0.7)]

    def _search(self, level: NDArray[np.uint8], scale: np.float32, passing: float) -> tuple[Floats, Floats]:
        """Return boxes (N,4), in pixels of the photo, and scores (N,) of what may be faces of about `_CELL` pixels at one size."""
        boxes, scores = [np.empty((0, 4), np.float32)], [np.empty(0, np.float32)]
        for top, left, tile in _tiles(level):
            box, score = self._proposal.run(["box", "score"], {"pixels": tile[None, None].astype(np.float32)})
            rows, columns = np.nonzero(score[0, 0] > passing)
            if not len(rows):
                continue
            corners = np.stack([columns * _STRIDE + left, rows * _STRIDE + top], axis=1)
            boxes.append((np.concatenate([corners, corners + _CELL], axis=1) + _CELL * box[0, :, rows, columns]) / scale)
            scores.append(score[0, 0, rows, columns])
        found, likely = np.concatenate(boxes), np.concatenate(scores)
        kept = _best(found, likely, 0.5)
        return found[kept], likely[kept]

    def _refined(self, pyramid: Pyramid, boxes: Floats, passing: float) -> Floats:
        squares = _squares(boxes)
        box, score = _run(self._refinement, ("box", "score"), pyramid.patches(squares, _MIDDLE))
        boxes = _moved(squares, box)
        kept = np.flatnonzero(score[:, 0] > passing)
        return boxes[kept[_best(boxes[kept], score[kept, 0], 0.7)]]

    def _landmarks(self, pyramid: Pyramid, boxes: Floats) -> Floats:
        """Return eyes, nose and corners of the mouth (N,5,2), in pixels, of what the third network takes for faces."""
        squares = _squares(boxes)
        box, score, marks = _run(self._output, ("box", "score", "landmarks"), pyramid.patches(squares, _LAST))
        boxes = _moved(squares, box)
        kept = np.flatnonzero(score[:, 0] > _FOUND)
        kept = kept[_best(boxes[kept], score[kept, 0], 0.7, of_smaller=True)]
        points: Floats = squares[kept, None, :2] + squares[kept, None, 2:3] * (
            marks[kept].reshape(-1, 2, 5).transpose(0, 2, 1) - 0.5
        )
        return points

    def _scores(self, pyramid: Pyramid, squares: Floats) -> Floats:
        """Return the mean score (N,) of each face, set upright: as it is framed, mirrored, closer and wider."""
        looks = np.concatenate([squares * np.array([1, 1, factor, 1], np.float32) for factor in (1, _CLOSER, _WIDER)])
        seen = pyramid.patches(looks, _LAST)
        mirrored = seen[: len(squares), ..., ::-1]
        (scores,) = _run(self._output, ("score",), np.concatenate([seen, mirrored]))
        mean: Floats = scores.reshape(4, -1).mean(axis=0)
        return mean


def _run(network: Any, outputs: Sequence[str], patches: Floats) -> list[Floats]:
    """Return a network's outputs for patches (N,1,side,side)."""
    starts = range(0, max(1, len(patches)), _TOGETHER)
    parts = [network.run(outputs, {"pixels": patches[start : start + _TOGETHER]}) for start in starts]
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def _tiles(level: NDArray[np.uint8]) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
    """Yield tiles of an image with their top and left; they overlap, so that each place of the first network lies within one."""
    step, (height, width) = _TILE - _CELL + _STRIDE, level.shape
    for top in range(0, height - _CELL + 1, step):
        for left in range(0, width - _CELL + 1, step):
            yield top, left, level[top : top + _TILE, left : left + _TILE]


def _squares(boxes: Floats) -> Floats:
    """Return the upright squares around boxes (left, top, right, bottom), in the form that `Pyramid.patches` takes."""
    low, high = boxes[:, :2], boxes[:, 2:]
    return np.concatenate(
        [(low + high) / 2, (high - low).max(axis=1, keepdims=True), np.zeros((len(boxes), 1))], axis=1, dtype=np.float32
    )


def _moved(squares: Floats, by: Floats) -> Floats:
    """Return the squares as boxes, their edges moved by the given parts of their sides."""
    middle, side = squares[:, :2], squares[:, 2:3]
    edges: Floats = np.concatenate([middle - side / 2, middle + side / 2], axis=1) + by * side
    return edges


def _best(boxes: Floats, scores: Floats, most: float, of_smaller: bool = False) -> NDArray[np.intp]:
    """Return the indices of those boxes, best first, that no better one overlaps by more than `most`.

    That is a share of the union of both or, with `of_smaller`, of the smaller one. Only the `_MOST` best are considered.
    """
    order = np.argsort(-scores, kind="stable")[:_MOST]
    if len(order) < 2:  # as in most sizes of most photos
        return order
    left, top, right, bottom = np.ascontiguousarray(boxes[order].T)
    areas = (right - left) * (bottom - top)
    numbers, beaten = np.arange(len(order)), np.zeros(len(order), bool)
    for start in range(0, len(order), _COMPARED):
        some, others = slice(start, start + _COMPARED), slice(start, None)  # no box is beaten by those after it
        width, height = (
            np.maximum(np.minimum(b[some, None], b[others]) - np.maximum(a[some, None], a[others]), 0)
            for a, b in ((left, right), (top, bottom))
        )
        shared = width * height
        whole = np.minimum(areas[some, None], areas[others]) if of_smaller else areas[some, None] + areas[others] - shared
        better = numbers[some, None] < numbers[others]
        beaten[others] |= (better & (shared > most * whole)).any(axis=0)
    kept: NDArray[np.intp] = order[~beaten]
    return kept
