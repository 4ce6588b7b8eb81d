import pytest

from fercli.errors import UsageError
from fercli.labels import LABELS, ORDERS
from fercli.preparation.classes import Classes
from fercli.preparation.rows import BadRow


def names(classes: Classes, texts: str) -> list[str | None]:
    return [None if label is None else LABELS[label] for label in map(classes.of_row, texts.split())]


def test_without_words_rows_have_fer2013s_numbers_and_folders_their_names() -> None:
    classes = Classes.parse(None)
    assert names(classes, "0 1 2 3 4 5 6") == list(LABELS)
    assert classes.of_folder(" Happiness") == LABELS.index("happy")
    for text in ("7", "happy", "06", "-1"):
        with pytest.raises(BadRow, match="not a digit from 0 to 6"):
            classes.of_row(text)
    with pytest.raises(BadRow, match="not an expression"):
        classes.of_folder("0")


def test_orders_by_name() -> None:
    assert names(Classes.parse("RAF-DB"), "1 7") == ["surprise", "neutral"]
    assert names(Classes.parse("affectnet", ["contempt,9"]), "0 6 7 9") == ["neutral", "angry", None, None]
    assert names(Classes.parse("ck+", ["contempt"]), "0 2 7") == ["neutral", None, "surprise"]
    for name, order in ORDERS.items():
        assert set(order.values()) - {"contempt"} == set(LABELS), name


def test_classes_in_words_are_matched_whatever_their_case_and_synonyms() -> None:
    classes = Classes.parse("Wut=anger, Freude=JOY,1=contempt", ["contempt", "9"])
    assert names(classes, "wut FREUDE 1 9 suprise Sadness") == ["angry", "happy", None, None, "surprise", "sad"]
    assert classes.of_folder("Wut") == 0
    with pytest.raises(BadRow, match="emotion is '3', neither one of those named"):
        classes.of_row("3")


def test_an_eighth_class_is_left_out_by_name_or_number_and_so_is_any() -> None:
    assert names(Classes.parse(None, ["contempt"]), "6 7") == ["neutral", None]
    assert names(Classes.parse(None, ["7"]), "6 7") == ["neutral", None]
    assert names(Classes.parse(None, ["Happiness"]), "3 4") == [None, "sad"]
    assert Classes.parse(None, ["contempt"]).of_folder("Contempt") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [("raf", "rafdb"), ("1=", "not like 1=surprise"), ("1=surprise,x", "not like"), ("1=contempt", "--leave-out contempt")],
)
def test_what_cannot_be_meant_is_a_usage_error(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Classes.parse(text)
