"""HOG features of faces, by scikit-image, with parameters fixed here for preparation and inference alike."""

import numpy as np
from numpy.typing import NDArray
from skimage.feature import hog

# 6x6 cells give 5x5 overlapping blocks of 2x2 cells with 8 orientations: `registry.HOG_LENGTH` values. The paper states none of
# these; the cards of the models with HOG show what other choices gave.
ORIENTATIONS = 8
CELL = 8
BLOCK = 2


def hog_features(
    pixels: NDArray[np.uint8], orientations: int = ORIENTATIONS, cell: int = CELL, block: int = BLOCK
) -> NDArray[np.float32]:
    """Return the HOG features (N,800) float32, from 0 to 1, of the faces (N,48,48) uint8.

    `cell` is the side of a cell in pixels, `block` that of a block in cells. Other values than the defaults give another length.
    """
    blocks = pixels.shape[1] // cell - block + 1
    features = np.empty((len(pixels), (blocks * block) ** 2 * orientations), np.float32)
    for position, face in enumerate(pixels):
        features[position] = hog(
            face, orientations, pixels_per_cell=(cell, cell), cells_per_block=(block, block), block_norm="L2-Hys"
        )
    return features
