"""The rules of the house, checked by machine."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "fercli"
MODULES = sorted(PACKAGE.rglob("*.py"))
FORBIDDEN = {"pickle", "marshal", "shelve", "yaml", "dill", "joblib", "eval", "exec", "compile"}
FORBIDDEN |= {"load_model", "model_from_json", "Lambda"}


def test_layers() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    child = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stdout


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_promise_8_no_code_from_files(path: Path) -> None:
    tree = ast.parse(path.read_text())
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} - {"compile"}  # Keras's model.compile
    assert not names & FORBIDDEN


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_promise_9_only_files_renames() -> None:
    for path in MODULES:
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        names = {ast.unparse(call.func) for call in calls}
        assert path.name == "files.py" or not names & {"os.replace", "os.rename", "shutil.move"}


def test_every_module_has_its_test() -> None:
    tests = Path(__file__).parent
    for path in MODULES:
        if path.name in {"__init__.py", "__main__.py"} or path.parent.name == "networks":
            continue
        where = tests / "cli" if path.parent.name == "cli" else tests
        if path.name not in {"options.py", "progress.py", "errors.py"}:
            assert (where / f"test_{path.name}").is_file(), path
