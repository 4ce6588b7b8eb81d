import os
from dataclasses import replace

import numpy as np
import pytest

from fercli.dataset import SPLITS, Dataset
from fercli.errors import FercliError
from fercli.models.hog import hog_features
from fercli.preparation import features
from fercli.preparation.features import with_hog


def end(_: object) -> None:
    """Stand for HOG in a process that the system kills."""
    os._exit(9)


def test_each_image_has_its_features_and_all_are_counted(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "_CHUNK", 10)
    splits = {name: replace(dataset.split(name), hog=None) for name in SPLITS}
    calls: list[tuple[int, int]] = []
    found = with_hog(splits, 1, lambda done, total: calls.append((done, total)))
    for name in SPLITS:
        hog = found[name].hog
        assert hog is not None
        assert np.array_equal(hog, hog_features(splits[name].pixels))
    total = sum(map(len, splits.values()))
    assert calls[-1] == (total, total)
    assert calls == sorted(calls)


def test_a_process_that_is_killed_is_a_sentence(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "_CHUNK", 10)
    monkeypatch.setattr("fercli.models.hog.hog_features", end)
    with pytest.raises(FercliError, match="was killed, perhaps for lack of memory"):
        with_hog({"test": dataset.test}, 2, lambda *_: None)
