import pytest

from fercli.cli import refuse_empty, run
from fercli.errors import UsageError


@pytest.mark.parametrize("arguments", [["classify", ""], ["prepare", "x", "-o", ""], ["train", "--out="]])
def test_an_empty_argument_is_refused_by_every_command(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="is empty"):
        refuse_empty(arguments)
    monkeypatch.setattr("sys.argv", ["fercli", *arguments])
    assert run() == 2


def test_other_arguments_pass() -> None:
    refuse_empty(["classify", " ", "-", "a=", "--min-face=1"])
