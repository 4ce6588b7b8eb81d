import numpy as np
import pytest

from fercli.classification.truth import NOT_COMPARED, Compared
from fercli.cli.agreement import COLUMNS, show, table
from fercli.evaluation.measures import Measures, measure
from fercli.labels import LABELS

LEFT: dict[str, list[str]] = {reason: [] for reason in NOT_COMPARED}
COMPARED = Compared(np.array([3, 3, 3, 6], np.uint8), np.array([3, 3, 6, 6]), 1, LEFT | {"no_face": list("abcd")})


def measured(compared: Compared) -> Measures:
    return measure(compared.by_hand, compared.found, None)


def test_each_label_has_a_row_and_all_have_one() -> None:
    rows = {row["label"]: row for row in table(COMPARED, measured(COMPARED))}
    assert [*rows] == [*LABELS, "all"]
    assert all(tuple(row) == COLUMNS for row in rows.values())
    happy, neutral, both = rows["happy"], rows["neutral"], rows["all"]
    assert (happy["by_hand"], happy["in_results"], happy["recall"], happy["precision"]) == (3, 2, 0.6667, 1.0)
    assert (happy["labelled_neutral"], neutral["labelled_neutral"], both["labelled_neutral"]) == (1, 1, 2)
    assert rows["fear"]["recall"] is None
    assert (both["agreement"], both["kappa"], both["several_faces"], both["no_face"], both["missing"]) == (0.75, 0.5, 1, 4, 0)


def test_what_is_not_compared_is_named_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    show(COMPARED, measured(COMPARED))
    shown = capsys.readouterr().out
    assert "photos not compared, without a face: 4 (a, b, c, …)" in shown
    assert "not in the results" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    alike = Compared(np.array([3], np.uint8), np.array([3]), 0, LEFT)
    show(alike, measured(alike))
    assert "–" in next(line for line in capsys.readouterr().out.splitlines() if "kappa" in line)
