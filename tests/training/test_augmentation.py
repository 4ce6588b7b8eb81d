from io import BytesIO

import keras
import numpy as np
import pytest
from PIL import Image

from fercli.models.recipes import Augmentation
from fercli.models.registry import MODELS
from fercli.training.augmentation import Augment
from tests.conftest import synthetic_faces

FACES = synthetic_faces(5)[0]


def augmented(**bounds: float) -> tuple[np.ndarray, np.ndarray]:
    faces = np.repeat(FACES, 40, axis=0)
    return faces, keras.ops.convert_to_numpy(Augment(Augmentation(**bounds))(faces, training=True))  # type: ignore[arg-type]


def test_nothing_is_augmented_outside_training_or_by_nothing() -> None:
    assert (keras.ops.convert_to_numpy(Augment(Augmentation(rotation=90, erasing=1))(FACES)) == FACES).all()
    faces, same = augmented()
    assert same.dtype == np.uint8
    assert (faces == same).all()


def test_at_strength_0_images_are_as_they_are() -> None:
    faces, same = augmented(rotation=90, gamma=1, noise=50, noisy=1, quality=5, compressed=1, strength=0)
    assert (faces == same).all()
    faces, seen = augmented(brightness=0.5, strength=0.1)
    assert 8 < np.abs(faces.astype(int) - seen).max() <= 0.05 * 255 + 1


def test_half_of_the_images_are_mirrored_and_exactly() -> None:
    faces, seen = augmented(flip=True)
    mirrored = (seen == faces[:, :, ::-1]).all(axis=(1, 2))
    kept = (seen == faces).all(axis=(1, 2))
    assert (mirrored | kept).all()
    assert 0.35 < mirrored.mean() < 0.65


def test_a_shift_moves_by_its_share_of_the_side_at_most() -> None:
    spot = np.zeros((200, 48, 48), np.uint8)
    spot[:, 24, 24] = 255
    seen = keras.ops.convert_to_numpy(Augment(Augmentation(shift=0.125))(spot, training=True)).astype(float)
    places = np.stack(np.meshgrid(np.arange(48), np.arange(48), indexing="ij"))
    centres = (seen[:, None] * places).sum(axis=(2, 3)) / seen.sum(axis=(1, 2))[:, None] - 24
    assert 5 < np.abs(centres).max() < 6.1
    assert np.abs(centres.mean(axis=0)).max() < 1


def test_a_turn_and_a_scale_keep_the_middle() -> None:
    image = np.zeros((100, 49, 49), np.uint8)
    image[:, 24, 10:39] = 250  # a level line through the middle
    for bounds, moved in ((Augmentation(rotation=30), True), (Augmentation(scale=0.3), False)):
        seen = keras.ops.convert_to_numpy(Augment(bounds)(image, training=True))
        assert (seen[:, 24, 24] > 200).all()
        assert (seen[:, 23:26, 33].max(axis=1) < 50).any() == moved  # the line's end left its row, or did not
    lengths = (seen[:, 24] > 125).sum(axis=1)
    assert 20 <= lengths.min() < 24
    assert 34 < lengths.max() <= 39


def test_light_changes_the_level_and_the_spread_of_all_pixels_alike() -> None:
    gray = np.full((100, 48, 48), 100, np.uint8)
    brighter = keras.ops.convert_to_numpy(Augment(Augmentation(brightness=0.1))(gray, training=True)).astype(int)
    assert (brighter.std(axis=(1, 2)) == 0).all()
    assert 20 < np.abs(brighter[:, 0, 0] - 100).max() <= 26
    faces, spread = augmented(contrast=0.2)
    ratios = spread.std(axis=(1, 2)) / faces.std(axis=(1, 2))
    assert 0.75 < ratios.min() < 0.9
    assert 1.02 < ratios.max() < 1.25


def test_gamma_bends_the_tones_and_keeps_the_ends() -> None:
    image = np.tile(np.array([0, 128, 255], np.uint8).repeat(16), (100, 48, 1))
    seen = keras.ops.convert_to_numpy(Augment(Augmentation(gamma=0.4))(image, training=True))
    assert (seen[:, :, 0] == 0).all()
    assert (seen[:, :, 47] == 255).all()
    powers = np.log(seen[:, 0, 24] / 255) / np.log(128 / 255)
    assert np.exp(-0.42) < powers.min() < 0.8
    assert 1.2 < powers.max() < np.exp(0.42)


def test_light_from_one_side_is_a_ramp_in_any_direction() -> None:
    gray = np.full((200, 48, 48), 100, np.uint8)
    seen = keras.ops.convert_to_numpy(Augment(Augmentation(side_light=0.3))(gray, training=True)).astype(float)
    assert np.abs(seen.mean(axis=(1, 2)) - 100).max() < 0.6
    assert np.abs(seen + seen[:, ::-1, ::-1] - 200).max() <= 2  # as much lighter as darker across the centre
    assert np.abs(np.diff(seen, 2, axis=2)).max() <= 2  # straight
    assert 25 < np.abs(seen - 100).max() <= 30
    down, across = seen[:, 47, 24] - seen[:, 0, 24], seen[:, 24, 47] - seen[:, 24, 0]
    for slope in (down, across):
        assert slope.min() < -10
        assert slope.max() > 10


def test_sharpness_goes_both_ways_and_leaves_what_is_even() -> None:
    faces, seen = augmented(sharpness=1.0)
    rough = np.abs(np.diff(seen.astype(int), axis=2)).mean(axis=(1, 2)) / np.abs(np.diff(faces.astype(int), axis=2)).mean(
        axis=(1, 2)
    )
    assert rough.min() < 0.5
    assert rough.max() > 1.2
    gray = np.full((20, 48, 48), 77, np.uint8)
    assert (keras.ops.convert_to_numpy(Augment(Augmentation(sharpness=1.0))(gray, training=True)) == 77).all()


def test_noise_is_in_its_share_of_the_images_and_as_strong_as_its_bound() -> None:
    gray = np.full((400, 48, 48), 128, np.uint8)
    seen = keras.ops.convert_to_numpy(Augment(Augmentation(noise=12, noisy=0.5))(gray, training=True)).astype(float)
    deviations = seen.std(axis=(1, 2))
    assert 0.4 < (deviations > 0.3).mean() < 0.6
    assert 11 < deviations.max() < 12.6
    assert np.abs(seen.mean(axis=(1, 2)) - 128).max() < 1.5


@pytest.mark.parametrize("quality", [20, 40, 90])
def test_compression_does_what_jpeg_does(quality: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fercli.training.augmentation._BEST_QUALITY", quality)
    ramp = np.add.outer(np.arange(48), np.arange(48) * 2)
    face = np.clip(60 + ramp + 40 * np.sin(ramp / 5), 0, 255).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(face).save(file, "JPEG", quality=quality)
    want = np.asarray(Image.open(file)).astype(float)
    seen = keras.ops.convert_to_numpy(Augment(Augmentation(quality=quality, compressed=1.0))(face[None], training=True))[0]
    assert np.abs(want - face).mean() > 0.1
    assert np.abs(seen - want).mean() < 0.2 * np.abs(want - face).mean()


def test_compression_is_in_its_share_of_the_images() -> None:
    faces, seen = augmented(quality=20, compressed=0.5)
    assert 0.4 < (faces != seen).any(axis=(1, 2)).mean() < 0.6


def test_unmoved_images_are_moved_by_whole_pixels_and_nothing_else() -> None:
    faces, seen = augmented(flip=True, rotation=15, scale=0.2, shift=0.05, unmoved=0.5)
    edges = [np.pad(view, ((0, 0), (2, 2), (2, 2)), mode="edge") for view in (faces, faces[:, :, ::-1])]
    moved = [view[:, down : down + 48, across : across + 48] for view in edges for down in range(5) for across in range(5)]
    whole = np.stack([(view == seen).all(axis=(1, 2)) for view in moved])
    assert 0.4 < whole.any(axis=0).mean() < 0.6
    assert whole.any(axis=1).sum() > 30  # of fifty such places


def test_the_whole_recipe_is_the_same_for_the_same_state_and_another_the_next_time() -> None:
    augmentation = MODELS["compact"].recipe.augmentation
    assert augmentation
    layers = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        layers.append(Augment(augmentation))
    first, again, second = (keras.ops.convert_to_numpy(layers[number](FACES, training=True)) for number in (0, 1, 0))
    assert (first == again).all()
    assert (first != second).any(axis=(1, 2)).all()


def test_an_erased_rectangle_is_even_and_in_its_share_of_the_images() -> None:
    faces, seen = augmented(erasing=0.5)
    changed = faces != seen
    erased = changed.any(axis=(1, 2))
    assert 0.35 < erased.mean() < 0.65
    shares = changed[erased].mean(axis=(1, 2))
    assert shares.min() > 0.005
    assert shares.max() < 0.27
    for face, where in zip(seen[erased], changed[erased], strict=True):
        assert len(np.unique(face[where])) == 1
