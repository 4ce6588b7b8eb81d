import pytest

from fercli.labels import LABELS, label_from_name


def test_names_synonyms_and_case() -> None:
    assert [label_from_name(name.upper()) for name in LABELS] == list(range(7))
    assert label_from_name("Happiness") == label_from_name(" joy ") == LABELS.index("happy")


@pytest.mark.parametrize("name", ["", "contempt", "7", "unknown"])
def test_other_names_are_none(name: str) -> None:
    assert label_from_name(name) is None
