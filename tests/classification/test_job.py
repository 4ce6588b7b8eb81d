from dataclasses import fields

import pytest

from fercli.classification.job import Job, Options, difference
from tests.fakes import FakeLabeller


@pytest.mark.usefixtures("fake_labeller")
def test_settings_name_all_that_an_outcome_depends_on() -> None:
    job = Job(tta=True, detector="haar", options=Options(min_face=9))
    settings = job.settings(job.labeller())
    assert (settings["model"], settings["weights"], settings["detector"]) == ("fake+tta", FakeLabeller.sha256, "haar")
    assert settings["min_face"] == 9
    assert {item.name for item in fields(Options)} < settings.keys()


@pytest.mark.usefixtures("fake_labeller")
def test_an_even_prior_is_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeLabeller, "metadata", {"class_mix": [0.1] * 6 + [0.4]})
    plain, even = (job.settings(job.labeller()) for job in (Job(), Job(even=True)))
    assert (plain["model"], even["model"]) == ("fake", "fake+even")  # so that --resume and the journal tell them apart


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ({"largest": False}, {"largest": True}, "without --largest (now with it)"),
        ({"whole": True}, {"whole": False}, "with --on-no-face whole (now without it)"),
        (
            {"every": 1.0, "min_face": 9},
            {"every": 0.5, "min_face": 20},
            "without --every 0.5 (now with it), with --min-face 9 (now with --min-face 20)",
        ),
        ({"model": "deep", "weights": "1"}, {"model": "compact", "weights": "2"}, "with the model deep (now compact)"),
        ({"model": "deep", "weights": "1"}, {"model": "deep", "weights": "2"}, "with other weights"),
        ({"fercli": "0.2"}, {"fercli": "0.3"}, "with fercli 0.2 (now 0.3)"),
        ({}, {"largest": False}, ""),
    ],
)
def test_other_settings_are_told_as_the_options_that_were_typed(
    before: dict[str, object], now: dict[str, object], words: str
) -> None:
    assert difference(before, now) == words
