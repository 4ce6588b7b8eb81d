from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from fercli.dataset import Dataset
from fercli.errors import UsageError
from fercli.models.inference import Labels
from fercli.training.teachers import answers, check_teachers, credits_of, teacher_from


@dataclass(frozen=True)
class Brightness:
    """Says the first label as surely as a column of pixels is bright."""

    title: str
    column: int
    trained_on: frozenset[str]

    @property
    def sha256(self) -> str:
        return f"digest of {self.title}"

    def label(self, pixels: NDArray[np.uint8], hog: Any = None) -> NDArray[np.float32]:
        share = pixels[:, :, self.column].mean(axis=1) / 255
        return np.stack([share, *[(1 - share) / 6] * 6], axis=1).astype(np.float32)


def teachers(*origins: set[str]) -> list[Labels]:
    return [cast(Labels, Brightness(f"t{number}", number, frozenset(seen))) for number, seen in enumerate(origins)]


def test_the_answers_are_the_mean_over_teachers_images_and_mirror_images(dataset: Dataset) -> None:
    images = dataset.originals
    given = answers(teachers(set(), set()), images)
    columns = images.pixels[:, :, [0, 47, 1, 46]]
    assert np.allclose(given[:, 0], columns.mean(axis=(1, 2)) / 255, atol=1e-6)
    assert given.dtype == np.float32
    assert given.shape == (len(images), 7)


def test_who_taught_is_told() -> None:
    assert credits_of(teachers({"d"})) == [{"name": "t0", "sha256": "digest of t0"}]


@pytest.mark.parametrize("seen", [{"other"}, {"unknown"}, {"mine", "other"}, set()])
def test_a_teacher_that_may_know_the_images_kept_from_training_is_refused(seen: set[str], dataset: Dataset) -> None:
    mine = replace(dataset, meta={"digest": "mine"})
    check_teachers(teachers({"mine"}), 0.5, mine)
    with pytest.raises(UsageError, match="t1 was not trained on this data set alone"):
        check_teachers(teachers({"mine"}, seen), 0.5, mine)


def test_a_share_needs_a_teacher_and_a_teacher_a_share(dataset: Dataset) -> None:
    check_teachers([], 0.0, dataset)
    with pytest.raises(UsageError, match="name one with --teacher"):
        check_teachers([], 0.5, dataset)
    with pytest.raises(UsageError, match="--teacher-share above 0"):
        check_teachers(teachers({"d"}), 0.0, dataset)


def test_a_shipped_name_an_ensemble_and_a_missing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("compact", "ensemble"):
        teacher = teacher_from(Path(name))
        assert teacher.title == name
        assert len(teacher.trained_on) == 1
    with pytest.raises(UsageError, match="nowhere does not exist"):
        teacher_from(Path("nowhere"))
