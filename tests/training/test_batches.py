from dataclasses import replace

import numpy as np
import pytest

from fercli.dataset import Dataset, Split
from fercli.errors import UsageError
from fercli.training.batches import Batches, class_mix, targets


@pytest.fixture
def split(dataset: Dataset) -> Split:
    return dataset.train


def test_the_target_is_the_label(split: Split) -> None:
    wanted = targets(split)
    assert (wanted.argmax(axis=1) == split.labels).all()
    assert (wanted.sum(axis=1) == 1).all()
    assert wanted.dtype == np.float32


def test_the_class_mix_is_what_the_network_learns_on_the_average() -> None:
    wanted = np.eye(7, dtype=np.float32)[[0, 0, 3, 6]]
    assert class_mix(wanted, 0.0) == [0.5, 0, 0, 0.25, 0, 0, 0.25]
    assert class_mix(wanted, 0.7) == pytest.approx([0.25, 0.1, 0.1, 0.175, 0.1, 0.1, 0.175])


def test_votes_are_mixed_into_the_target() -> None:
    votes = np.zeros((3, 10), np.uint8)
    votes[0, [3, 5]] = 6, 2  # the other two people saw something else
    votes[0, 8] = 2
    votes[1, 9] = 10  # all saw no face
    votes[2, 1] = 10
    split = Split(*(np.zeros(3, np.uint8),) * 4, votes=votes)  # type: ignore[arg-type]
    split = replace(split, labels=np.array([4, 2, 1], np.uint8))
    wanted = targets(split, 0.4)
    assert np.allclose(wanted[0], [0, 0, 0, 0.3, 0.6, 0.1, 0])
    assert np.allclose(wanted[1], [0, 0, 1, 0, 0, 0, 0])
    assert np.allclose(wanted[2], [0, 1, 0, 0, 0, 0, 0])


def test_a_data_set_without_votes_says_how_to_get_them(split: Split) -> None:
    with pytest.raises(UsageError, match="--ferplus"):
        targets(replace(split, votes=None), 0.4)


def test_batches_follow_the_order_and_the_last_is_shorter(split: Split) -> None:
    order = np.arange(len(split))[::-1]
    batches = Batches(split, targets(split), order, 16)
    assert len(batches) == 6
    inputs, wanted = batches[5]
    assert len(wanted) == 84 - 5 * 16
    assert (inputs["pixels"] == split.pixels[order[80:]]).all()
    assert (inputs["hog"] == split.hog[order[80:]]).all()  # type: ignore[index]
    assert (wanted.argmax(axis=1) == split.labels[order[80:]]).all()


def test_mixup_mixes_pairs_alike_and_the_same_way_each_time(split: Split) -> None:
    wanted = targets(split)
    batches = Batches(split, wanted, np.arange(16), 16, mixup=1.0, seed=(3, 1))
    inputs, mixed = batches[0]
    images = inputs["pixels"]
    assert images.dtype == np.uint8
    assert np.allclose(mixed.sum(axis=1), 1)
    shares = set()
    for number in range(16):
        if mixed[number].max() == 1:  # its partner has the same label
            continue
        own = mixed[number, split.labels[number]]
        (label,) = np.flatnonzero((mixed[number] > 0) & (np.arange(7) != split.labels[number]))
        partners = [other for other in range(16) if split.labels[other] == label]
        expected = [own * split.pixels[number] + (1 - own) * split.pixels[other] for other in partners]
        assert min(np.abs(images[number] - image).max() for image in expected) <= 0.51  # mixed as the target is, and rounded
        shares.add(round(float(own), 4))
    assert len(shares) == 1
    assert shares.pop() != 0.5
    again, _ = Batches(split, wanted, np.arange(16), 16, mixup=1.0, seed=(3, 1))[0]
    other, _ = Batches(split, wanted, np.arange(16), 16, mixup=1.0, seed=(3, 2))[0]
    assert (again["pixels"] == inputs["pixels"]).all()
    assert (other["pixels"] != inputs["pixels"]).any()
