"""The order of tests: pytest-xdist hands out whole files, and a process that begins a long one last would end alone."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LONGEST = (  # files, by the seconds that they take
    "classification/test_cluster.py",
    "evaluation/test_shipped.py",
    "training/test_trainer.py",
    "training/test_devices.py",
    "test_faults.py",
    "models/test_inference.py",
    "process/test_signals.py",
    "test_surroundings.py",
    "models/test_networks.py",
    "test_readme.py",
    "cli/test_train.py",
    "process/test_classify_stopped.py",
    "process/test_startup.py",
    "process/test_stops.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the files that take longest first, and leave the others as they are."""
    places = {TESTS / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))
