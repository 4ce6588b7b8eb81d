from pathlib import Path

import numpy as np
import pytest

from fercli.dataset import Dataset, read_dataset, write_dataset
from fercli.errors import FercliError, UsageError
from fercli.models.hog import hog_features
from fercli.preparation.classes import Classes
from fercli.preparation.prepare import SHARES, Drawn, Preparation, prepare
from tests.conftest import HEADER, csv_text, row, synthetic_faces


def test_flips_mean_and_hog(csv_file: Path) -> None:
    result = prepare(csv_file)
    train = result.dataset.train
    assert len(train) == 84
    assert np.array_equal(train.pixels[42:], train.pixels[:42, :, ::-1])
    assert np.array_equal(train.labels[42:], train.labels[:42])
    assert np.array_equal(train.rows[42:], train.rows[:42])
    assert np.allclose(result.dataset.mean, train.pixels.mean(axis=0), atol=1e-4)
    assert train.hog is not None
    assert np.array_equal(train.hog[50], hog_features(train.pixels[50:51])[0])
    assert {name: sum(counts) for name, counts in result.counts.items()} == {"train": 42, "validation": 14, "test": 21}


def test_without_flips_and_hog(csv_file: Path) -> None:
    dataset = prepare(csv_file, flips=False, hog=False).dataset
    assert len(dataset.train) == 42
    assert dataset.train.hog is None


def planted(path: Path) -> Path:
    """Row 0 again in train with another label, row 1 in validation, row 2 twice in test; 8 others are unlike all."""
    pixels, _ = synthetic_faces(11)
    rows = [row(0, pixels[0], "Training"), row(1, pixels[1], "Training"), row(2, pixels[2], "Training")]
    rows += [row(3, pixels[0], "Training"), row(1, pixels[1], "PublicTest")]
    rows += [row(2, pixels[2], "PrivateTest"), row(2, pixels[2], "PrivateTest")]
    rows += [row(number % 7, pixels[3 + number], usage) for number, usage in enumerate(["Training", "PublicTest", "PrivateTest"])]
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def test_promise_4_duplicates_and_leaks_are_counted_and_marked(tmp_path: Path) -> None:
    result = prepare(planted(tmp_path / "x.csv"), flips=False, hog=False)
    found = result.duplicates
    assert (found.groups, found.rows, found.conflicting) == (3, 7, 1)
    assert found.leaked == {"validation": 1, "test": 2}
    assert result.dataset.validation.leaked.tolist() == [True, False]
    assert result.dataset.test.leaked.tolist() == [True, True, False]


def test_promise_4_drop_leaked_leaves_the_test_whole(tmp_path: Path) -> None:
    result = prepare(planted(tmp_path / "x.csv"), flips=False, hog=False, drop_leaked=True)
    assert result.dropped == 2
    assert result.dataset.train.rows.tolist() == [0, 3, 7]
    assert len(result.dataset.test) == 3
    assert not result.dataset.test.leaked.any()
    assert result.duplicates.leaked == {"validation": 1, "test": 2}


def test_promise_1_over_one_percent_of_bad_rows_fails_and_lists_them(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(csv_text(train=98, validation=50, test=50) + "9,1,Training\n8,1,Training\n")
    assert len(prepare(path, hog=False).rejected) == 2
    with pytest.raises(FercliError, match="--strict"):
        prepare(path, hog=False, strict=True)
    path.write_text(path.read_text() + "7,1,Training\n")
    with pytest.raises(FercliError, match=r"3 of 201 rows are bad[\s\S]*line 200: emotion is '9'"):
        prepare(path, hog=False)


def test_a_missing_validation_split_is_drawn_by_class_and_seed(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(csv_text(train=140, validation=0, test=7))
    drawn = prepare(path, hog=False, validation_share=0.2, seed=3)
    assert drawn.counts["validation"] == [4] * 7
    assert drawn.counts["train"] == [16] * 7
    assert drawn.drawn == Drawn({"train": 0.8, "validation": 0.2}, "train", 3, "class")
    again = prepare(path, hog=False, validation_share=0.2, seed=3).dataset.validation.rows
    other = prepare(path, hog=False, validation_share=0.2, seed=4).dataset.validation.rows
    assert drawn.dataset.validation.rows.tolist() == again.tolist() != other.tolist()


def test_no_test_images_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(csv_text(test=0))
    with pytest.raises(FercliError, match=r"none for test.*--split 80/10/10"):
        prepare(path)
    assert prepare(path, hog=False, split=SHARES).drawn == Drawn(SHARES, "all", 0, "class")


def test_a_source_without_splits_is_drawn_and_the_meta_data_say_how(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("\n".join(line.rsplit(",", 1)[0] for line in csv_text(train=140).splitlines()) + "\n")
    result = prepare(path, hog=False, seed=5)
    assert result.drawn == Drawn(SHARES, "all", 5, "class")
    assert result.dataset.meta["drawn"] == {"shares": SHARES, "of": "all", "seed": 5, "by": "class"}
    assert [sum(counts) for counts in result.counts.values()] == [140, 17, 18]
    rows = np.concatenate([result.dataset.originals.rows, result.dataset.validation.rows, result.dataset.test.rows])
    assert sorted(rows) == list(range(175))


def test_splits_of_another_kind_are_not_looked_at_where_they_are_drawn(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(csv_text().replace("Training", "fold 1").replace("PublicTest", "fold 2"))
    with pytest.raises(FercliError, match=r"Usage is 'fold 1'[\s\S]*--split 80/10/10"):
        prepare(path, hog=False)
    assert [sum(counts) for counts in prepare(path, hog=False, split=SHARES).counts.values()] == [61, 8, 8]


def test_persons_stay_together_also_where_validation_alone_is_drawn(tmp_path: Path) -> None:
    header, *rows = csv_text(train=70, validation=0, test=7).splitlines()
    path = tmp_path / "x.csv"
    path.write_text("\n".join([f"{header},person", *(f"{line},p{number % 10}" for number, line in enumerate(rows))]) + "\n")
    result = prepare(path, hog=False, validation_share=0.2)
    assert result.drawn == Drawn({"train": 0.8, "validation": 0.2}, "train", 0, "person")
    people = [{row % 10 for row in split.rows} for split in (result.dataset.originals, result.dataset.validation)]
    assert not people[0] & people[1]
    assert len(result.dataset.validation) == 14


def test_a_source_of_test_images_alone_makes_a_set_to_evaluate_on(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(csv_text(train=0, validation=0))
    write_dataset(prepare(path).dataset, tmp_path / "d.npz")
    dataset = read_dataset(tmp_path / "d.npz", splits=["test"])
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (0, 0, 21)
    with pytest.raises(UsageError, match=r"no train and no validation images, only test"):
        read_dataset(tmp_path / "d.npz", splits=["train", "validation"])


def test_too_few_images_to_draw_from_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("\n".join(line.rsplit(",", 1)[0] for line in csv_text(train=2, validation=0, test=0).splitlines()) + "\n")
    with pytest.raises(FercliError, match="none for validation and test"):
        prepare(path)


def test_progress_covers_rows_and_hog(csv_file: Path) -> None:
    calls: list[tuple[str, int, int | None]] = []
    prepare(csv_file, on_progress=lambda *call: calls.append(call))
    assert ("rows", 77, None) in calls
    assert ("HOG", 119, 119) in calls


def test_promise_22_hog_does_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(csv_text(train=280, validation=7, test=7))
    one, two = (prepare(path, processes=processes).dataset for processes in (1, 2))
    for name in ("train", "validation", "test"):
        assert np.array_equal(one.split(name).hog, two.split(name).hog)  # type: ignore[arg-type]


def test_promise_22_the_same_bytes_twice(csv_file: Path, tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        write_dataset(prepare(csv_file).dataset, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.timeout(120)
def test_the_real_data_set(real_preparation: Preparation, real_dataset: Dataset) -> None:
    result = real_preparation
    assert result.counts == {
        "train": [3995, 436, 4097, 7215, 4830, 3171, 4965],
        "validation": [467, 56, 496, 895, 653, 415, 607],
        "test": [491, 55, 528, 879, 594, 416, 626],
    }
    found = result.duplicates
    assert (found.groups, found.rows, found.conflicting) == (1518, 3372, 58)
    assert found.leaked == {"validation": 280, "test": 293}
    assert result.rejected == []
    assert real_dataset.digest() == result.dataset.digest()


def test_promise_22_hog_needs_no_shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container without /dev/shm."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("fercli.preparation.features.ProcessPoolExecutor", refuse)
    monkeypatch.setattr("fercli.preparation.features._CHUNK", 10)
    (tmp_path / "a.csv").write_text(csv_text())
    one, two = (prepare(tmp_path / "a.csv", processes=processes).dataset for processes in (1, 2))
    assert one.train.hog is not None
    assert two.train.hog is not None
    assert np.array_equal(one.train.hog, two.train.hog)


def test_persons_in_several_splits_and_images_of_nobody_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    pixels = [" ".join([str(number)] * 2304) for number in range(40)]
    usages = ["Training", "PrivateTest", "PublicTest", "Training"]
    rows = [
        f"3,{text},{usages[number % 4]},{'p1' if number < 3 else 'p2' if number == 3 else ''}" for number, text in enumerate(pixels)
    ]
    path.write_text("\n".join(["emotion,pixels,Usage,person", *rows]) + "\n")
    result = prepare(path, hog=False)
    assert (result.persons, result.unknown, result.shared) == (2, 36, 1)
    assert (prepare(path, hog=False, split={"train": 0.8, "validation": 0.1, "test": 0.1})).shared == 0


def test_a_csv_with_names_says_how_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    rows = [f"{name},{' '.join([str(number)] * 2304)},Training" for number, name in enumerate(["happy", "Sadness", "3"])]
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]) + "\n")
    with pytest.raises(FercliError, match="in place of numbers, add --classes fer2013"):
        prepare(path, hog=False)
    result = prepare(path, hog=False, classes=Classes.parse("fer2013"), split={"test": 1.0})
    assert sorted(result.dataset.test.labels.tolist()) == [3, 3, 4]
