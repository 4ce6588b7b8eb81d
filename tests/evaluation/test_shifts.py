from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fercli.dataset import Dataset
from fercli.evaluation import shifts
from fercli.evaluation.shifts import SHIFTS, accuracies_under_shifts
from tests.conftest import synthetic_faces
from tests.fakes import FakeLabeller

FACES = synthetic_faces(14)[0]
ROWS, COLUMNS = np.indices((48, 48))
SMOOTH = (2 * ROWS + 3 * COLUMNS).astype(np.uint8)[None]  # a plane, which interpolation keeps exactly
GREY = np.full((2, 48, 48), 100, np.uint8)


def _spread(faces: NDArray[Any]) -> float:
    return float(faces.astype(float).std())


@pytest.mark.parametrize("name", SHIFTS)
def test_a_shift_changes_faces_the_same_each_time(name: str) -> None:
    before = FACES.copy()
    changed = SHIFTS[name](FACES)
    assert changed.shape == FACES.shape
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, FACES)
    assert np.array_equal(FACES, before)
    assert np.array_equal(changed[:5], SHIFTS[name](FACES[:5]))  # a face is changed alike whoever stands behind it


def test_there_are_sixteen() -> None:
    assert len(SHIFTS) == 16


def test_noise_has_the_deviation_that_it_says() -> None:
    noise = shifts.noisy(np.repeat(GREY, 20, axis=0), 10).astype(float) - 100
    assert abs(noise.mean()) < 0.2
    assert noise.std() == pytest.approx(10, abs=0.2)
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.1


def test_compression_costs_more_the_lower_the_quality() -> None:
    far, near = (np.abs(shifts.compressed(FACES, quality).astype(float) - FACES).mean() for quality in (30, 95))
    assert 0 < near < far
    assert np.abs(shifts.compressed(GREY, 30).astype(int) - 100).max() <= 1


def test_blur_spreads_a_point_as_a_gaussian() -> None:
    point = np.zeros((1, 48, 48), np.uint8)
    point[0, 24, 24] = 255
    seen = shifts.blurred(point, 1)[0].astype(float)
    assert seen[24, 24] == pytest.approx(255 / (2 * np.pi), abs=1)
    assert seen[24, 25] == pytest.approx(seen[24, 24] * np.exp(-0.5), abs=1)
    assert np.array_equal(shifts.blurred(GREY, 1), GREY)


def test_sharpening_undoes_what_blur_does() -> None:
    assert _spread(shifts.blurred(FACES, 1)) < _spread(FACES) < _spread(shifts.sharpened(FACES, 1))
    assert np.array_equal(shifts.sharpened(FACES, 0), FACES)
    assert np.array_equal(shifts.sharpened(GREY, 1), GREY)


def test_coarse_faces_have_fewer_pixels_in_the_same_place() -> None:
    inside = np.s_[:, 2:-2, 2:-2]
    assert np.abs(shifts.coarse(SMOOTH, 2)[inside].astype(int) - SMOOTH[inside]).max() <= 1
    checkered = ((ROWS + COLUMNS) % 2 * 200).astype(np.uint8)[None]
    assert (shifts.coarse(checkered, 2) == 100).all()


def test_light() -> None:
    assert (shifts.exposed(GREY, 0.35) == 35).all()
    assert (shifts.exposed(GREY, 3) == 255).all()
    assert (shifts.with_gamma(GREY, 1.6) == round(255 * (100 / 255) ** 1.6)).all()
    assert shifts.with_gamma(FACES, 0.6).min() == FACES.min() == 0
    side = shifts.lit_from_the_side(GREY, 0.3)
    assert (side[:, :, 0] == 100).all()
    assert (side[:, :, -1] == 30).all()
    assert (np.diff(side.astype(int), axis=2) <= 0).all()


def test_contrast_keeps_each_faces_mean() -> None:
    flat = shifts.contrasted(FACES, 0.4)
    assert np.allclose(flat.mean(axis=(1, 2)), FACES.mean(axis=(1, 2)), atol=0.5)
    assert _spread(flat - flat.mean(axis=(1, 2), keepdims=True)) == pytest.approx(
        0.4 * _spread(FACES - FACES.mean(axis=(1, 2), keepdims=True)), abs=0.5
    )
    assert _spread(shifts.contrasted(FACES, 1.6)) > _spread(FACES)


def test_rolled_faces_are_turned_clockwise() -> None:
    assert np.array_equal(shifts.rolled(FACES, 90), np.rot90(FACES, -1, axes=(1, 2)))
    top_left = np.zeros((1, 48, 48), np.uint8)
    top_left[0, 4:8, 22:26] = 255  # a mark at the top goes to the right
    seen = shifts.rolled(top_left, 12)[0]
    assert (COLUMNS * seen.astype(float)).sum() / seen.sum() == pytest.approx(23.5 + 18 * np.sin(np.radians(12)), abs=0.3)


def test_accuracy_after_each_shift(dataset: Dataset) -> None:
    found = accuracies_under_shifts(FakeLabeller(), dataset.test)
    assert list(found) == list(SHIFTS)
    for name, accuracy in found.items():
        labels = FakeLabeller().label(SHIFTS[name](dataset.test.pixels)).argmax(axis=1)
        assert accuracy == (labels == dataset.test.labels).mean()
    assert len(set(found.values())) > 1  # the fake network goes by brightness
