"""Timers: due times by calendar and clock, over both changes of summer time."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.business_time.durations import Duration, parse_duration
from engine.errors import ExpressionError
from engine.timing import MOST_SKIPPED, Due, compile_timer

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 28, 11, tzinfo=UTC)
"""Noon in Berlin, the day before summer time begins."""
AUTUMN = datetime(2026, 10, 24, 10, tzinfo=UTC)
"""Noon in Berlin, the day before it ends."""


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def first(kind: str, text: str, now: datetime = NOW, **names: Any) -> Due:
    return compile_timer(kind, text).first_due(now, names, BERLIN)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-04-01", "2026-03-31T22:00"),
        ("2026-01-15", "2026-01-14T23:00"),
        ("2026-04-01T10:00", "2026-04-01T08:00"),
        ("2026-04-01T10:00:00Z", "2026-04-01T10:00"),
        ("2026-04-01T10:00+05:00", "2026-04-01T05:00"),
        ("20260401T100000Z", "2026-04-01T10:00"),
        ("2026-03-29T02:30", "2026-03-29T01:30"),
        ("2026-10-25T02:30", "2026-10-25T00:30"),
        ("now + duration('P1D')", "2026-03-29T10:00"),
        ("wanted_on", "2026-05-04T22:00"),
        ("wanted_text", "2026-05-05T08:00"),
        ("'2026-04-01'", "2026-03-31T22:00"),
    ],
)
def test_a_date_is_a_moment_in_the_zone(text: str, at: str) -> None:
    due = first("date", text, wanted_on=date(2026, 5, 5), wanted_text="2026-05-05T10:00")

    assert due == Due(utc(at))


@pytest.mark.parametrize(
    ("now", "text", "at"),
    [
        (NOW, "PT1H", "2026-03-28T12:00"),
        (NOW, "P1D", "2026-03-29T10:00"),
        (NOW, "PT24H", "2026-03-29T11:00"),
        (NOW, "P1W", "2026-04-04T10:00"),
        (AUTUMN, "P1D", "2026-10-25T11:00"),
        (AUTUMN, "PT24H", "2026-10-25T10:00"),
        (utc("2026-01-31T11:00"), "P1M", "2026-02-28T11:00"),
        (utc("2024-02-29T11:00"), "P1Y", "2025-02-28T11:00"),
        (NOW, "P1Y2M3W4DT5H6M7.5S", "2027-06-22T15:06:07.500000"),
        (NOW, "PT0,5H", "2026-03-28T11:30"),
        (NOW, "P0.5D", "2026-03-28T23:00"),
        (NOW, "'PT1H'", "2026-03-28T12:00"),
        (NOW, "duration('PT2H')", "2026-03-28T13:00"),
        (utc("2026-01-31T11:00"), '=duration("P1M")', "2026-02-28T11:00"),
        (NOW, '=today() + duration("P1M")', "2026-04-27T22:00"),
        (NOW, "patience", "2026-03-28T14:00"),
        (NOW, "deadline", "2026-03-31T22:00"),
    ],
)
def test_a_duration_goes_by_the_calendar_for_days_and_by_the_clock_for_hours(now: datetime, text: str, at: str) -> None:
    assert first("duration", text, now, patience=timedelta(hours=3), deadline=date(2026, 4, 1)).at == utc(at)


def test_a_day_that_would_end_in_the_hour_left_out_ends_an_hour_later() -> None:
    due = first("duration", "P1D", datetime(2026, 3, 28, 2, 30, tzinfo=BERLIN))

    assert due.at.astimezone(BERLIN).isoformat() == "2026-03-29T03:30:00+02:00"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("date", "2026-13-01"),
        ("date", "2026-02-30T10:00"),
        ("date", "tomorrow at noon"),
        ("duration", "-PT1H"),
        ("duration", "PT"),
        ("duration", "P1"),
        ("duration", "P1.5M"),
        ("duration", "P99999Y"),
        ("duration", "PT999999999H"),
        ("cycle", "R/PT0S"),
        ("cycle", "R/PT0.1S"),
        ("cycle", "R/-PT1H"),
        ("cycle", "R0/PT1H"),
        ("cycle", "-R3/PT1H"),
        ("cycle", "R-1/PT1H"),
        ("cycle", "R/2026-01-01/2025-01-01"),
        ("cycle", "R3/PT1H/PT1H"),
        ("cycle", "R3/"),
        ("cycle", "R3/x/PT1H"),
        ("cycle", "PT1H"),
        ("cycle", "61 * * * *"),
        ("cycle", "* * * * * * * *"),
        ("cycle", "R * * * *"),
        ("cycle", "*/0 * * * *"),
        ("cycle", "0 0 30 2 *"),
        ("cycle", "@never"),
    ],
)
def test_a_faulty_timer_is_refused_when_it_is_read(kind: str, text: str) -> None:
    with pytest.raises(ExpressionError):
        compile_timer(kind, text)


@pytest.mark.parametrize("text", ["PT0S", "P0D", "'PT0S'", "duration('PT0S')"])
def test_a_duration_of_nothing_is_over_at_once(text: str) -> None:
    assert first("duration", text).at == NOW.astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "is_endless"), [("R/PT1H", True), ("0 8 * * 1-5", True), ("R3/PT1H", False), ("rule", False)]
)
def test_a_cycle_without_a_number_never_ends(text: str, is_endless: bool) -> None:
    assert compile_timer("cycle", text).is_endless is is_endless


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("date", "count"),
        ("date", "nowhere"),
        ("duration", "duration('PT1H') * -1"),
        ("duration", "words"),
        ("cycle", "count"),
        ("cycle", "'R/PT0S'"),
        ("cycle", "R1/2026-01-01/P1D" + "/2020-01-01"),
        ("cycle", "R/PT1H/2020-01-01"),
    ],
)
def test_a_timer_that_gives_nothing_sensible_is_refused_when_it_is_set(kind: str, text: str) -> None:
    with pytest.raises(ExpressionError):
        first(kind, text, count=3, words=["PT1H"])


def run(text: str, now: datetime, firings: int) -> list[str]:
    timer = compile_timer("cycle", text)
    due: Due | None = timer.first_due(now, {}, BERLIN)
    moments: list[str] = []
    while due is not None and len(moments) < firings:
        moments.append(due.at.astimezone(BERLIN).strftime("%m-%d %H:%M%z"))
        due = timer.next_due(due, due.at, BERLIN).due
    return moments


def test_a_counted_cycle_fires_so_many_times() -> None:
    assert run("R3/PT1H", NOW, 9) == ["03-28 13:00+0100", "03-28 14:00+0100", "03-28 15:00+0100"]


def test_a_cycle_with_a_start_fires_there_first() -> None:
    assert run("R2/2026-05-01T08:00/P1D", NOW, 9) == ["05-01 08:00+0200", "05-02 08:00+0200"]


def test_a_cycle_between_two_dates_repeats_their_distance() -> None:
    assert run("R2/2026-05-01/2026-05-03", NOW, 9) == ["05-01 00:00+0200", "05-03 00:00+0200"]


def test_a_cycle_stops_at_its_end() -> None:
    assert run("R/PT1H/2026-03-28T14:00", NOW, 9) == ["03-28 13:00+0100", "03-28 14:00+0100"]


def test_a_daily_cycle_keeps_its_wall_time_over_both_changes() -> None:
    assert run("R/P1D", NOW, 2) == ["03-29 12:00+0200", "03-30 12:00+0200"]
    assert run("R/P1D", AUTUMN, 2) == ["10-25 12:00+0100", "10-26 12:00+0100"]


def test_a_monthly_cycle_returns_to_its_day_after_a_short_month() -> None:
    assert run("R/2026-01-31T00:00/P1M", NOW, 4) == [
        "01-31 00:00+0100",
        "02-28 00:00+0100",
        "03-31 00:00+0200",
        "04-30 00:00+0200",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("R/2024-02-29T08:00/P1Y", ["02-29 08:00+0100", "02-28 08:00+0100", "02-28 08:00+0100"]),
        ("R/2026-12-31T23:30/PT1H", ["12-31 23:30+0100", "01-01 00:30+0100", "01-01 01:30+0100"]),
        ("R/2026-12-31/P1M", ["12-31 00:00+0100", "01-31 00:00+0100", "02-28 00:00+0100"]),
        ("R/2026-03-28T02:30/P1D", ["03-28 02:30+0100", "03-29 03:30+0200", "03-30 02:30+0200"]),
        ("R/2026-10-24T02:30/P1D", ["10-24 02:30+0200", "10-25 02:30+0200", "10-26 02:30+0100"]),
        ("R/2026-03-22/P1W", ["03-22 00:00+0100", "03-29 00:00+0100", "04-05 00:00+0200"]),
        ("R/2026-10-24T12:00/PT24H", ["10-24 12:00+0200", "10-25 11:00+0100", "10-26 11:00+0100"]),
        ("R/2026-03-01T00:00/P0.5D", ["03-01 00:00+0100", "03-01 12:00+0100", "03-02 00:00+0100"]),
        ("0 0 29 2 *", ["02-29 00:00+0100", "02-29 00:00+0100", "02-29 00:00+0100"]),
        ("59 23 31 12 *", ["12-31 23:59+0100", "12-31 23:59+0100", "12-31 23:59+0100"]),
    ],
)
def test_a_cycle_keeps_to_the_calendar_over_leap_days_year_ends_and_changes_of_the_clock(
    text: str, expected: list[str]
) -> None:
    assert run(text, NOW, 3) == expected


def test_a_cron_line_missed_for_ever_is_counted_up_to_a_limit_and_goes_on_in_the_future() -> None:
    timer = compile_timer("cycle", "* * * * * *")
    due = timer.first_due(NOW, {}, BERLIN)
    late = due.at + timedelta(days=365)

    following = timer.next_due(due, late, BERLIN)

    assert following.skipped == MOST_SKIPPED
    assert following.due is not None
    assert following.due.at > late


def test_an_hourly_cycle_fires_in_both_passes_of_the_repeated_hour() -> None:
    expected = ["10-25 02:00+0200", "10-25 02:00+0100", "10-25 03:00+0100"]

    assert run("R/PT1H", utc("2026-10-24T23:00"), 3) == expected
    assert run("0 * * * *", utc("2026-10-24T23:00"), 3) == expected


def test_a_cron_line_with_a_fixed_hour_fires_once_in_the_repeated_hour() -> None:
    assert run("30 2 * * *", AUTUMN, 2) == ["10-25 02:30+0200", "10-26 02:30+0100"]


def test_a_cron_time_that_is_left_out_comes_when_the_clock_is_put_forward() -> None:
    assert run("30 2 * * *", NOW, 2) == ["03-29 03:00+0200", "03-30 02:30+0200"]


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("0 12 * * MON-FRI", "03-30 12:00+0200"),
        ("0 0 12 * * ?", "03-29 12:00+0200"),
        ("0 0 12 1 1 ? 2027", "01-01 12:00+0100"),
        ("@daily", "03-29 00:00+0100"),
        ("0 8 L * *", "03-31 08:00+0200"),
        ("0 8 1-7 * 1", "03-30 08:00+0200"),
    ],
)
def test_cron_lines_of_five_to_seven_fields_are_understood(line: str, at: str) -> None:
    assert run(line, NOW, 1) == [at]


@pytest.mark.parametrize(
    ("text", "missed"), [("R/PT1H", 72), ("R/P1D", 3), ("0 * * * *", 72), ("R/2026-03-28T13:00/PT1H", 72)]
)
def test_a_cycle_missed_many_times_fires_once_and_tells_the_count(text: str, missed: int) -> None:
    timer = compile_timer("cycle", text)
    due = timer.first_due(NOW, {}, BERLIN)
    late = due.at + timedelta(days=3)

    following = timer.next_due(due, late, BERLIN)

    assert following.skipped == missed
    assert following.due is not None
    assert late < following.due.at <= late + timedelta(days=1)


def test_missed_firings_use_up_a_counted_cycle() -> None:
    timer = compile_timer("cycle", "R5/PT1H")
    due = timer.first_due(NOW, {}, BERLIN)

    some, all_of_them = (timer.next_due(due, due.at + late, BERLIN) for late in (timedelta(hours=2), timedelta(days=9)))

    assert (some.skipped, some.due and some.due.repetitions) == (2, 2)
    assert (all_of_them.skipped, all_of_them.due) == (4, None)


def test_what_a_bounded_cycle_missed_is_counted_up_to_its_end() -> None:
    timer = compile_timer("cycle", "R/PT1H/2026-03-28T15:00")
    due = timer.first_due(NOW, {}, BERLIN)

    following = timer.next_due(due, due.at + timedelta(days=9), BERLIN)

    assert (following.skipped, following.due) == (2, None)


def test_a_century_of_missed_seconds_is_counted_at_once() -> None:
    timer = compile_timer("cycle", "R/PT1S")
    due = timer.first_due(NOW, {}, BERLIN)

    assert timer.next_due(due, due.at + timedelta(days=36_500), BERLIN).skipped == 36_500 * 86_400


def test_a_single_firing_is_followed_by_nothing() -> None:
    timer = compile_timer("duration", "PT1H")
    due = timer.first_due(NOW, {}, BERLIN)

    assert timer.next_due(due, due.at, BERLIN).due is None


def test_a_cycle_goes_on_from_its_stored_fields_alone() -> None:
    timer = compile_timer("cycle", "rule")
    due = timer.first_due(NOW, {"rule": "R3/PT2H"}, BERLIN)
    stored = Due(due.at, due.repetitions, due.rule, due.anchor, due.number)

    following = timer.next_due(stored, stored.at, BERLIN)

    assert following.due is not None
    assert following.due.at == utc("2026-03-28T15:00")


def test_a_duration_knows_its_parts() -> None:
    assert parse_duration("-P1Y2M3DT4S") == Duration(-14, -3, timedelta(seconds=-4))
    assert not parse_duration("-P1D").is_positive
    assert parse_duration("P1M").is_fixed is False
