"""Business calendars: read from a table, and reckoned with over nights, weekends, holidays and changes of the clock."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fakes import FakeClock
from running import BERLIN, Office, a_diagram, a_process, end, start, user

from engine.business_time.calendars import NONE, STANDARD, Calendars, read_calendars
from engine.business_time.working_time import in_force
from engine.deployment import Surroundings, check, deploy
from engine.errors import DefinitionError, ExpressionError
from engine.expressions.language import compile_expression

TABLE = """calendar,what,value,note
,hours,Mon-Thu 08:00-12:00 13:00-17:00,
,hours,Fri 08:00-14:00,short
,holidays,DE-SN,Saxony
,closed,2026-12-24..2026-12-31,between the years
,closed,2026-05-15,bridge
,open,2026-05-16 09:00-13:00,before the fair
press,hours,"Mon-Sun 00:00-06:00 22:00-24:00",night shift
press,zone,Europe/Berlin,
"""


def calendars(text: str = TABLE) -> Calendars:
    found, faults = read_calendars(text)
    assert faults == []
    return found


def reckon(text: str, known: Calendars | None = None, **names: Any) -> Any:
    with in_force(calendars() if known is None else known, BERLIN):
        value = compile_expression(text).evaluate(names)
    return value.astimezone(BERLIN).strftime("%a %m-%d %H:%M") if isinstance(value, datetime) else value


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("moment", "length", "expected"),
    [
        ("2026-03-02T09:00", "PT2H", "Mon 03-02 11:00"),
        ("2026-03-02T11:00", "PT2H", "Mon 03-02 14:00"),
        ("2026-03-02T16:30", "PT1H", "Tue 03-03 08:30"),
        ("2026-03-06T13:00", "PT3H", "Mon 03-09 10:00"),
        ("2026-03-07T11:00", "PT1H", "Mon 03-09 09:00"),
        ("2026-03-02T09:00", "PT8H", "Tue 03-03 09:00"),
        ("2026-03-02T08:00", "PT8H", "Mon 03-02 17:00"),
        ("2026-03-02T09:00", "P1D", "Tue 03-03 09:00"),
        ("2026-03-02T19:00", "P1D", "Wed 03-04 08:00"),
        ("2026-03-05T16:00", "P1D", "Mon 03-09 08:00"),
        ("2026-03-02T09:00", "P1DT1H", "Tue 03-03 10:00"),
        ("2026-04-02T16:00", "PT2H", "Tue 04-07 09:00"),
        ("2026-12-23T16:00", "PT2H", "Mon 01-04 09:00"),
        ("2026-05-13T16:00", "PT2H", "Sat 05-16 10:00"),
        ("2026-03-02T10:00", "-PT3H", "Fri 02-27 13:00"),
        ("2026-03-02T10:00", "-P1D", "Fri 02-27 10:00"),
        ("2028-02-28T16:00", "PT2H", "Tue 02-29 09:00"),
    ],
)
def test_working_time_leaves_out_nights_weekends_and_days_off(moment: str, length: str, expected: str) -> None:
    assert reckon("add_working_time(moment, length)", moment=at(moment), length=length) == expected


@pytest.mark.parametrize(
    ("moment", "length", "expected"),
    [
        ("2026-03-28T23:00", "PT7H", "Sun 03-29 23:00"),
        ("2026-03-28T22:00", "PT4H", "Sun 03-29 03:00"),
        ("2026-10-24T22:00", "PT4H", "Sun 10-25 02:00"),
        ("2026-10-24T22:00", "PT9H", "Sun 10-25 06:00"),
    ],
)
def test_a_night_shift_is_as_long_as_a_clock_measures_it(moment: str, length: str, expected: str) -> None:
    assert reckon("add_working_time(moment, length, 'press')", moment=at(moment), length=length) == expected


def test_working_time_between_two_moments_is_what_was_worked() -> None:
    friday, monday = at("2026-03-06T13:00"), at("2026-03-09T09:30")

    assert reckon("working_time(a, b)", a=friday, b=monday) == timedelta(hours=2, minutes=30)
    assert reckon("working_time(b, a)", a=friday, b=monday) == -timedelta(hours=2, minutes=30)
    assert reckon("working_time(a, a)", a=friday) == timedelta(0)
    night = at("2026-03-28T20:00"), at("2026-03-29T12:00")
    assert reckon("working_time(a, b, 'press')", a=night[0], b=night[1]) == timedelta(hours=7)


def test_adding_working_time_and_measuring_it_are_inverse() -> None:
    begin = at("2026-04-01T08:17")
    for minutes in range(1, 6_000, 97):
        stop = f"add_working_time(a, 'PT{minutes}M')"
        assert reckon(f"working_time(a, {stop})", a=begin) == timedelta(minutes=minutes)
        assert reckon(f"add_working_time({stop}, '-PT{minutes}M')", a=begin) == "Wed 04-01 08:17"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("add_working_days(date('2026-03-06'), 1)", date(2026, 3, 9)),
        ("add_working_days(date('2026-03-09'), -1)", date(2026, 3, 6)),
        ("add_working_days(date('2026-03-07'), 0)", date(2026, 3, 9)),
        ("add_working_days(date('2026-03-06'), 0)", date(2026, 3, 6)),
        ("add_working_days(datetime('2026-03-06T07:00'), 1)", "Mon 03-09 07:00"),
        ("working_days(date('2026-03-06'), date('2026-03-13'))", 5),
        ("working_days(date('2026-12-21'), date('2027-01-04'))", 3),
        ("working_days(date('2027-01-04'), date('2026-12-21'))", -3),
        ("is_working_day(date('2026-05-01'))", False),
        ("is_working_day(date('2026-05-16'))", True),
        ("is_working_day(date('2026-05-15'))", False),
        ("is_working_time(datetime('2026-03-02T12:30'))", False),
        ("is_working_time(datetime('2026-03-02T13:00'))", True),
        ("next_working_time(datetime('2026-03-02T12:30'))", "Mon 03-02 13:00"),
        ("next_working_time(datetime('2026-03-02T13:30'))", "Mon 03-02 13:30"),
        ("next_working_time(date('2026-03-08'))", "Mon 03-09 08:00"),
    ],
)
def test_working_days_are_counted_and_asked_for(text: str, expected: object) -> None:
    assert reckon(text) == expected


def test_a_calendar_elsewhere_reckons_in_its_own_zone() -> None:
    known = calendars("calendar,what,value\nny,hours,Mon-Fri 09:00-17:00\nny,holidays,US\nny,zone,America/New_York\n")

    due = reckon("add_working_time(moment, 'PT1H', 'ny')", known, moment=datetime(2026, 7, 2, 20, 30, tzinfo=UTC))

    assert due == "Mon 07-06 15:30"  # the third is a holiday there, as the fourth is a Saturday


def test_without_a_calendar_office_hours_count() -> None:
    assert reckon("add_working_time(moment, 'PT9H')", STANDARD, moment=at("2026-03-06T09:00")) == "Mon 03-09 09:00"


@pytest.mark.parametrize(
    "text",
    [
        "add_working_time(now, 'PT8H', 'nowhere')",
        "add_working_time(now, 'P1M')",
        "add_working_time(now, 'PT90000H')",
        "add_working_time('2026-01-01', 'PT1H')",
        "add_working_time(now, duration('P2D'))",
        "add_working_time(now, 5)",
        "add_working_days(now, 5000)",
        "add_working_days(now, 1.5)",
        "working_days(date(2020, 1, 1), date(2026, 1, 1))",
        "working_time(date(2020, 1, 1), date(2026, 1, 1))",
        "is_working_day(now, 7)",
        "[add_working_days(now, 700) for a in x for b in x]",
    ],
)
def test_what_cannot_be_reckoned_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        reckon(text, now=at("2026-03-02T09:00"), x=list(range(20)))


def test_working_time_is_not_known_outside_a_process() -> None:
    with pytest.raises(ExpressionError, match="not known here"):
        compile_expression("is_working_day(date(2026, 1, 1))").evaluate({})


@pytest.mark.parametrize(
    "row",
    [
        ",hours,Mon-Fri",
        ",hours,Mo-Fr 08:00-17:00",
        ",hours,Mon-Fri 8-17",
        ",hours,Mon-Fri 17:00-08:00",
        ",hours,Mon-Fri 08:00-25:00",
        ",hours,Mon-Fri 08:00-12:00 11:00-17:00",
        ",holidays,XX",
        ",holidays,DE-ZZ",
        ",holidays,Germany",
        ",closed,24.12.2026",
        ",closed,2026-12-31..2026-12-24",
        ",open,2026-12-31",
        ",zone,Berlin",
        ",lunch,12:00",
        "the office,hours,Mon-Fri 08:00-17:00",
    ],
)
def test_a_faulty_row_is_told_with_its_line(row: str) -> None:
    found, faults = read_calendars(f"calendar,what,value\n,hours,Tue 18:00-19:00\n{row}\n")

    assert [fault.line for fault in faults] == [3]
    assert "" in found.by_name


def test_a_table_without_its_columns_or_hours_is_told() -> None:
    assert read_calendars("name;value\n")[1][0].line == 1
    assert "no working hours" in read_calendars("calendar,what,value\n,holidays,DE\n")[1][0].message


def test_a_day_may_run_over_the_end_of_the_week() -> None:
    known = calendars("what,value\nhours,Sat-Mon 08:00-09:00\n")

    assert [reckon(f"is_working_day(date('2026-03-0{day}'))", known) for day in range(2, 9)] == [
        True, False, False, False, False, True, True,
    ]  # fmt: skip


_DUE = "parcelflow:dueDate=\"add_working_time(now, 'PT8H')\""
_LATE = (
    '<boundaryEvent id="late" attachedToRef="look" cancelActivity="false"><timerEventDefinition>'
    "<timeDuration>add_working_time(now, 'P2D', calendar)</timeDuration></timerEventDefinition></boundaryEvent>"
)
_DRAWN = a_diagram(
    a_process(
        "order", start(), user("look", more=_DUE), _LATE, user("remind"), end(), end("reminded"),
        "begin -> look", "look -> done", "late -> remind", "remind -> reminded",
    )
)  # fmt: skip


def test_due_dates_and_timers_of_a_process_go_by_its_calendar(office: Office, clock: FakeClock) -> None:
    clock.now = at("2026-04-02T16:00")  # the day before Good Friday
    office.deploy(_DRAWN, calendar_csv=TABLE.encode())

    instance = office.engine.start("order", variables={"calendar": ""})

    assert office.items(instance)["look"].due_at == at("2026-04-07T16:00").astimezone(UTC)
    with office.database.reading() as tx:
        timer = tx.timers.next()
    assert timer is not None
    assert timer.due_at == at("2026-04-08T16:00").astimezone(UTC)


def test_a_process_without_a_calendar_goes_by_that_of_the_installation(office: Office, clock: FakeClock) -> None:
    clock.now = at("2026-04-02T16:00")
    office.programs.calendars = calendars("what,value\nhours,Mon-Sun 00:00-24:00\n").over(STANDARD)
    office.deploy(_DRAWN)

    instance = office.engine.start("order", variables={"calendar": ""})

    assert office.items(instance)["look"].due_at == at("2026-04-03T00:00").astimezone(UTC)


def test_a_calendar_that_nobody_wrote_is_found_before_it_is_needed(office: Office) -> None:
    drawn = _DRAWN.replace(b"'PT8H'", b"'PT8H', 'press'")

    with pytest.raises(DefinitionError) as refused:
        office.deploy(drawn)

    assert ("unknown_calendar", "look") in [(finding.code, finding.element) for finding in refused.value.findings]
    office.deploy(drawn, calendar_csv=TABLE.encode())


def test_a_faulty_calendar_forbids_to_deploy(office: Office) -> None:
    with pytest.raises(DefinitionError) as refused:
        deploy(
            office.database,
            Surroundings(BERLIN),
            {"a.bpmn": _DRAWN, "calendar.csv": b"what,value\nhours,always\n"},
            login="owner",
        )

    codes = [(finding.code, finding.file) for finding in refused.value.findings]
    assert ("calendar", "calendar.csv") in codes


def test_the_calendar_of_a_called_process_counts_only_where_the_caller_has_none() -> None:
    files = {
        "a.bpmn": _DRAWN,
        "calendar.csv": b"what,value\nhours,Mon-Fri 01:00-02:00\n",
        "called/b-1/calendar.csv": b"calendar,what,value\n,hours,Mon-Fri 05:00-06:00\npress,hours,Mon-Fri 03:00-04:00\n",
    }

    program = check(files, Surroundings(ZoneInfo("UTC"))).program

    assert program is not None
    assert set(program.calendars.by_name) == {"", "press"}
    assert program.calendars.named("").hours[0] == ((timedelta(hours=1), timedelta(hours=2)),)
    assert NONE.over(NONE).by_name == {}
