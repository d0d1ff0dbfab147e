"""Reports: time per status and work per group, as table, drawing and CSV."""

from datetime import timedelta

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from web.context import person, system
from web.csv_export import csv_answer
from web.drawings import Bar, bars
from web.lists import PROCESS
from web.rights import Right, needs
from web.statuses import status_name, statuses
from web.words import label, span

pages = Blueprint("reports", __name__, url_prefix="/reports")

_SPANS = (7, 30, 90, 365)


@pages.get("")
@needs(Right.REPORT)
def show() -> ResponseReturnValue:
    """Show the figures of the last days."""
    days = _days()
    with system().database.reading() as tx:
        since = tx.now - timedelta(days=days)
        known = statuses(tx, PROCESS)
        times = tx.reports.status_times(person(), since)
        work = tx.reports.group_work(person(), since)
    left = [time for time in times if time.median is not None and time.nine_in_ten is not None]
    time_bars = [
        Bar(
            status_name(known, time.status),
            (time.median or timedelta()).total_seconds(),
            f"{span(time.median)}, {span(time.nine_in_ten)}",
            (time.nine_in_ten or timedelta()).total_seconds(),
        )
        for time in left
    ]
    work_bars = [Bar(label(one.group or "anybody"), one.open, f"{one.open} open, {one.late} late") for one in work]
    return render_template(
        "reports.html",
        days=days,
        spans=_SPANS,
        times=[(status_name(known, time.status), time) for time in times],
        work=work,
        time_drawing=bars("Time per status: median, and nine in ten", time_bars),
        work_drawing=bars("Open work per group", work_bars),
    )


@pages.get("/times.csv")
@needs(Right.REPORT)
def times_csv() -> ResponseReturnValue:
    """Give the time per status as CSV, in hours."""
    with system().database.reading() as tx:
        times = tx.reports.status_times(person(), tx.now - timedelta(days=_days()))
    rows = [
        (time.process_key, time.status, time.passed, _hours(time.median), _hours(time.nine_in_ten), time.present)
        for time in times
    ]
    return csv_answer(
        "time-per-status.csv", ("process", "status", "left", "median_h", "nine_in_ten_h", "present"), rows
    )


@pages.get("/work.csv")
@needs(Right.REPORT)
def work_csv() -> ResponseReturnValue:
    """Give the work per group as CSV, times in hours."""
    with system().database.reading() as tx:
        work = tx.reports.group_work(person(), tx.now - timedelta(days=_days()))
    rows = [(one.group or "", one.open, one.late, one.completed, _hours(one.median)) for one in work]
    return csv_answer("work-per-group.csv", ("group", "open", "late", "completed", "median_h"), rows)


def _days() -> int:
    days = request.args.get("days", _SPANS[1], type=int)
    return days if days in _SPANS else _SPANS[1]


def _hours(value: timedelta | None) -> float | None:
    return None if value is None else round(value.total_seconds() / 3600, 2)
