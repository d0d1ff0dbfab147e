"""Times that have come already, and cycles that never end, tried from end to end."""

from typing import Final

import pytest
from drawn import MESSAGE, Case, boundary, catch, end, handler, play, start, tag, timer

WAITING: Final = (start(), tag("receiveTask", "r", messageRef="Message_1"), end(), "start > r > end")

CASES = (
    Case(
        "a time that is past interrupts before anybody works",
        [
            start(),
            tag("userTask", "u"),
            boundary("b", "u", timer("timeDate", "2020-01-01T00:00:00Z")),
            end(),
            end("e2"),
            "start > u > end",
            "b > e2",
        ],
        "start b e2",
    ),
    Case(
        "a time that is past is not held",
        [start(), catch("t", timer("timeDate", "2020-01-01T00:00:00Z")), end(), "start > t > end"],
        "start t end",
        hold=True,
    ),
    Case(
        "a duration of nothing is over at once",
        [start(), catch("t", timer("timeDuration", "PT0S")), end(), "start > t > end"],
        "start t end",
        hold=True,
    ),
    Case(
        "a cycle without an end goes off ten times where nothing else is left",
        [*WAITING, boundary("b", "r", timer("timeCycle", "R/PT1H"), "false"), end("e2"), "b > e2"],
        "start" + " b e2" * 10,
        "waiting",
    ),
    Case(
        "an event subprocess of a cycle without an end runs ten times where nothing else is left",
        [*WAITING, handler("h", timer("timeCycle", "0 8 * * *"), interrupts="false")],
        "start" + " h_starts h_works h_ends h" * 10,
        "waiting",
    ),
    Case(
        "a cycle without an end goes off as often as there is time before another timer",
        [
            *WAITING,
            boundary("b", "r", timer("timeCycle", "R/PT1H"), "false"),
            boundary("late", "r", timer("timeDuration", "PT15H30M")),
            end("e2"),
            end("e3"),
            "b > e2",
            "late > e3",
        ],
        "start" + " b e2" * 15 + " late e3",
    ),
    Case(
        "a cycle without an end goes off as often as the script has time",
        [*WAITING, boundary("b", "r", timer("timeCycle", "R/PT1H"), "false"), end("e2"), "b > e2"],
        "start" + " b e2" * 12 + " r end",
        script=[{"advance": "PT12H"}, {"message": "paid"}],
    ),
    Case(
        "a cycle with a number goes off so often",
        [
            start(),
            catch("m", MESSAGE),
            handler("h", timer("timeCycle", "R12/PT1H"), interrupts="false"),
            end(),
            "start > m > end",
        ],
        "start" + " h_starts h_works h_ends h" * 12,
        "waiting",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_timers_go_off_as_the_standard_says(case: Case) -> None:
    play(case)
