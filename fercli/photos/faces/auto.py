"""The default detector, which searches a photo as thoroughly as it turns out to need."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fercli.photos.faces import CROP_SIDE, LARGE_CROP_SIDE, Found, WholeImage, distinct, is_flat
from fercli.photos.faces.cascade import QUICK, Cascade
from fercli.photos.geometry import Frame
from fercli.photos.images import shrunk, turned

_LONG = 1.6  # no crop's sides are so unequal
_EMPTY = 8  # grey levels; a photo with no greater difference anywhere shows nothing at all
# Faces are sought down to these parts of the longer side, one after the other.
_LARGE, _MEDIUM, _SMALL = 1 / 10, 1 / 32, 1 / 100
_QUICK_FACE = 36  # pixels; smaller faces are not sought at first
_ALONE = 1 / 5  # of the longer side: so large a face seldom has a smaller one beside it
_CROWD = 1 / 16  # of the longer side: where faces are so small, there may be smaller ones
_CERTAIN = 0.97  # a face with such a score shows that a photo, or a view of it, is the right way up
_TILTED = 25  # degrees; a head that seems turned further may really be turned further still
_VIEW_SIDE = 1280  # pixels of the longer side at which photos are turned
_MARGIN = 0.3  # of the shorter side
_TURNS = (90, 270, 180, 45, -45)


class Auto:
    """Takes small images whole, as crops of faces; searches photos quickly and, if need be, finer, with other tones, and turned."""

    def __init__(self) -> None:
        self._cascade = Cascade()

    def find(self, photo: NDArray[np.uint8]) -> list[Found]:
        """Return the faces of a grey photo (height, width); none of flat images, whatever their size.

        An image with sides of up to `CROP_SIDE` pixels is taken whole, as one face; so is one of up to `LARGE_CROP_SIDE` in which
        nobody is found, if it has the shape of a crop.
        """
        longer, shorter = max(photo.shape), min(photo.shape)
        if longer > CROP_SIDE and int(photo.max()) - int(photo.min()) >= _EMPTY:
            found = self._search(photo)
            if found or longer > LARGE_CROP_SIDE or longer >= _LONG * shorter:
                return found
        return [] if is_flat(photo) else WholeImage().find(photo)

    def _search(self, photo: NDArray[np.uint8]) -> list[Found]:
        """Return the faces of the photo, seen in other views as well if nobody is found upright."""
        found = self._search_finer(photo)
        if any(map(_upright, found)):
            return distinct(found)
        certain = list(filter(_certain, found))
        for view, frame_back in _views(photo):
            seen = list(filter(_certain, self._cascade.find(view, max(view.shape) * _MEDIUM)))
            certain += [replace(face, frame=frame_back(face.frame)) for face in seen]
            if any(map(_upright, seen)):
                break
        return distinct(certain or found)  # in a photo on its side, what is found upright may be chance resemblances

    def _search_finer(self, photo: NDArray[np.uint8]) -> list[Found]:
        longest = max(photo.shape)
        found = self._cascade.find(photo, max(_QUICK_FACE, longest * _LARGE), passing=QUICK)
        if len(found) == 1 and found[0].frame.side > longest * _ALONE and _upright(found[0]):
            return found
        found = self._cascade.find(photo, longest * _MEDIUM)
        if not found or any(face.frame.side < longest * _CROWD for face in found):
            found += self._cascade.find(photo, longest * _SMALL, longest * _MEDIUM)
        return found


def _certain(face: Found) -> bool:
    return face.score is not None and face.score > _CERTAIN


def _upright(face: Found) -> bool:
    return _certain(face) and abs(face.frame.roll) < _TILTED


def _views(photo: NDArray[np.uint8]) -> Iterator[tuple[NDArray[np.uint8], Callable[[Frame], Frame]]]:
    """Yield the photo with stretched tones and a margin, then turned; each with the function that brings a frame back."""
    small = shrunk(photo, _VIEW_SIDE)
    scale = max(photo.shape) / max(small.shape)
    dark, bright = np.percentile(small, (1, 99))
    stretched = np.clip((small - dark) * (255 / max(1.0, bright - dark)), 0, 255).astype(np.uint8)
    margin = round(_MARGIN * min(small.shape))
    yield np.pad(stretched, margin), lambda frame: frame.moved(-margin, -margin).scaled(scale)
    for degrees in _TURNS:
        view = turned(small, degrees)
        yield view, partial(_turned_back, degrees=degrees, view=view.shape, photo=small.shape, scale=scale)


def _turned_back(frame: Frame, degrees: float, view: tuple[int, int], photo: tuple[int, int], scale: float) -> Frame:
    about_middle = frame.moved(-view[1] / 2, -view[0] / 2).turned(-degrees)
    return about_middle.moved(photo[1] / 2, photo[0] / 2).scaled(scale)
