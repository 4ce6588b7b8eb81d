import threading
from pathlib import Path

import numpy as np
from PIL import Image

from fercli.classification.records import Face, Outcome, Reject
from fercli.cli.tally import UNSURE, Tally, counted
from fercli.photos.geometry import Box
from fercli.photos.walk import Walk

FACE = Face(Box(0, 0, 9, 9), None, (0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1))


def test_faces_rejects_and_unsure_ones_are_counted() -> None:
    tally = Tally(min_confidence=0.5)
    for outcome in (Outcome(Path("a"), (FACE, FACE)), Outcome(Path("b")), Outcome(Path("c"), reject=Reject("empty", "no bytes"))):
        tally.add(outcome)
    assert (tally.photos, tally.expressions[UNSURE], tally.status["rejected"]) == (3, 2, 1)
    assert tally.text() == "2 faces, 1 rejected"


def test_photos_are_counted_beside_the_work(tmp_path: Path) -> None:
    for number in range(5):
        Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / f"{number}.png")
    told = threading.Event()
    totals: list[int] = []

    def tell(total: int) -> None:
        totals.append(total)
        told.set()

    with counted(Walk([tmp_path]), tell):
        assert told.wait(10)
    assert totals == [5]
