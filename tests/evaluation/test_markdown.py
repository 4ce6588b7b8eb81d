from fercli.evaluation.markdown import percent, table


def test_a_table_has_a_rule_below_its_header() -> None:
    assert table(["label", "right"], [["sad", "3"]]) == ["| label | right |", "| --- | ---: |", "| sad | 3 |"]


def test_a_share_is_in_percent_and_may_be_missing() -> None:
    assert [percent(share) for share in (0.12345, 1, 0, None)] == ["12.35 %", "100.00 %", "0.00 %", "–"]
