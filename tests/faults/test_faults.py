"""The scenarios as tests: `pytest tests/faults -m faults`."""

import pytest

from tests.faults.report import Report
from tests.faults.scenarios import SCENARIOS
from tests.faults.stand import stand


@pytest.mark.faults
@pytest.mark.parametrize("title", SCENARIOS)
def test_nothing_is_lost_half_done_or_done_twice(title: str) -> None:
    report = Report(title)
    with stand() as place:
        SCENARIOS[title](place, report)
    for fact in report.facts:
        print(*fact, sep=": ")
    assert report.expectations > 0
    assert report.violations == []
