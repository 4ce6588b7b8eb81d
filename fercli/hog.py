"""HOG features of faces, by scikit-image, with parameters fixed here for preparation and inference alike."""

import numpy as np
from numpy.typing import NDArray
from skimage.feature import hog

from fercli.registry import HOG_LENGTH

# 6x6 cells give 5x5 overlapping blocks of 2x2 cells with 8 orientations: HOG_LENGTH values. The paper names no parameters.
ORIENTATIONS = 8
CELL = 8
BLOCK = 2


def hog_features(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the HOG features (N,800) float32, from 0 to 1, of the faces (N,48,48) uint8."""
    features = np.empty((len(pixels), HOG_LENGTH), np.float32)
    for position, face in enumerate(pixels):
        features[position] = hog(
            face, ORIENTATIONS, pixels_per_cell=(CELL, CELL), cells_per_block=(BLOCK, BLOCK), block_norm="L2-Hys"
        )
    return features
