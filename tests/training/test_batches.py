import numpy as np
import pytest

from fercli.dataset import Dataset, Split
from fercli.training.batches import Batches
from fercli.training.targets import targets


@pytest.fixture
def split(dataset: Dataset) -> Split:
    return dataset.train


def test_batches_follow_the_order_and_the_last_is_shorter(split: Split) -> None:
    order = np.arange(len(split))[::-1]
    batches = Batches(split, targets(split), order, 16)
    assert len(batches) == 6
    inputs, wanted = batches[5]
    assert len(wanted) == 84 - 5 * 16
    assert (inputs["pixels"] == split.pixels[order[80:]]).all()
    assert (inputs["hog"] == split.hog[order[80:]]).all()  # type: ignore[index]
    assert (wanted.argmax(axis=1) == split.labels[order[80:]]).all()


def test_weights_of_images_follow_the_order(split: Split) -> None:
    every = np.arange(len(split), dtype=np.float32)
    inputs, wanted, counted = Batches(split, targets(split), np.array([5, 2, 9]), 2, every)[0]
    assert (len(inputs["pixels"]), len(wanted), counted.tolist()) == (2, 2, [5.0, 2.0])
