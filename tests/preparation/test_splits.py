import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fercli.errors import UsageError
from fercli.preparation.splits import draw, parse_shares

NOBODY = np.full(1000, "")


def test_shares() -> None:
    assert parse_shares("80/10/10") == {"train": 0.8, "validation": 0.1, "test": 0.1}
    assert parse_shares("0/0/100")["train"] == 0


@pytest.mark.parametrize("text", ["", "80", "80/20", "80/10/11", "90/0/10", "-80/170/10", "80/10/ten", "0.8/0.1/0.1", "80/10/10/0"])
def test_other_shares_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="80/10/10"):
        parse_shares(text)


def test_every_class_has_its_share_by_the_seed() -> None:
    labels = np.repeat(np.arange(7, dtype=np.uint8), [400, 20, 200, 100, 100, 100, 80])
    shares = parse_shares("70/10/20")
    splits, again, other = (draw(labels, NOBODY, shares, np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    assert splits.tolist() == again.tolist() != other.tolist()
    for label in range(7):
        of_class = splits[labels == label]
        for name, share in shares.items():
            assert abs((of_class == name).sum() - share * len(of_class)) <= 1, (label, name)


@given(
    counts=st.lists(st.integers(1, 60), min_size=3, max_size=30),
    shares=st.sampled_from(["80/10/10", "50/25/25", "0/50/50", "34/33/33"]),
    seed=st.integers(0, 9),
)
def test_nobody_is_in_two_splits_and_no_split_is_empty(counts: list[int], shares: str, seed: int) -> None:
    persons = np.repeat([f"p{number}" for number in range(len(counts))], counts)
    splits, by = draw(np.zeros(len(persons), np.uint8), persons, parse_shares(shares), np.random.default_rng(seed))
    assert by == "person"
    assert len(set(zip(persons.tolist(), splits.tolist(), strict=True))) == len(counts)
    assert set(splits.tolist()) == {name for name, share in parse_shares(shares).items() if share}


def test_persons_fill_the_shares_as_nearly_as_they_can() -> None:
    persons = np.repeat([f"p{number}" for number in range(100)], 10)
    splits, _ = draw(np.zeros(1000, np.uint8), persons, parse_shares("80/10/10"), np.random.default_rng(0))
    assert [(splits == name).sum() for name in ("train", "validation", "test")] == [800, 100, 100]


@pytest.mark.parametrize("known", [1, 20])
def test_images_of_unknown_persons_are_not_taken_as_one_persons(known: int) -> None:
    persons = np.array([f"p{number // 2}" for number in range(known)] + [""] * (100 - known))
    splits, by = draw(np.zeros(100, np.uint8), persons, parse_shares("80/10/10"), np.random.default_rng(0))
    assert by == "person"
    assert all(abs((splits == name).sum() - 100 * share) <= 1 for name, share in parse_shares("80/10/10").items())
    for person in set(persons[:known].tolist()):
        assert len(set(splits[persons == person].tolist())) == 1
