"""From a face's landmarks to the frame that FER2013 would have cut around it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fercli.models.registry import SIDE
from fercli.photos.geometry import Frame

Point = tuple[float, float]

# Left eye, right eye (as seen in the picture), nose, left and right corner of the mouth: means over 400 faces of FER2013, in pixels
# of its 48 x 48.
TEMPLATE = ((15.0, 18.5), (33.0, 18.2), (24.0, 28.8), (16.8, 37.5), (31.8, 37.2))


def frame_around(landmarks: Sequence[Point]) -> Frame:
    """Return the frame in which five landmarks, in the order of `TEMPLATE`, come as near to its places as possible.

    This is the least-squares similarity transform (Umeyama 1991), here in complex numbers. It takes five points rather than the
    eyes alone because the eyes move together when a head turns aside, and the frame would shrink with them.
    """
    seen, wanted = _complex(landmarks), _complex(TEMPLATE)
    centred = wanted - wanted.mean()
    # photo = turn * template + shift; fitted in this direction, so that landmarks close together never give an endless frame
    turn = np.vdot(centred, seen) / np.vdot(centred, centred).real
    middle = turn * (complex(SIDE, SIDE) / 2 - wanted.mean()) + seen.mean()
    return Frame(float(middle.real), float(middle.imag), float(abs(turn)) * SIDE, float(np.degrees(np.angle(turn))))


def _complex(points: Sequence[Point]) -> NDArray[np.complex128]:
    return np.array([complex(x, y) for x, y in points])
