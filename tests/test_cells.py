import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fercli.cells import csv_line, escaped, unescaped


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_a_text_that_would_run_as_a_formula_is_a_text(text: str) -> None:
    assert next(csv.reader([csv_line([text]).decode()])) == [f"'{text}"]


def test_numbers_and_plain_texts_stay_as_they_are() -> None:
    assert csv_line(["happy", -1.5, 'a"b', None]) == b'happy,-1.5,"a""b",\n'


def test_a_carriage_return_within_a_cell_ends_no_line() -> None:
    assert csv_line(["a\rb", 1]) == b'"a\rb",1\n'


@given(st.text("'=-a", max_size=6))
def test_every_text_comes_back_as_it_was(text: str) -> None:
    assert unescaped(escaped(text)) == text
    assert not escaped(text).startswith(("=", "-"))
