import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fercli.preparation.rows import PIXELS, BadRow, parse_label, parse_pixel_rows, parse_pixels, parse_usage
from tests.promises import Did

GOOD = [str(value % 256) for value in range(PIXELS)]
BAD_TOKENS = ["", "-1", "+1", "256", "999", "0256", "1000", "1.0", "nan", "1_0", "0x1", "a", "١", "1\t2", "²", "1e1", "\0", '"']


def text(tokens: list[str]) -> str:
    return " ".join(tokens)


def test_good_rows_are_read_exactly_by_both_parsers() -> None:
    want = np.arange(PIXELS) % 256
    assert np.array_equal(parse_pixels(text(GOOD)), want)
    rows = parse_pixel_rows([text(GOOD), text(GOOD[::-1])])
    assert rows is not None
    assert np.array_equal(rows, [want, want[::-1]])


@pytest.mark.parametrize("bad", BAD_TOKENS)
def test_promise_1_bad_tokens_are_rejected_wherever_they_stand(bad: str) -> None:
    for position in (0, 1, 1000, PIXELS - 1):
        tokens = [*GOOD[:position], bad, *GOOD[position + 1 :]]
        assert parse_pixel_rows([text(GOOD), text(tokens)]) is None
        with pytest.raises(BadRow):
            parse_pixels(text(tokens))


@pytest.mark.parametrize("count", [0, 1, PIXELS - 1, PIXELS + 1])
def test_promise_1_wrong_counts_are_rejected(count: int) -> None:
    with pytest.raises(BadRow, match=f"not {PIXELS}"):
        parse_pixels(text((GOOD * 2)[:count]))


def test_two_wrong_rows_with_the_right_sum_of_pixels_are_not_good() -> None:
    assert parse_pixel_rows([text(GOOD[:-1]), text([*GOOD, "7"])]) is None


@settings(max_examples=150)
@given(position=st.integers(0, PIXELS - 1), token=st.text(st.sampled_from("0123456789 -+._eaN\0٣"), max_size=4))
def test_promise_1_one_mutated_token_is_rejected_or_read_as_written(position: int, token: str, did: Did) -> None:
    did(1, "mutated rows")
    mutated = text([*GOOD[:position], token, *GOOD[position + 1 :]])
    fast = parse_pixel_rows([mutated])
    try:
        slow = parse_pixels(mutated)
    except BadRow:
        assert fast is None
        return
    assert fast is None or np.array_equal(fast[0], slow)
    assert slow.tolist() == [int(value) for value in mutated.split()]


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_every_image_survives(seed: int, padded: bool) -> None:
    values = np.random.default_rng(seed).integers(0, 256, PIXELS).tolist()
    line = text([f"{value:03d}" if padded else str(value) for value in values])
    fast = parse_pixel_rows([line])
    assert fast is not None
    assert fast[0].tolist() == parse_pixels(line).tolist() == values


@pytest.mark.parametrize("bad", ["7", "-1", "", "1.0", "10", "a", "٣", "nan"])
def test_promise_1_bad_labels(bad: str) -> None:
    with pytest.raises(BadRow, match="emotion"):
        parse_label(bad)


def test_label_and_usage() -> None:
    assert parse_label(" 6") == 6
    assert parse_usage(" PublicTest") == "validation"
    with pytest.raises(BadRow, match="Usage"):
        parse_usage("PrivateTes")
