"""Scripts of script tasks: a Python subset with loops, in a worker process that can neither see nor hold up the host.

Monty interprets the script; it is no CPython, so no `eval`, file, network or class of the host exists in it. A script sees the
variables it names, `Decimal`, `date`, `datetime`, `time` and `timedelta`, the modules that Monty brings (`math`, `re`, `json` …)
and one host function, `throw_bpmn_error(code, message="")`, which ends the script at once and cannot be caught.

When it ends, every variable that was given or is bound at the top level comes back as plain data: names with a leading
underscore and functions, classes and modules stay behind; tuples become lists; a deleted variable is gone.
"""

import ast
import atexit
import functools
import keyword
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pydantic_monty as monty

from engine.errors import BusinessError, CostlyExpression, EngineError, ExpressionError
from engine.expressions.syntax import parse_script
from storage.months import Months

LONGEST_SCRIPT = 50_000
"""Characters of a script."""
SECONDS = 1.0
MEMORY = 50_000_000
"""Bytes that the script's values may occupy."""
DEEPEST_CALLS = 200
_LIMITS: monty.ResourceLimits = {
    "max_feed_duration_secs": SECONDS,
    "max_memory": MEMORY,
    "max_recursion_depth": DEEPEST_CALLS,
    "max_suspensions": 1_000,
    "max_total_sleep_secs": 0.0,
}
_STARTING = threading.Lock()
_THROW = "throw_bpmn_error"
_SCALARS = (bool, int, float, str, Decimal, date, time, datetime, timedelta, type(None))
_LEFT_BEHIND = "left behind"
_PRELUDE = """
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

def __kind(value, isinstance=isinstance, scalars=(bool, int, float, str, Decimal, date, time, timedelta), sequences=(list, tuple),
           mapping=dict, text=str, kind_of=type, skipped=('function', 'type', 'module', 'builtin_function_or_method')):
    waiting = [value]
    steps = 0
    while waiting:
        item = waiting.pop()
        steps += 1
        if item is None or isinstance(item, scalars):
            pass
        elif isinstance(item, sequences):
            waiting.extend(item)
        elif isinstance(item, mapping):
            for key in item:
                if not isinstance(key, text):
                    return 'a group with a key that is no text'
                waiting.append(item[key])
        else:
            name = kind_of(item).__name__
            return 'left behind' if steps == 1 and name in skipped else name
        if steps > 1000000:
            return 'value without end'
    return ''
"""

_QUESTION = "__kinds = []\n{}__kinds"
_ASK_ONE = "try:\n    __kinds.append(({!r}, __kind({})))\nexcept NameError:\n    pass\n"


@dataclass(frozen=True, slots=True)
class Script:
    """A script that has been read and may be run any number of times, by any thread."""

    text: str
    names: frozenset[str]
    """Every name that occurs in it."""
    bound: frozenset[str]
    """The names that its top level binds."""

    def run(self, variables: Mapping[str, Any], *, now: datetime | None = None) -> dict[str, Any]:
        """Run the script and give all variables as it leaves them; `now` is what its clock shows, else it has none.

        Raises BusinessError where the script throws a BPMN error, CostlyExpression beyond a second or 50 MB, and
        ExpressionError for any other failure, with the line.
        """
        seen = {name: value for name, value in variables.items() if self._can_see(name)}
        try:
            found = self._run_in_worker(seen, now)
        except monty.MontyCrashedError as error:
            raise CostlyExpression("The script was stopped: it used too much time or memory.", self.text) from error
        except TimeoutError as error:
            raise CostlyExpression("No script worker became free in time; try again.", self.text) from error
        except monty.MontyRuntimeError as error:
            raise self._failure(error) from error
        except (monty.MontyError, TypeError, ValueError, RecursionError) as error:
            raise ExpressionError(_unfit(seen, error), self.text) from error
        unseen = {name: value for name, value in variables.items() if name not in seen}
        return unseen | found

    def _can_see(self, name: str) -> bool:
        return name in self.names and name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("__")

    def _run_in_worker(self, seen: dict[str, Any], now: datetime | None) -> dict[str, Any]:
        workers = _workers()
        with workers.pool.checkout() as session:
            session.load_session(workers.prepared)
            step = session.feed_start(
                self.text,
                inputs=seen,
                external_lookup={_THROW: _thrown},
                print_callback=_discard,
                os=_Clock(now),
            )
            while not isinstance(step, monty.MontyComplete):
                if isinstance(step, monty.FunctionSnapshot) and step.function_name == _THROW:
                    raise _thrown(*step.args, **step.kwargs)
                step = step.resume_auto()
            return self._collect(session, sorted(seen.keys() | self.bound))

    def _collect(self, session: monty.MontySession, names: list[str]) -> dict[str, Any]:
        """Fetch what the top level holds when the script has ended."""
        kinds: dict[str, str] = dict(
            session.feed_run(_QUESTION.format("".join(_ASK_ONE.format(name, name) for name in names)))
        )
        for name, kind in kinds.items():
            if kind not in ("", _LEFT_BEHIND):
                raise ExpressionError(
                    f"The variable “{name}” holds {kind}, which is not plain data and cannot be kept.", self.text
                )
        kept = [name for name, kind in kinds.items() if not kind]
        values = session.feed_run(f"[{', '.join(kept)}]")
        return {name: _plain(value) for name, value in zip(kept, values, strict=True)}

    def _failure(self, error: monty.MontyRuntimeError) -> ExpressionError:
        reason = error.exception()
        if isinstance(reason, MemoryError):
            return CostlyExpression(f"The script needs more than {MEMORY // 1_000_000} MB of memory.", self.text)
        if isinstance(reason, TimeoutError):
            return CostlyExpression(f"The script takes longer than {SECONDS:g} s.", self.text)
        if isinstance(reason, RecursionError):
            return CostlyExpression(f"The script calls itself more than {DEEPEST_CALLS} levels deep.", self.text)
        lines = [frame.line for frame in error.traceback()]
        place = f" in line {lines[-1]}" if lines else ""
        return ExpressionError(f"The script failed{place}: {error.display('type-msg')[:300]}.", self.text)


@functools.lru_cache(maxsize=512)
def compile_script(text: str) -> Script:
    """Read a script; raise ExpressionError with the line if it is no Python."""
    if len(text) > LONGEST_SCRIPT:
        raise CostlyExpression(f"The script is longer than {LONGEST_SCRIPT:,} characters.", text[:200])
    tree = parse_script(text)
    named = frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    return Script(text, named, frozenset(name for name in _bound_names(tree) if not name.startswith("_")))


def _bound_names(tree: ast.Module) -> Iterator[str]:
    """Find the names that the top level of a script binds, and those its functions call global."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from (name for inner in ast.walk(node) if isinstance(inner, ast.Global) for name in inner.names)
            continue
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            continue
        waiting.extend(ast.iter_child_nodes(node))


def _discard(stream: str, text: str) -> None:
    """Let what a script prints go nowhere."""


class _Clock:
    """Answers the script's questions for the time with the moment given, and nothing else."""

    def __init__(self, now: datetime | None) -> None:
        self.now = now

    def __call__(self, *, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], is_async: bool, **more: Any) -> Any:
        """Answer one call to the operating system."""
        del is_async, more
        if self.now is None:
            return monty.NOT_HANDLED
        if name == "datetime.now":
            zone = (*args, *kwargs.values(), None)[0]
            return self.now.astimezone(zone or UTC)
        if name == "date.today":
            return self.now.date()
        return self.now.timestamp() if name == "time.time" else monty.NOT_HANDLED


@dataclass(frozen=True, slots=True)
class _Workers:
    """The worker processes of one process, and the state that each run begins with."""

    owner: int
    pool: monty.Monty
    prepared: bytes


def _workers() -> _Workers:
    """Give the workers of this process; raise EngineError in a fork, where the threads that talk to them are gone."""
    with _STARTING:
        workers = _start_workers()
    if workers.owner != os.getpid():
        raise EngineError("Scripts cannot run in a fork of a process that ran scripts; start this process afresh.")
    return workers


@functools.cache
def _start_workers() -> _Workers:
    pool = monty.Monty(min_processes=1, checkout_timeout=30.0, request_timeout=3.0, max_checkouts_per_worker=1_000)
    pool.__enter__()
    atexit.register(_stop_workers, pool, os.getpid())
    with pool.checkout(
        script_name="script", limits=_LIMITS, os_policy={"datetime": "call_host", "sleep": "zero"}
    ) as session:
        session.feed_run(_PRELUDE)
        return _Workers(os.getpid(), pool, session.dump())


def _stop_workers(pool: monty.Monty, owner: int) -> None:
    if os.getpid() == owner:
        pool.__exit__(None, None, None)


def _thrown(code: object = "", message: object = "") -> BusinessError:
    if not isinstance(code, str) or not code:
        raise ExpressionError(f"{_THROW}() needs a code, for example {_THROW}('unknown_customer').")
    return BusinessError(code, str(message))


def _unfit(seen: Mapping[str, Any], error: Exception) -> str:
    """Say why a script failed: it may name variables that it cannot be given."""
    for name, value in seen.items():
        if any(isinstance(item, Months) for item in _leaves(value)):
            return (
                f"The variable “{name}” holds a duration of months, which scripts do not know; give them str({name})."
            )
    return f"The script failed: {str(error)[:300]}."


def _leaves(value: Any) -> Iterator[Any]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
        else:
            yield item


def _plain(value: Any) -> Any:
    """Give a value of the worker as plain data."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, _SCALARS):
        return value
    raise ExpressionError(f"A value of type {type(value).__name__} is not plain data and cannot be kept.")
