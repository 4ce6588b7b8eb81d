import inspect
import re
from collections.abc import Iterator
from typing import get_args

import pytest

from fercli.cli import app, run

NUMBER = "with a decimal point, and without a unit or a percent sign."


def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    monkeypatch.setattr("sys.argv", ["fercli", *arguments])
    assert run() == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def numeric_options() -> Iterator[tuple[str, str]]:
    for command in app.registered_commands:
        assert command.callback
        for parameter in inspect.signature(command.callback).parameters.values():
            if re.search(r"\b(int|float)\b", str(get_args(parameter.annotation)[:1])):
                yield command.callback.__name__, f"--{parameter.name.replace('_', '-')}"


@pytest.mark.parametrize(("command", "option"), list(numeric_options()))
def test_every_command_repeats_what_is_no_number_and_says_what_is(
    command: str, option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = told(monkeypatch, capsys, command, option, "x1")
    assert re.search(rf"'{option}': x1 is not a (whole )?number; give a (whole )?number (of at least|from) \d", line)


@pytest.mark.parametrize(
    ("option", "given", "words"),
    [
        ("--every", "1s", f"1s is not a number; give a number of at least 0, {NUMBER} Did you mean 1?"),
        ("--every", "0,5", f"0,5 is not a number; give a number of at least 0, {NUMBER} Did you mean 0.5?"),
        ("--every", "500 ms", "Did you mean 0.5?"),
        ("--every", "inf", "inf is not a number"),
        ("--every", "-1", "-1 is out of range; give a number of at least 0. See"),
        ("--min-confidence", "70%", f"70% is not a number; give a number from 0 to 1, {NUMBER} Did you mean 0.7?"),
        ("--min-confidence", "70", "70 is out of range; give a number from 0 to 1. Did you mean 0.7?"),
        ("--min-confidence", "1.5", "1.5 is out of range; give a number from 0 to 1. See"),
        ("--min-confidence", "700", "700 is out of range; give a number from 0 to 1. See"),
        ("--min-confidence", "nan", "nan is not a number"),
        ("--min-face", "20px", "20px is not a whole number; give a whole number of at least 0, in digits alone. Did you mean 20?"),
        ("--min-face", "20.5", "20.5 is not a whole number; give a whole number of at least 0, in digits alone. See"),
    ],
)
def test_a_decimal_comma_a_unit_and_a_percentage_are_told_in_the_right_form(
    option: str, given: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in told(monkeypatch, capsys, "classify", "x", "-o", "r.csv", option, given)
