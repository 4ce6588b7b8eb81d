import numpy as np

from fercli.preparation.faces import Collector, Row

GOOD = " ".join(["7"] * 2304)


def test_rows_keep_their_order_and_rejects_theirs() -> None:
    collector = Collector()
    collector.reject(5, "line 7", "late")
    for number, text in enumerate([GOOD, "1 2", GOOD]):
        collector.add_row(text, Row(number, number, "train", f"person {number}"), f"line {number + 2}")
    collector.add_image(np.zeros((48, 48), np.uint8), Row(3, 6, "test"))
    faces = collector.faces()
    assert faces.pixels.shape == (3, 48, 48)
    assert faces.labels.tolist() == [6, 0, 2]  # an image is there at once, rows come by the chunk
    assert faces.persons.tolist() == ["", "person 0", "person 2"]
    assert [reject.place for reject in faces.rejected] == ["line 3", "line 7"]
    assert faces.total == 5
    assert faces.take(faces.labels > 0).rows.tolist() == [3, 2]


def test_nothing_is_no_faces() -> None:
    faces = Collector().faces()
    assert faces.pixels.shape == (0, 48, 48)
    assert faces.total == 0
