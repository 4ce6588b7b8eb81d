import numpy as np
import pytest

from fercli.errors import IntegrityError, UsageError
from fercli.models.priors import EvenPrior, as_asked, class_mix
from tests.fakes import FakeLabeller

MIX = [0.1, 0.05, 0.15, 0.25, 0.15, 0.1, 0.2]
FACES = np.array([20, 130], np.uint8)[:, None, None] * np.ones((2, 48, 48), np.uint8)  # angry and happy to the fake network


def _fake(mix: object = MIX) -> FakeLabeller:
    labeller = FakeLabeller()
    labeller.metadata = {"class_mix": mix}
    return labeller


def test_an_even_prior_takes_the_training_mix_out() -> None:
    plain, even = _fake(), EvenPrior(_fake())
    expected = plain.label(FACES) / MIX
    expected /= expected.sum(axis=1, keepdims=True)
    assert np.allclose(even.label(FACES), expected, atol=1e-6)
    assert np.allclose(even.label(FACES).sum(axis=1), 1, atol=1e-6)
    assert np.allclose(EvenPrior(_fake([1 / 7] * 7)).label(FACES), plain.label(FACES), atol=1e-6)
    assert even.label(FACES[:0]).shape == (0, 7)


def test_it_is_the_same_weights_by_another_title() -> None:
    plain = _fake()
    both = as_asked(plain, tta=True, even=True)
    assert both.title == EvenPrior(plain).augmented().title == "fake+tta+even"
    assert (both.name, both.sha256, both.trained_on) == (plain.name, plain.sha256, plain.trained_on)
    assert as_asked(plain, tta=False, even=False) is plain


def test_weights_that_do_not_tell_their_mix_are_refused() -> None:
    with pytest.raises(UsageError, match=r"fake does not tell how often it saw each expression.*leave --prior out"):
        EvenPrior(FakeLabeller())


@pytest.mark.parametrize(
    "mix",
    [
        [],
        [1.0],
        [-0.1, *MIX[1:]],
        [*MIX[:6], 0.9],
        [float("nan"), *MIX[1:]],
        "even",
        1.0,
        [1, 0, 0, 0, 0, 0, 0],
        dict.fromkeys(MIX),
    ],
)
def test_a_mix_that_is_none_is_refused(mix: object) -> None:
    with pytest.raises(IntegrityError, match="class mix"):
        class_mix(_fake(mix))


def test_a_class_never_seen_has_no_share_to_divide_by() -> None:
    with pytest.raises(UsageError, match="trained without angry, fear, so"):
        class_mix(_fake([0.0, 0.1, 0.0, 0.4, 0.2, 0.1, 0.2]))
