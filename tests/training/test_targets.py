from dataclasses import replace

import numpy as np
import pytest

from fercli.dataset import Dataset, Split
from fercli.errors import UsageError
from fercli.training.targets import balanced_weights, class_mix, mixed, targets


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


def test_balanced_weights_let_all_classes_count_alike() -> None:
    labels = np.array([0, 0, 0, 3, 3, 6], np.uint8)
    weights = balanced_weights(labels)
    assert [weights[labels == label].sum() for label in (0, 3, 6)] == pytest.approx([2, 2, 2])
    assert class_mix(np.eye(7, dtype=np.float32)[labels], 0.0, weights) == pytest.approx(
        [1 / 3, 0, 0, 1 / 3, 0, 0, 1 / 3], abs=1e-5
    )


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


def test_balanced_votes_are_as_many_as_the_labels() -> None:
    """Half of the labels are angry, a quarter of the votes: one for angry weighs 2, the others' 2/3."""
    votes = np.zeros((4, 10), np.uint8)
    votes[0, [0, 4]] = 5, 5
    votes[1, [0, 6]] = 4, 4
    votes[2:, 4] = 10, 3
    split = Split(*(np.zeros(4, np.uint8),) * 4, votes=votes)  # type: ignore[arg-type]
    split = replace(split, labels=np.array([0, 0, 4, 6], np.uint8))
    wanted = targets(split, 1.0, balanced=True)
    labels, crowd = np.array([2, 1, 1]) / 4, np.array([1, 2.5, 0.5]) / 4  # of angry, sad and neutral
    angry, sad, neutral = labels / crowd
    assert np.allclose(wanted[0, [0, 4]], [angry / (angry + sad), sad / (angry + sad)])
    assert np.allclose(wanted[1, [0, 6]], [angry / (angry + neutral), neutral / (angry + neutral)])
    assert np.allclose(wanted[2:, 4], 1)
    assert np.allclose(wanted.sum(axis=1), 1)
    assert wanted.dtype == np.float32


def test_balance_leaves_an_image_without_votes_its_label_and_moves_the_mix() -> None:
    generator = np.random.default_rng(0)
    votes = np.zeros((200, 10), np.uint8)
    votes[:, :7] = generator.integers(0, 4, (200, 7)) * [1, 1, 0, 1, 1, 1, 3]  # nobody ever says fear, and many neutral
    votes[0] = 0
    split = Split(*(np.zeros(200, np.uint8),) * 4, votes=votes)  # type: ignore[arg-type]
    split = replace(split, labels=(np.arange(200) % 7).astype(np.uint8))
    plain, balanced = targets(split, 0.4), targets(split, 0.4, balanced=True)
    assert balanced[0].tolist() == targets(split)[0].tolist()
    assert np.isfinite(balanced).all()
    assert abs(balanced[:, 6].mean() - 1 / 7) < 0.5 * abs(plain[:, 6].mean() - 1 / 7)


def test_votes_by_agreement_outvote_a_label_that_is_likely_a_slip() -> None:
    """Clear votes for happy have the labels' consent in nine of ten images, those for neutral in one of two."""
    votes = np.zeros((14, 10), np.uint8)
    votes[:10, 3] = 8
    votes[10:12, 6] = 8
    votes[12, [3, 4, 6]] = 3, 3, 3  # nobody's clear view
    labels = np.array([*[3] * 9, 4, 6, 4, 4, 4], np.uint8)  # nobody voted on the last image
    split = Split(*(np.zeros(14, np.uint8),) * 4, votes=votes)  # type: ignore[arg-type]
    split = replace(split, labels=labels)
    wanted = targets(split, 0.2, by_agreement=True)
    assert np.allclose(wanted[9, [3, 4]], [0.8, 0.2])  # nine agree, one does not: 0.9 - 0.1
    assert np.allclose(wanted[11, [4, 6]], [0.8, 0.2])  # as many agree as do not, so the share is that of all images
    assert np.allclose(wanted[12, [3, 4, 6]], [0.2 / 3, 0.8 + 0.2 / 3, 0.2 / 3])
    assert wanted[13].tolist() == np.eye(7)[4].tolist()
    assert np.allclose(targets(split, 0.9, by_agreement=True), targets(split, 0.9))
    assert np.allclose(targets(split, by_agreement=True)[9, [3, 4]], [0.8, 0.2])
    assert wanted.dtype == np.float32


def test_mixed_gives_the_second_its_share() -> None:
    first, second = np.eye(7, dtype=np.float32)[:2], np.full((2, 7), 1 / 7, np.float32)
    assert np.allclose(mixed(first, second, 0.7)[0], [0.4, *[0.1] * 6])
    assert mixed(first, second, 0.7).dtype == np.float32


def test_a_data_set_without_votes_says_how_to_get_them(split: Split) -> None:
    with pytest.raises(UsageError, match=r"--ferplus .* --votes 0\."):
        targets(replace(split, votes=None), 0.4)
    with pytest.raises(UsageError, match="--votes 0 and no --votes-by-agreement"):
        targets(replace(split, votes=None), by_agreement=True)
