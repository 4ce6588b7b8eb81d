"""Streams that are closed or full, encodings, variables of other programs: the same result, or one sentence."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fercli import surroundings
from fercli.errors import FercliError, UsageError
from fercli.surroundings import cores, refuse_backend, refuse_few_threads, refuse_little_memory, set_variables

ROOT = Path(__file__).parents[1]
FERCLI = f"exec {sys.executable} -m fercli"


def shell(command: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["bash", "-c", command], cwd=ROOT, env=os.environ | variables, capture_output=True, check=False)


def test_promise_22_a_closed_error_stream_or_input_changes_nothing(tmp_path: Path) -> None:
    plain = shell(f"{FERCLI} models")
    assert plain.returncode == 0
    for closed in ("2>&-", "<&-", "<&- 2>&-"):
        child = shell(f"{FERCLI} models {closed}")
        assert (child.returncode, child.stdout) == (0, plain.stdout), closed
        failed = shell(f"{FERCLI} classify nowhere -o {tmp_path}/r.csv {closed}")
        assert failed.returncode == 2, closed
    assert shell(f"{FERCLI} classify nowhere -o {tmp_path}/r.csv <&- >&- 2>&-").returncode == 2


def test_a_package_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "typer").mkdir()
    (tmp_path / "typer" / "__init__.py").write_text("import not_installed")
    child = shell(f"{FERCLI} models", PYTHONPATH=f"{tmp_path}:{ROOT}")
    told = (
        "error: A package that fercli needs is missing (No module named 'not_installed'); install fercli again, with pip install."
    )
    assert (child.returncode, child.stderr.decode()) == (1, f"{told}\n")


@pytest.mark.parametrize("errors", ["2>/dev/full", "2> >(true)"])
def test_promise_10_standard_error_that_takes_nothing_stops_nothing(tmp_path: Path, errors: str) -> None:
    (tmp_path / "no.jpg").write_text("a reject to tell of")
    assert shell(f"{FERCLI} classify nowhere -o {tmp_path}/r.csv {errors}").returncode == 2
    child = shell(f"{FERCLI} classify tests/photos {tmp_path}/no.jpg -o {tmp_path}/r.csv {errors}")
    assert child.returncode == 3
    assert (tmp_path / "r.csv").read_text().count("tests/photos") == 2


@pytest.mark.parametrize("output", [">&-", ">/dev/full"])
def test_promise_10_standard_output_that_takes_nothing_is_a_sentence(output: str) -> None:
    child = shell(f"set -o pipefail; {sys.executable} -m fercli models {output}")
    talk = child.stderr.decode()
    assert (child.returncode, talk.count("\n")) == (1, 1), talk
    assert "standard output cannot be read or written" in talk


@pytest.mark.parametrize("command", ["models", "models --json", "train --help", "--version", "classify tests/photos -q -o -"])
def test_a_reader_who_has_seen_enough_ends_the_command_quietly(command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        arguments = [sys.executable, "-m", "fercli", *command.split()]
        child = subprocess.run(arguments, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(writing)
    assert (child.returncode, child.stderr) == (0, b"")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp932", "utf-16"])
def test_promise_18_any_encoding_takes_the_tables(encoding: str) -> None:
    child = shell(f"{FERCLI} models; {FERCLI} classify 'é中' -o x.csv", PYTHONIOENCODING=encoding)
    assert child.returncode == 0
    assert "deep-hog" in child.stdout.decode(encoding)
    assert b"Traceback" not in child.stderr


@pytest.mark.parametrize("arguments", ['classify ""', 'classify photos -o ""', "prepare x.csv --output=", 'evaluate --data ""'])
def test_promise_20_an_empty_argument_is_refused(tmp_path: Path, arguments: str) -> None:
    child = shell(f"cd {tmp_path}; PYTHONPATH={ROOT} {FERCLI} {arguments}")
    assert child.returncode == 2
    assert b"is empty; check that the variable" in child.stderr
    assert list(tmp_path.iterdir()) == []


CODE = """
import sys
import fercli.cli
from fercli.__main__ import main

def fail():
    raise {error}

fercli.cli._run = fail
main()
"""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("OSError(30, 'Read-only file system')", "The system refused what fercli needs (Read-only file system)"),
        ("OSError(28, 'No space left on device', 'x.csv')", "x.csv cannot be read or written (No space left on device)"),
        ("FileNotFoundError(2, 'No usable temporary directory found in []')", "No usable temporary directory"),
        ("MemoryError", "Memory has run out"),
        ("OSError(12, 'Cannot allocate memory')", "Memory has run out"),
        ("RuntimeError('std::bad_alloc')", "Memory has run out"),
        ("ImportError('libx.so: failed to map segment from shared object')", "Memory has run out"),
        ("OSError(24, 'Too many open files', 'x.csv')", "ulimit -n 1024"),
        ("ImportError('no such library')", "A library cannot be loaded (no such library)"),
        ("ValueError('two\\n lines\\n')", "This is a bug in fercli (ValueError: two lines)"),
        ("RuntimeError('can\\'t start new thread')", "The system does not let fercli start more threads"),
    ],
)
def test_promise_10_whatever_fails_is_a_sentence(error: str, words: str) -> None:
    child = subprocess.run([sys.executable, "-c", CODE.format(error=error)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert child.returncode == 1
    assert child.stderr.count("\n") == 1
    assert words in child.stderr
    assert "standard output" not in child.stderr


def test_promise_22_what_is_set_for_other_programs_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MATPLOTLIBRC": "/nowhere",
        "KERAS_HOME": "/somebody's",
        "TF_USE_LEGACY_KERAS": "1",
        "KERAS_MAX_EPOCHS": "1",
        "OPENCV_FFMPEG_CAPTURE_OPTIONS": "use_wallclock_as_timestamps;1",
        "OPENCV_BUFFER_AREA_ALWAYS_SAFE": "abc",
        "TF_XLA_FLAGS": "--nothing",
        "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "none",
        "TERMINAL_WIDTH": "wide",
    }
    environment = {"KERAS_BACKEND": "jax"} | hostile
    monkeypatch.setattr("fercli.surroundings.os.environ", environment)
    set_variables()
    assert environment["KERAS_BACKEND"] == "jax"
    assert not set(hostile.items()) & set(environment.items())


QUIET = """
import os, sys, types
from fercli.surroundings import quiet_import

with quiet_import():
    os.write(2, b"TensorFlow's chatter")
sys.modules["tensorflow"] = types.ModuleType("tensorflow")
with quiet_import():
    os.write(2, b"a warning")
"""


@pytest.mark.parametrize(
    ("variables", "said"),
    [({}, "a warning"), ({"TF_CPP_MIN_LOG_LEVEL": "0"}, "TensorFlow's chattera warning"), ({"FERCLI_DEBUG": "1"}, "TensorFlow's")],
)
def test_only_the_first_import_of_tensorflow_is_quiet_and_only_if_nobody_asks(variables: dict[str, str], said: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"} | variables
    child = subprocess.run([sys.executable, "-c", QUIET], env=environment, capture_output=True, text=True, check=False)
    assert child.returncode == 0
    assert child.stderr.startswith(said)


@pytest.mark.parametrize("name", ["theano", "", "numpy"])
def test_a_backend_that_does_not_train_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("KERAS_BACKEND", name)
    with pytest.raises(UsageError, match="KERAS_BACKEND names"):
        refuse_backend()
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    refuse_backend()
    monkeypatch.setattr(surroundings, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="which is not installed"):
        refuse_backend()


@pytest.mark.parametrize("megabytes", [300, 600, 900])
@pytest.mark.parametrize(
    "arguments", ["classify tests/photos -o {}/r.csv", "evaluate", "train --out {}/run", "prepare {} -o {}/x.npz"]
)
def test_promise_10_too_little_memory_for_the_libraries_is_a_sentence(tmp_path: Path, megabytes: int, arguments: str) -> None:
    """Beyond it, they end in crashes, or spin for ever without hearing of any signal."""
    if megabytes == 900 and arguments.startswith("prepare"):
        pytest.skip("which is enough")
    child = shell(f"ulimit -v {megabytes}000; {FERCLI} {arguments.format(tmp_path, tmp_path)}")
    assert child.returncode == 1
    assert child.stderr.count(b"\n") == 1
    assert b"error: Memory is limited to" in child.stderr
    assert list(tmp_path.iterdir()) == []


def test_promise_10_models_need_next_to_no_memory() -> None:
    child = shell(f"ulimit -v 200000; {FERCLI} models")
    assert (child.returncode, child.stderr) == (0, b"")


def test_more_is_needed_for_parquet_and_nothing_is_asked_without_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "_addresses", lambda: None)
    refuse_little_memory("train")
    usable = len(os.sched_getaffinity(0))
    monkeypatch.setattr(surroundings, "_addresses", lambda: 1_200_000_000 + 200_000_000 * usable)
    refuse_little_memory("classify")
    refuse_little_memory("models")
    with pytest.raises(FercliError, match="raise the limit"):
        refuse_little_memory("classify", arrow=True)


@pytest.mark.parametrize("files", [5, 7])
def test_promise_10_too_few_files_to_begin_with_is_a_sentence(files: int) -> None:
    child = shell(f"ulimit -n {files}; {FERCLI} models")
    assert (child.returncode, child.stderr.count(b"\n")) in ({(1, 1)} if files == 5 else {(1, 1), (0, 0)}), child.stderr
    assert b"Traceback" not in child.stderr


def test_promise_22_modules_in_the_current_folder_are_not_those_of_a_process_of_ours(tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("raise RuntimeError('another program')")
    code = (
        "import sys; from fercli.surroundings import set_variables; set_variables(); import subprocess; "
        "sys.exit(subprocess.run([sys.executable, '-c', 'import random']).returncode)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    child = subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, env=environment, check=False)
    assert child.returncode == 0


@pytest.mark.parametrize("left", [0, 3])
def test_promise_10_too_few_threads_are_a_sentence(monkeypatch: pytest.MonkeyPatch, left: int) -> None:
    """TensorFlow aborts without a word, and OpenBLAS raises SIGINT, as if the user had stopped the command."""
    start, before = threading.Thread.start, set(threading.enumerate())

    def limited(thread: threading.Thread) -> None:
        if len(set(threading.enumerate()) - before) >= left:
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", limited)
        with pytest.raises(FercliError, match=rf"lets it start {len(before) + left}; raise the limit .ulimit -u"):
            refuse_few_threads("train")
    assert not set(threading.enumerate()) - before
    refuse_few_threads("train")
    refuse_few_threads("models")
    assert not set(threading.enumerate()) - before


@pytest.mark.parametrize(
    "arguments", ["classify . -o r.csv", f"classify {ROOT}/tests/photos -o {{}}/r.csv --report {{}}/r.html", "models"]
)
def test_promise_10_a_current_folder_that_is_gone_is_a_sentence(tmp_path: Path, arguments: str) -> None:
    (gone := tmp_path / "gone").mkdir()
    child = shell(f"cd {gone}; rmdir {gone}; {FERCLI} {arguments.format(tmp_path, tmp_path)}", PYTHONPATH=str(ROOT))
    talk = [line for line in child.stderr.decode().splitlines() if not line.startswith("shell-init")]
    assert (child.returncode, len(talk)) == (1, 1), talk
    assert talk[0].startswith("error: The current folder is no longer there")


@pytest.mark.parametrize(("value", "want"), [("3", 3), ("0", None), ("many", None), ("²", None), ("", None)])
def test_cores_are_those_wanted_or_else_those_there_are(value: str, want: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    all_of_them = cores()
    assert all_of_them >= 1
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert cores() == (want or all_of_them)
