import numpy as np
import pytest

from fercli.errors import FercliError
from fercli.photos.faces.haar import Haar
from fercli.photos.images import read_gray
from tests.conftest import PHOTOS


def test_an_opencv_without_cascades_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as version 5, where another package has put it in the place of ours."""
    monkeypatch.delattr("cv2.CascadeClassifier")
    with pytest.raises(FercliError, match="has no cascades"):
        Haar().find(np.full((300, 300), 90, np.uint8))


@pytest.mark.parametrize(("photo", "centre"), [("astronaut.jpg", (223, 113)), ("grace_hopper.jpg", (264, 215))])
def test_haar_finds_the_face(photo: str, centre: tuple[int, int]) -> None:
    (found,) = Haar().find(read_gray(PHOTOS / photo))
    middle = (found.frame.box.x + found.frame.box.width / 2, found.frame.box.y + found.frame.box.height / 2)
    assert np.hypot(middle[0] - centre[0], middle[1] - centre[1]) < 0.15 * found.frame.box.width
    assert found.score is not None


def test_a_large_photo_is_searched_smaller_and_the_box_is_in_its_own_pixels() -> None:
    photo = read_gray(PHOTOS / "astronaut.jpg")
    large = np.kron(photo, np.ones((5, 5), np.uint8))
    small_find, large_find = (max(Haar().find(size), key=lambda face: face.score or 0) for size in (photo, large))
    assert large_find.frame.box.x == pytest.approx(5 * small_find.frame.box.x, abs=40)
    assert large_find.frame.box.width == pytest.approx(5 * small_find.frame.box.width, abs=60)


def test_two_faces_from_left_to_right_and_nobody() -> None:
    photo = read_gray(PHOTOS / "astronaut.jpg")[:300]
    found = Haar().find(np.hstack([photo, photo]))
    assert len(found) == 2
    assert found[1].frame.box.x - found[0].frame.box.x == pytest.approx(512, abs=10)
    assert Haar().find(np.full((300, 300), 90, np.uint8)) == []


def test_a_tight_crop_has_its_face_in_place() -> None:
    crop = read_gray(PHOTOS / "grace_hopper.jpg")[115:315, 165:365]
    (found,) = Haar().find(crop)
    assert (found.frame.x, found.frame.y) == pytest.approx((101, 100), abs=20)
    assert found.frame.side == pytest.approx(221, abs=45)


@pytest.mark.parametrize("shape", [(1, 97), (97, 1), (3, 65_000), (65_000, 3), (23, 23), (1, 1)])
def test_promise_13_strips_and_specks_have_no_face_and_no_error(shape: tuple[int, int]) -> None:
    assert Haar().find(np.full(shape, 9, np.uint8)) == []
