from pathlib import Path

import pytest

from fercli.errors import IntegrityError
from fercli.history import Epoch, read_history, write_history


def test_round_trip_and_header(tmp_path: Path) -> None:
    history = [Epoch(1, 1.5, 0.25, 1.4, 0.3, 0.01, 12.5), Epoch(2, 1.2, 0.5, 1.3, 0.45, 0.005, 12.0)]
    write_history(history, tmp_path / "h.csv")
    assert read_history(tmp_path / "h.csv") == history
    assert (tmp_path / "h.csv").read_text().startswith("epoch,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds\n1,1.5,")


def test_no_file_is_no_history_and_another_file_is_an_error(tmp_path: Path) -> None:
    assert read_history(tmp_path / "no.csv") == []
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(IntegrityError):
        read_history(tmp_path / "x.csv")
