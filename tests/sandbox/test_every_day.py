"""The practice company is the same on whatever day, at whatever hour and in whatever time zone it first starts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from company import Company

REFERENCE = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)  # a Tuesday
EDGES = [
    datetime(2028, 2, 29, 12, tzinfo=UTC),
    datetime(2027, 3, 28, 0, 59, 59, tzinfo=UTC),  # summer time starts in London
    datetime(2027, 3, 28, 1, tzinfo=UTC),
    datetime(2027, 10, 31, 0, 30, tzinfo=UTC),  # summer time ends in London
    datetime(2027, 10, 31, 1, 30, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
    datetime(2030, 6, 30, 23, 59, 59, tzinfo=UTC),
    datetime(2032, 2, 29, 23, 59, 59, tzinfo=UTC),
    datetime(2037, 12, 31, 12, tzinfo=UTC),
]
BATCHES = 8


def moments() -> Iterator[datetime]:
    """Yield 400 consecutive days, each at another hour, and the edge cases of the calendar."""
    for number in range(400):
        yield REFERENCE + timedelta(days=number, minutes=61 * number % 1440)
    yield from EDGES


@pytest.fixture(scope="module")
def references() -> dict[int, Company]:
    """Return the company as first started on each day of one week, by how far its everyday events move."""
    week = [Company.at((REFERENCE + timedelta(days=day)).timestamp()) for day in range(7)]
    return {company.moved: company for company in week}


def test_the_weekday_changes_only_the_times(references: dict[int, Company]) -> None:
    """Each weekday moves events differently, but users, content and actions are the same, and weekends are quiet."""
    assert sorted(references) == [-3, -2, -1, 0, 1, 2, 3]
    assert len({company.people_and_content() for company in references.values()}) == 1
    assert len({company.who_did_what() for company in references.values()}) == 1
    for company in references.values():
        days = [int(when // 86_400 + 3) % 7 for when in company.year.created]
        assert max(days.count(5), days.count(6)) < 0.7 * min(map(days.count, range(5)))


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_first_start_on_any_day_gives_the_same_company(references: dict[int, Company], batch: int) -> None:
    """Relative to the day of the first start, all rows and events are the same as after a start on the same weekday."""
    content = {moved: company.people_and_content() for moved, company in references.items()}
    calendars = {moved: company.calendar() for moved, company in references.items()}
    for first_start in list(moments())[batch::BATCHES]:
        company = Company.at(first_start.timestamp())
        assert company.people_and_content() == content[company.moved], first_start
        assert company.calendar() == calendars[company.moved], first_start


def test_nothing_expires_on_the_first_day(references: dict[int, Company]) -> None:
    """No link or collaboration expires on the first day, so that figures in notebooks do not change during it."""
    world = references[0].world
    endpoints = [item.link.expires for item in world.tree.everything() if item.link and item.link.expires]
    endpoints += [collab.expires for collab in world.access.collabs.values() if collab.expires]
    assert len(endpoints) > 50
    assert not [end for end in endpoints if world.day <= end < world.day + 86_400]
