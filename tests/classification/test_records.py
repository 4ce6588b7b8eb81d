from pathlib import Path

from fercli.classification.records import COLUMNS, Face, Outcome, rows
from fercli.photos.geometry import Box


def test_the_columns_are_the_documented_ones() -> None:
    assert ",".join(COLUMNS) == (
        "path,time,frame,face,person,status,reason,x,y,width,height,detection_score,label,confidence,"
        "angry,disgust,fear,happy,sad,surprise,neutral,model"
    )


def test_an_unsure_face_keeps_its_row_and_probabilities_but_has_no_label() -> None:
    face = Face(Box(1, 2, 30, 30), None, (0.1, 0.1, 0.1, 0.1, 0.4, 0.1, 0.1))
    (line,) = rows(Outcome(Path("x"), (face,)), "deep", min_confidence=0.5)
    assert (line["status"], line["label"], line["confidence"], line["sad"]) == ("ok", None, 0.4, 0.4)
    assert line["reason"] == "no label: the confidence is below 0.5"
    (line,) = rows(Outcome(Path("x"), (face,)), "deep", min_confidence=0.4)
    assert (line["label"], line["reason"]) == ("sad", None)
