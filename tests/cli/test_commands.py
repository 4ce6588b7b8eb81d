import os
import re
import subprocess
import sys

import pytest

from fercli.cli import refuse_empty, run
from fercli.errors import UsageError, listed, nearest


@pytest.mark.parametrize("arguments", [["classify", ""], ["prepare", "x", "-o", ""], ["train", "--out="]])
def test_an_empty_argument_is_refused_by_every_command(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="is empty"):
        refuse_empty(arguments)
    monkeypatch.setattr("sys.argv", ["fercli", *arguments])
    assert run() == 2


def test_other_arguments_pass() -> None:
    refuse_empty(["classify", " ", "-", "a=", "--min-face=1"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["clasify"], "Did you mean 'classify'?"),
        (["classify"], "Missing option '--output' / '-o'. See fercli classify --help."),
        (["evaluate", "--splt", "test"], "--split"),
        (["evaluate", "--split", "tset"], "Did you mean 'test'?"),
        (["evaluate", "--prior", "evn"], "Did you mean 'even'?"),
        (["evaluate", "--model", "Compct"], "Did you mean 'compact'?"),
        (["classify", "-o", "r.csv", "--detector", "hair", "x"], "Did you mean 'haar'?"),
        (["models", "dep"], "Did you mean 'deep'?"),
        (["train", "shallow"], "train does not know what to do with shallow. Did you mean --model shallow? See"),
        (["train", "my.csv", "x"], "train does not know what to do with my.csv x. See fercli train --help."),
        (["models", "deep", "shallow"], "models does not know what to do with shallow. See"),
        (["train", "--epoch", "3"], "No such option: --epoch. Did you mean '--epochs'? See fercli train --help."),
        (["evaluate", "--model", "./no.onnx"], "give --weights ./no.onnx instead"),
        (["evaluate", "--predictions", "p.xlsx"], "p.xlsx cannot be written as .xlsx; end the name in .csv."),
        (["evaluate", "--json", "p.csv"], "p.csv cannot be written as .csv; end the name in .json."),
        (["classify", "x", "-o", "r.csv", "--model", "compact", "--model", "deep"], "--model is given 2 times; give it once"),
        (["classify", "x", "-o", "r.csv", "-o", "s.csv"], "--output is given 2 times"),
        (["train", "--hog", "--no-hog"], "--hog/--no-hog is given 2 times"),
    ],
)
def test_wrong_usage_is_one_sentence_that_names_what_was_meant(
    arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["fercli", *arguments])
    assert run() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert words in line


def test_what_may_be_repeated_and_switches_that_say_the_same_twice_pass(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["fercli", "summary", "no.csv", "--by", "a", "--by", "b", "--overwrite", "--overwrite"])
    assert run() == 2
    assert "no.csv does not exist" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["fercli", "classify", "--model", "a", "--model", "b", "--help"])
    assert run() == 0


def test_nothing_is_suggested_for_what_is_like_nothing() -> None:
    assert not nearest("vgg", ["deep", "shallow"])


def test_words_are_listed_as_in_a_sentence() -> None:
    assert [listed("abcd"[:count]) for count in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert listed([".csv", ".json"], "or") == ".csv or .json"


@pytest.mark.parametrize("command", ["prepare", "train", "evaluate", "classify", "summary", "models"])
def test_the_help_has_examples_and_no_types_of_python(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["fercli", command, "--help"])
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 80)
    assert run() == 0
    text = capsys.readouterr().out
    assert text.count(f" fercli {command}") >= 3  # usage and two examples
    assert all(line.strip().startswith("fercli ") for line in text.split("Examples:")[1].splitlines() if line.strip())  # none wraps
    assert not [word for word in ("<bool>", "<list", "<str>", "<path>", "range>", "{") if word in text]
    assert not re.findall(r"--[a-z-]*…", text)  # cut off


def test_models_starts_without_what_only_conversion_needs() -> None:
    program = (
        "import sys; sys.argv = ['fercli', 'models']; from fercli.cli import run; run(); "
        "assert not {'pydantic', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env=os.environ, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("options", "arrow"),
    [
        (["-o", "r.csv"], False),
        (["-o", "r.csv", "--engine", "ray"], True),
        (["-o", "r.parquet"], True),
        (["-o", "s3://bucket/r.csv"], True),
    ],
)
def test_more_memory_is_asked_for_where_pyarrow_works(options: list[str], arrow: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr("fercli.cli.commands.refuse_little_memory", lambda _, *, arrow: asked.append(arrow))
    monkeypatch.setattr("sys.argv", ["fercli", "classify", "no-such-folder", *options])
    assert run() == 2
    assert asked == [arrow]
