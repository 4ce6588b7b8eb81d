from pathlib import Path

from fercli.classification.counts import UNSURE, Counts
from fercli.classification.records import Face, Outcome, Reject
from fercli.photos.geometry import Box, Moment

HAPPY = Face(Box(0, 0, 9, 9), None, (0.1, 0.1, 0.0, 0.8, 0.0, 0.0, 0.0))
DOUBTFUL = Face(Box(0, 0, 9, 9), None, (0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1))


def test_photos_frames_and_rejects_are_counted_apart() -> None:
    counts = Counts(min_confidence=0.5)
    assert (counts.pictures, counts.photos, counts.first_reject) == (0, 0, None)
    for outcome in (
        Outcome(Path("a.jpg"), (HAPPY, DOUBTFUL)),
        Outcome(Path("b.jpg")),
        Outcome(Path("c.jpg"), reject=Reject("empty", "it has no bytes")),
        Outcome(Path("v.mp4"), (HAPPY,), moment=Moment(0.0, 0)),
        Outcome(Path("v.mp4"), moment=Moment(1.0, 30)),
        Outcome(Path("v.mp4"), reject=Reject("damaged", "it ends"), moment=Moment(2.0, 60)),
        Outcome(Path("w.mp4"), (DOUBTFUL,), moment=Moment(0.0, 0)),
    ):
        counts.add(outcome)
    assert (counts.pictures, counts.photos, counts.frames, counts.empty_frames, counts.videos) == (7, 2, 3, 1, 2)
    assert counts.status == {"ok": 3, "no_face": 2, "rejected": 2}
    assert counts.expressions == {"happy": 2, UNSURE: 2}
    assert counts.in_frames == counts.in_photos == {"happy": 1, UNSURE: 1}
    assert counts.faces == 4
    assert counts.first_reject == (Path("c.jpg"), "empty: it has no bytes")
