"""A stop ends the process within two seconds, whatever it is doing, and however many signals come."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.promises import Did

CODE = """
import hashlib, signal, time
import fercli.cli
from fercli.__main__ import main

def long():
    print("begun", flush=True)
    {work}

fercli.cli._run = long
main()
"""
IN_PYTHON = "time.sleep(60)"
IN_C = "hashlib.pbkdf2_hmac('sha256', b'x', b'y', 10**9)"  # which lets no handler run
IN_A_DESTRUCTOR = "type('Slow', (), {'__del__': lambda self: time.sleep(60)})(); time.sleep(60)"  # which lets nothing out
TIDIED = """try:
        type('Slow', (), {{'__del__': lambda self: (signal.raise_signal({number}), time.sleep(60))}})()
        time.sleep(60)
    finally:
        print("tidied up", flush=True)"""
TURNED = """try:
        time.sleep(60)
    except BaseException:
        raise ImportError('numpy.core.multiarray failed to import')"""


def begin(work: str, *, nohup: bool = False) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CODE.format(work=work)]
    hang_up = signal.SIG_IGN if nohup else signal.SIG_DFL  # whether or not the tests themselves run under nohup
    child = subprocess.Popen(
        command,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, hang_up),  # noqa: PLW1509 (no threads here)
    )
    assert child.stdout
    assert child.stdout.readline() == "begun\n"
    return child


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_promise_12_a_stop_that_python_lets_nobody_hear_is_repeated(number: int, did: Did) -> None:
    with begin(TIDIED.format(number=int(number))) as child:
        said = child.communicate(timeout=30)
    assert (child.returncode, said[0].splitlines()[-1], said[1]) == (128 + number, "tidied up", "Stopped; nothing was written.\n")
    did(1, "signals to stop")


@pytest.mark.parametrize("work", [IN_PYTHON, IN_C])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_promise_12_a_stop_waits_for_nothing(work: str, number: int, did: Did) -> None:
    with begin(work) as child:
        started = time.monotonic()
        os.kill(child.pid, number)
        talk = child.communicate(timeout=30)[1]
        assert time.monotonic() - started < (5 if work == IN_C else 3)
    assert child.returncode == 128 + number
    assert talk == "Stopped; nothing was written.\n"
    did(1, "signals to stop")


@pytest.mark.parametrize("work", [IN_A_DESTRUCTOR, TURNED])
def test_promise_12_a_stop_that_a_library_takes_for_its_own_is_one(work: str, did: Did) -> None:
    with begin(work) as child:
        os.kill(child.pid, signal.SIGTERM)
        talk = child.communicate(timeout=30)[1]
    assert child.returncode == 143
    assert talk == "Stopped; nothing was written.\n"
    did(1, "signals to stop")


@pytest.mark.parametrize("work", [IN_PYTHON, IN_C])
def test_promise_12_many_signals_at_once_are_one_stop(work: str, did: Did) -> None:
    with begin(work) as child:
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            os.kill(child.pid, number)
        talk = child.communicate(timeout=30)[1]
    assert child.returncode in {129, 130, 143}
    assert talk == "Stopped; nothing was written.\n"
    did(4, "signals to stop")


def test_promise_12_what_nohup_began_outlives_its_terminal() -> None:
    with begin("time.sleep(1.5)", nohup=True) as child:
        os.kill(child.pid, signal.SIGHUP)
        talk = child.communicate(timeout=30)[1]
    assert talk == ""
