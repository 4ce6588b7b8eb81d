from dataclasses import fields

import pytest

from fercli.classification.job import Job, Options
from tests.conftest import FakeLabeller


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
