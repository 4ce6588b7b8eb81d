"""What happens to photos, done to the images of a split, and how many labels outlast it.

Sixteen changes, each with one fixed strength; see Hendrycks and Dietterich 2019 for the idea. All take faces (N,48,48) and give
faces alike; what is random has a fixed seed, so that the n-th image is always changed the same.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.dataset import Split
from fercli.models.inference import Labels
from fercli.models.views import around_centre, framed, sampled, shifted
from fercli.photos.images import recompressed

Faces = NDArray[np.uint8]


def noisy(pixels: Faces, deviation: float) -> Faces:
    """Add a sensor's noise: Gaussian, independent between pixels, of this standard deviation in grey levels."""
    generator = np.random.default_rng(0)
    return _as_grey(pixels + np.float32(deviation) * generator.standard_normal(pixels.shape, dtype=np.float32))


def compressed(pixels: Faces, quality: int) -> Faces:
    """Store each face as a JPEG of this quality, 1 to 95, and read it again."""
    return np.stack([recompressed(face, quality) for face in pixels])


def blurred(pixels: Faces, deviation: float) -> Faces:
    """Blur with a Gaussian of this standard deviation in pixels, borders repeated."""
    return _as_grey(_smooth(pixels, deviation))


def sharpened(pixels: Faces, share: float) -> Faces:
    """Add this share of the difference from the face blurred by a pixel, as cameras do."""
    return _as_grey(pixels + np.float32(share) * (pixels - _smooth(pixels, 1.0)))


def coarse(pixels: Faces, factor: int) -> Faces:
    """Enlarge from so many times fewer pixels a side, as a face far away is; the side is a multiple of `factor`."""
    count, height, width = pixels.shape
    small = _as_grey(pixels.reshape(count, height // factor, factor, width // factor, factor).mean(axis=(2, 4), dtype=np.float32))
    places = (np.indices((height, width)) + 0.5) / factor - 0.5
    return sampled(small, places[0], places[1])


def exposed(pixels: Faces, factor: float) -> Faces:
    """Multiply the light by `factor`; what gets too bright is clipped."""
    return _as_grey(pixels * np.float32(factor))


def contrasted(pixels: Faces, factor: float) -> Faces:
    """Multiply each face's distance from its own mean grey by `factor`."""
    means = pixels.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    return _as_grey(means + np.float32(factor) * (pixels - means))


def with_gamma(pixels: Faces, gamma: float) -> Faces:
    """Raise the light, as a share of the full range, to the power `gamma`: above 1 darkens the middle tones."""
    return _as_grey(255 * (np.arange(256) / 255) ** gamma)[pixels]


def lit_from_the_side(pixels: Faces, least: float) -> Faces:
    """Let the light fall evenly from all of it at the left edge to this share of it at the right one."""
    return _as_grey(pixels * np.linspace(1, least, pixels.shape[2], dtype=np.float32))


def rolled(pixels: Faces, degrees: float) -> Faces:
    """Turn the faces clockwise about their centre, borders repeated."""
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    places, centre = around_centre(pixels)
    places = np.tensordot([[cosine, -sine], [sine, cosine]], places, axes=1) + centre
    return sampled(pixels, places[0], places[1])


SHIFTS: dict[str, Callable[[Faces], Faces]] = {
    "noise of 10": partial(noisy, deviation=10),
    "JPEG at quality 30": partial(compressed, quality=30),
    "blur of 1 pixel": partial(blurred, deviation=1),
    "sharpened": partial(sharpened, share=1),
    "from 24 pixels": partial(coarse, factor=2),
    "darkened to 0.35": partial(exposed, factor=0.35),
    "brightened by 1.6": partial(exposed, factor=1.6),
    "contrast 0.4": partial(contrasted, factor=0.4),
    "contrast 1.6": partial(contrasted, factor=1.6),
    "gamma 1.6": partial(with_gamma, gamma=1.6),
    "gamma 0.6": partial(with_gamma, gamma=0.6),
    "light from the side": partial(lit_from_the_side, least=0.3),
    "frame 0.85": partial(framed, size=0.85),
    "frame 1.15": partial(framed, size=1.15),
    "roll of 12°": partial(rolled, degrees=12),
    "half a pixel": partial(shifted, down=0.5, across=0.5),
}
"""What is done to photos, by the name it has in tables; each takes faces (N,48,48) and returns as many."""


def accuracies_under_shifts(labeller: Labels, split: Split, on_images: Callable[[int], None] = lambda _: None) -> dict[str, float]:
    """Return the share of the split's labels, 0 to 1, that the labeller finds after each of `SHIFTS`; tell how many it labels."""
    found = {}
    for name, shift in SHIFTS.items():
        changed = shift(split.pixels)
        found[name] = float((labeller.label(changed).argmax(axis=1) == split.labels).mean())
        on_images(len(split))
    return found


def _as_grey(values: NDArray[Any]) -> Faces:
    result: Faces = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    return result


def _smooth(pixels: Faces, deviation: float) -> NDArray[np.float32]:
    far = int(np.ceil(4 * deviation))
    weights = np.exp(-0.5 * (np.arange(-far, far + 1) / deviation) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    height, width = pixels.shape[1:]
    padded = np.pad(pixels, ((0, 0), (far, far), (far, far)), mode="edge").astype(np.float32)
    down = sum(weight * padded[:, start : start + height] for start, weight in enumerate(weights))
    smooth: NDArray[np.float32] = sum(weight * down[:, :, start : start + width] for start, weight in enumerate(weights))
    return smooth
