import numpy as np

from fercli.models.hog import hog_features
from fercli.models.registry import HOG_LENGTH
from tests.conftest import synthetic_faces


def test_shape_type_and_range() -> None:
    features = hog_features(synthetic_faces(3)[0])
    assert features.shape == (3, HOG_LENGTH) == (3, 800)
    assert features.dtype == np.float32
    assert features.min() >= 0
    assert features.max() <= 1


def test_a_gradient_falls_into_its_orientation() -> None:
    ramp = np.tile(np.arange(48, dtype=np.uint8) * 4, (48, 1))[None]
    blocks = hog_features(ramp).reshape(5, 5, 2, 2, 8)
    assert (blocks.argmax(axis=-1) == 0).all()
    assert np.allclose(blocks[..., 1:], 0)


def test_no_faces() -> None:
    assert hog_features(np.empty((0, 48, 48), np.uint8)).shape == (0, 800)
