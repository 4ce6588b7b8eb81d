import threading

import pytest

from fercli.cli.beside import beside


def test_work_goes_on_during_the_block_and_is_told_of_its_end() -> None:
    begun, ends = threading.Event(), threading.Event()

    def work(ended: threading.Event) -> None:
        begun.set()
        if ended.wait(10):
            ends.set()

    with beside(work):
        assert begun.wait(10)
        assert not ends.is_set()
    assert ends.wait(10)


def test_a_block_that_fails_ends_it_too() -> None:
    ends = threading.Event()
    with pytest.raises(KeyError), beside(lambda ended: ends.set() if ended.wait(10) else None):
        raise KeyError
    assert ends.wait(10)
