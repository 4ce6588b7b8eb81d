from pathlib import Path

import pytest

from fercli.errors import IntegrityError
from fercli.models.history import Choice, Epoch, Portraits, Repetition, read_lines, write_lines


def test_round_trips_and_header(tmp_path: Path) -> None:
    history = [Epoch(1, 1.5, 0.25, 1.4, 0.3, 0.01, 12.5), Epoch(2, 1.2, 0.5, 1.3, 0.45, 0.005, 12.0)]
    write_lines(Epoch, history, tmp_path / "h.csv")
    assert read_lines(Epoch, tmp_path / "h.csv") == history
    assert (tmp_path / "h.csv").read_text().startswith("epoch,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds\n1,1.5,")
    choices = [Choice("deep-hog", "momentum=0.97,dropout=0 0", 1, 0.4, 0.45)]
    write_lines(Choice, choices, tmp_path / "c.csv")
    assert read_lines(Choice, tmp_path / "c.csv") == choices
    repetitions = [Repetition("deep", 1, 10, 0.65, 0.66)]
    write_lines(Repetition, repetitions, tmp_path / "r.csv")
    assert read_lines(Repetition, tmp_path / "r.csv") == repetitions
    portraits = [Portraits("compact", "Studio (A, B 2017)", "gender: female", "happy", 49, 36, 0.97)]
    write_lines(Portraits, portraits, tmp_path / "p.csv")
    assert read_lines(Portraits, tmp_path / "p.csv") == portraits


def test_no_file_is_no_history_and_another_file_is_an_error(tmp_path: Path) -> None:
    assert read_lines(Epoch, tmp_path / "no.csv") == []
    for content in ("a,b\n1,2\n", "epoch,loss\n1,2\n", "epoch\nx\n"):
        (tmp_path / "x.csv").write_text(content)
        with pytest.raises(IntegrityError):
            read_lines(Epoch, tmp_path / "x.csv")
