from pathlib import Path

import numpy as np
import pytest

from fercli.dataset import Dataset
from fercli.errors import FercliError, UsageError
from fercli.preparation.prepare import prepare
from fercli.preparation.sources import read_faces
from fercli.preparation.votes import votes_of
from tests.conftest import csv_text, ferplus_text


@pytest.fixture
def ferplus(tmp_path: Path) -> Path:
    path = tmp_path / "fer2013new.csv"
    path.write_text(ferplus_text())
    return path


def test_votes_stand_in_the_order_of_the_labels(csv_file: Path, ferplus: Path) -> None:
    faces = read_faces(csv_file)
    votes = votes_of(faces, ferplus)
    assert votes.shape == (77, 10)
    assert (votes[:, :7].argmax(axis=1) == faces.labels).all()
    assert (votes.sum(axis=1) == 10).all()


def test_promise_2_a_byte_order_mark_changes_nothing(csv_file: Path, ferplus: Path) -> None:
    votes = votes_of(read_faces(csv_file), ferplus)
    first, *others = ferplus.read_text().splitlines()
    ferplus.write_text("\n".join(["\ufeff" + first, "\ufeff" + others[0], *others[1:]]) + "\n")
    csv_file.write_text("\ufeff" + csv_file.read_text())
    assert np.array_equal(votes_of(read_faces(csv_file), ferplus), votes)


def test_promise_3_votes_are_read_through_the_same_limits(csv_file: Path, ferplus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faces = read_faces(csv_file)
    monkeypatch.setattr("fercli.preparation.archives.BYTE_LIMIT", 1000)
    with pytest.raises(FercliError, match="more than 0 MiB"):
        votes_of(faces, ferplus)


def test_flips_bring_their_votes_and_rejected_rows_none(ferplus: Path, tmp_path: Path) -> None:
    lines = csv_text(train=40 * 7).splitlines()
    lines[3] = "9" + lines[3][1:]
    (tmp_path / "bad.csv").write_text("\n".join(lines) + "\n")
    ferplus.write_text(ferplus_text(train=40 * 7))
    train = prepare(tmp_path / "bad.csv", ferplus=ferplus, hog=False).dataset.train
    assert train.votes is not None
    assert len(train) == 2 * (40 * 7 - 1)
    assert (train.votes[:, :7].argmax(axis=1) == train.labels).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("NF", "nothing"), "lacks the columns NF"),
        (lambda text: text.rsplit("\n", 2)[0] + "\n", "76 rows and the data set has 77.*cut both alike, or leave out --ferplus"),
        (lambda text: text.replace("Training", "PublicTest", 1), "row 1: FER\\+ has validation, the data set train"),
        (lambda text: text.replace("Training,,0", "Training,,many", 1), "'many' is not a number of votes"),
        (lambda text: text.replace("Training", "Elsewhere", 1), "row 1: Usage is 'Elsewhere'"),
        (lambda text: text.replace("Training,", 'Training,"', 1), r"download (the file|it) again"),
        (lambda text: text.replace("Training,,0", f"Training,,{'9' * 5000}", 1), "is not a number of votes"),
        (lambda text: "", "lacks the columns"),
    ],
)
def test_files_that_do_not_fit(change: object, message: str, csv_file: Path, ferplus: Path) -> None:
    ferplus.write_text(change(ferplus_text()))  # type: ignore[operator]
    with pytest.raises(FercliError, match=message):
        votes_of(read_faces(csv_file), ferplus)


def test_rows_in_another_order_within_a_split(csv_file: Path, ferplus: Path) -> None:
    header, *rows = ferplus.read_text().splitlines()
    training = [row for row in rows if row.startswith("Training")]
    others = [row for row in rows if not row.startswith("Training")]
    ferplus.write_text("\n".join([header, *training[1:], training[0], *others]))
    with pytest.raises(FercliError, match="labels on only"):
        votes_of(read_faces(csv_file), ferplus)


def test_a_binary_file_and_a_missing_one(csv_file: Path, ferplus: Path, tmp_path: Path) -> None:
    ferplus.write_bytes(b"\xff\xfe\x00" * 50)
    with pytest.raises(FercliError, match=r"download (the file|it) again"):
        votes_of(read_faces(csv_file), ferplus)
    with pytest.raises(UsageError, match="does not exist"):
        votes_of(read_faces(csv_file), tmp_path / "nothing.csv")


def test_the_crowd_mostly_agrees_with_the_real_labels(real_dataset: Dataset) -> None:
    for split in (real_dataset.originals, real_dataset.validation, real_dataset.test):
        if split.votes is None:
            pytest.skip("no fer2013new.csv beside FERCLI_FER2013")
        votes = split.votes[:, :7]
        known = votes.sum(axis=1) > 0
        assert 0.6 < np.mean((votes.argmax(axis=1) == split.labels)[known]) < 0.75
