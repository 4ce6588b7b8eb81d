from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fercli.dataset import FER2013
from fercli.evaluation.provenance import training
from fercli.models.history import Choice, Epoch, Repetition
from fercli.models.recipes import with_options
from fercli.models.registry import MODELS

DEEP, COMPACT = MODELS["deep"], MODELS["compact"]
METADATA = {
    "model": "deep",
    "epoch": 2,
    "recipe": asdict(DEEP.recipe) | {"epochs": 2, "batch_size": 64},
    "device": "cpu, 2 cores",
    "versions": {"fercli": "0.1.0"},
    "dataset": "abc",
    "input": DEEP.input,
}
HISTORY = [Epoch(1, 1, 1, 1, 1, 1, 60.0), Epoch(2, 1, 1, 1, 1, 1, 60.0)]


def told(
    metadata: dict[str, Any],
    data: str = FER2013,
    choices: Sequence[Choice] = (),
    repetitions: Sequence[Repetition] = (),
) -> str:
    return "\n".join(training(MODELS[metadata["model"]], metadata, HISTORY, data, choices, repetitions))


def test_one_run_is_told_with_its_recipe_and_its_command() -> None:
    text = told(METADATA)
    assert "In one run, which started from random weights." in text
    assert "- duration: 2 minutes\n" in text
    assert "- epochs: 2 of 2; kept: epoch 2, the best on validation" in text
    assert "| batch size | 64 |" in text
    assert "| dropout, by layer | 0.1, 0.1, 0.2, 0.2, 0.5, 0.5 |" in text
    assert "after `fercli prepare fer2013.csv`:\n\n    fercli train --model deep --epochs 2 --batch-size 64\n" in text
    assert "The registry's recipe has 35 epochs; these weights had 2." in text


def test_runs_that_differ_in_their_seed_are_told_beside_one_another() -> None:
    repetitions = [Repetition("deep", 0, 2, 0.5, 0.6), Repetition("deep", 1, 2, 0.51, 0.62), Repetition("deep", 1, 9, 0.9, 0.9)]
    text = told(METADATA, repetitions=repetitions)
    assert "| seed | test | validation |\n" in text
    assert "| 1 | 62.00 % | 51.00 % |" in text
    assert "90.00" not in text  # of more epochs
    assert "| seed |" not in told(METADATA, repetitions=repetitions[1:])  # one tells nothing of chance


def test_whole_schedules_that_were_tried_are_told_and_short_ones_left_out() -> None:
    choices = [
        Choice("deep-hog", "momentum=0.97", 30, 0.4, 0.45),
        Choice("deep", "start=deep-1,learning_rate=1e-8", 1, 0.5, 0.55),
        Choice("deep", "augmentation=flip", 3, 0.9, 0.95),
        Choice("shallow", "optimizer=sgd", 30, 0.2, 0.3),
    ]
    text = told(METADATA, choices=choices)
    assert "| momentum=0.97 | 30 | 40.00 % | 45.00 % |" in text
    assert "| start=deep-1,learning_rate=1e-8 | 1 | 50.00 % | 55.00 % |" in text
    assert "augmentation=flip" not in text  # what regularises less learns sooner
    assert "optimizer=sgd" not in text  # another network's
    assert "tried" not in told(METADATA, choices=choices[2:])


def test_what_was_tried_for_another_recipe_of_the_same_network_is_left_out() -> None:
    choices = [Choice("compact", "erasing=0", 30, 0.6, 0.65)]
    texts = {}
    for name in ("compact", "compact-labels"):
        model = MODELS[name]
        given = {"model": name, "recipe": asdict(model.recipe), "input": model.input, "dropout": model.network.dropout}
        texts[name] = told(METADATA | given, choices=choices)
    assert "| erasing=0 | 30 | 60.00 % | 65.00 % |" in texts["compact"]
    assert "tried" not in texts["compact-labels"]


def test_another_recipe_promises_no_command() -> None:
    recipe = asdict(DEEP.recipe) | {"optimizer": "rmsprop"}
    text = told(METADATA | {"recipe": recipe, "dropout": [0.9] * 6})
    assert "changed settings that no option controls: optimizer, dropout." in text
    assert "| optimizer | rmsprop |" in text
    assert "| dropout, by layer | 0.9, 0.9" in text
    assert "fercli train --model" not in text


def several_runs() -> dict[str, Any]:
    """The metadata of compact weights that began with the mean of two earlier runs, of which one began with the other."""
    given = {"dataset": "abc", "input": COMPACT.input}
    recipes = [
        asdict(with_options(COMPACT.recipe, **options))
        for options in (
            {"epochs": 9, "erasing": 0.25},
            {"learning_rate": 0.05, "augmentation_strength": 0.4},
            {"epochs": 1, "learning_rate": 1e-8, "balanced_votes": False},
        )
    ]
    first = given | {"sha256": "d1g", "epoch": 9, "recipe": recipes[0], "start": None}
    second = given | {"sha256": "d2g", "epoch": 7, "recipe": recipes[1], "start": first}
    return METADATA | given | {"model": "compact", "recipe": recipes[2], "start": [first, second]}


def test_several_runs_stand_side_by_side_and_each_has_its_command() -> None:
    text = told(several_runs())
    assert (
        "    fercli train --model compact --epochs 9 --erasing 0.25 --out runs/compact-1\n"
        "    fercli train --model compact --start runs/compact-1 --learning-rate 0.05 --augmentation-strength 0.4"
        " --out runs/compact-2\n"
        "    fercli train --model compact --start runs/compact-1 --start runs/compact-2 --epochs 1 --learning-rate 1e-08"
        " --no-balanced-votes\n"
    ) in text
    assert "In 3 runs: run 1 started from random weights" in text
    assert "With a learning rate of almost 0, run 3 only averaged the starting weights." in text
    assert "| setting | run 1 | run 2 | run 3 |" in text
    assert "| starts from | random weights | run 1 | the mean of run 1 and run 2 |" in text
    assert "| augmentation: strength | 1 | 0.4 | 1 |" in text
    assert "| augmentation: share with random erasing | 0.25 | 0.3 | 0.3 |" in text
    assert "| weights, SHA-256 | d1g | d2g | these |" in text
    assert "batch size 128" in text.split("The same in all runs: ")[1]
    assert "- duration: 2 minutes (the last run alone)\n" in text
    assert "The registry's recipe has" not in text


def test_a_run_whose_last_epoch_was_taken_gives_its_checkpoint() -> None:
    metadata = several_runs()
    metadata["start"][1]["file"] = "checkpoint.safetensors"
    text = told(metadata)
    assert " --start runs/compact-1 --start runs/compact-2/checkpoint.safetensors --epochs 1" in text
    assert " --out runs/compact-2\n" in text


def test_the_votes_of_any_run_need_their_file() -> None:
    metadata = several_runs()
    metadata["recipe"] = asdict(with_options(COMPACT.recipe, votes=0.0))
    assert "--ferplus fer2013new.csv" in told(metadata)
    assert "--ferplus" not in told(METADATA)
    recipe = with_options(MODELS["deep"].recipe, votes_by_agreement=True)
    assert "--ferplus fer2013new.csv" in told(METADATA | {"recipe": asdict(recipe)})


def test_a_run_of_another_data_set_or_with_what_has_changed_promises_no_command() -> None:
    metadata = several_runs()
    first = metadata["start"][0]
    first["dataset"] = "other"
    assert "started from weights trained on a different data set" in told(metadata)
    assert "| data set, digest | other | abc | abc |" in told(metadata)
    first["recipe"]["average"] = 0.5
    assert "changed settings that no option controls: average." in told(metadata)
    del first["input"]
    assert "changed settings that no option controls: average, the tones of the input." in told(metadata)


def test_a_teacher_that_was_an_earlier_run_is_named_so() -> None:
    metadata = several_runs()
    metadata["recipe"] |= {"teacher_share": 0.4}
    metadata["teachers"] = [{"name": "compact", "sha256": "d1g"}]
    text = told(metadata)
    assert "| teacher | – | – | run 1 |" in text
    assert "--teacher runs/compact-1 --epochs 1" in text
    alone = METADATA | {"teachers": [{"name": "compact", "sha256": "0123456789abcdef"}]}
    assert "- teacher: compact, SHA-256 0123456789ab\n" in told(alone)


def test_ones_own_faces_are_told_by_their_data_set_and_the_shipped_model() -> None:
    before = {"dataset": "fer", "sha256": "d1g", "recipe": asdict(COMPACT.recipe) | {"average": 0.5}, "input": COMPACT.input}
    shipped = {
        "dataset": "fer",
        "sha256": COMPACT.sha256,
        "recipe": asdict(COMPACT.recipe),
        "input": COMPACT.input,
        "start": before,
    }
    recipe = asdict(with_options(COMPACT.recipe, votes=0.0, epochs=10))
    metadata = METADATA | {"model": "compact", "input": COMPACT.input, "recipe": recipe, "start": [shipped]}
    text = told(metadata, "my-faces")
    assert "- data set: my-faces, digest abc\n" in text
    assert "In one run, which started from `compact` as shipped." in text
    command = "fercli train --model compact --start compact --epochs 10 --votes 0.0 --data DATA.npz"
    assert f"after preparing the same data set as `DATA.npz`:\n\n    {command}\n" in text
    assert "runs/compact-1" not in text
    assert "- data set: not the one that the figures above are of, digest abc\n" in told(metadata, "")
