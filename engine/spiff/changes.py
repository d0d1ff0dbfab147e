"""What a branch changed in its variables, and how the changes of several branches become one state.

Variables are plain values: `dict` with text keys, `list`, and immutable leaves (text, numbers, Decimal, dates, times,
None). A branch is compared with the variables it started from; only its own changes travel to the join, so a branch that
ends late never brings back an older value of somebody else's.

Inside an instance, mappings and lists are never changed once they are made: who changes something below makes new ones along
the path. So tokens share what they have in common, and comparing what is shared costs nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from engine.diagrams.attributes import ConflictPolicy as Policy

Path = tuple[str, ...]

_MISSING: Final = object()


class Deed(StrEnum):
    """The kinds of change."""

    SET = "s"
    MAKE = "m"  # a mapping appeared; its entries follow as changes of their own
    APPEND = "a"
    REMOVE = "r"


@dataclass(frozen=True, slots=True)
class Change:
    """One change below `path`."""

    path: Path
    deed: Deed
    value: Any = None


@dataclass(frozen=True, slots=True)
class Merged:
    """The state after a join, and the paths that branches changed in different ways."""

    variables: dict[str, Any]
    conflicts: tuple[Path, ...]


def shared(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Give variables of one's own, which share all that lies below."""
    return dict(variables)


def copied(value: Any) -> Any:
    """Copy mappings and lists at every depth, for what comes from outside or goes there; leaves are immutable and shared."""
    if isinstance(value, dict):
        return {key: copied(item) if isinstance(item, dict | list) else item for key, item in value.items()}
    if isinstance(value, list):
        return [copied(item) if isinstance(item, dict | list) else item for item in value]
    return value


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are equal in type and in every digit (1, True, 1.0 and Decimal("1.00") all differ)."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(item, other[key]) for key, item in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Decimal | datetime | date | time):
        return str(one) == str(other)
    return bool(one == other)


def changes(base: Mapping[str, Any], new: Mapping[str, Any], above: Path = (), *, makes: bool = True) -> list[Change]:
    """List what leads from `base` to `new`, in the order of the paths.

    A mapping that appeared is told entry by entry, so that two branches may make it; or as one value if not `makes`.
    """
    found: list[Change] = []
    for key in base.keys() | new.keys() if base.keys() != new.keys() else new.keys():
        old, now = base.get(key, _MISSING), new.get(key, _MISSING)
        if old is not now:
            found.extend(_changes_of((*above, key), old, now, makes=makes))
    return sorted(found, key=_by_path) if not above else found


def _changes_of(path: Path, old: Any, now: Any, *, makes: bool) -> list[Change]:
    if now is _MISSING:
        return [Change(path, Deed.REMOVE)]
    if isinstance(now, dict) and isinstance(old, dict):
        return changes(old, now, path, makes=makes)
    if isinstance(now, dict) and old is _MISSING and makes:
        return [Change(path, Deed.MAKE), *changes({}, now, path)]
    if isinstance(now, list) and isinstance(old, list) and len(now) > len(old) and all(map(same, old, now)):
        return [Change(path, Deed.APPEND, now[len(old) :])]
    return [] if same(old, now) else [Change(path, Deed.SET, now)]


def _by_path(change: Change) -> Path:
    return change.path


def apply_changes(variables: dict[str, Any], to_apply: Iterable[Change]) -> None:
    """Make the changes in the variables, and new mappings and lists below them."""
    own: dict[int, Any] = {}
    for change in to_apply:
        _apply(variables, change, own)


def _apply(variables: dict[str, Any], change: Change, own: dict[int, Any]) -> None:
    """Make one change; `own` holds the mappings that were made for these variables alone."""
    holder = variables
    for key in change.path[:-1]:
        inner: Any = holder.get(key)
        if id(inner) not in own:
            inner = holder[key] = dict(inner) if isinstance(inner, dict) else {}
            own[id(inner)] = inner
        holder = inner
    key, old = change.path[-1], holder.get(change.path[-1])
    if change.deed is Deed.REMOVE:
        holder.pop(key, None)
    elif change.deed is Deed.MAKE:
        holder[key] = old if isinstance(old, dict) else {}
    elif change.deed is Deed.APPEND and isinstance(old, list):
        holder[key] = [*old, *change.value]
    else:
        holder[key] = change.value


def merge(base: Mapping[str, Any], branches: Iterable[Mapping[str, Any]], policy: Policy = Policy.REFUSE) -> Merged:
    """Apply each branch's changes against `base`, in order; report paths changed in different ways by two branches.

    Where they differ the later branch wins, or both values are kept as a list (policy `append`).
    """
    state, taken, above, conflicts = shared(base), dict[Path, Change](), set[Path](), list[Path]()
    own: dict[int, Any] = {}
    for branch in branches:
        mine = changes(base, branch)
        for change in mine:
            if not _clashes(change, taken, above):
                _apply(state, change, own)
                continue
            conflicts.append(change.path)
            _apply(state, _both(state, change) if policy is Policy.APPEND else change, own)
        for change in mine:
            taken.setdefault(change.path, change)
            if change.deed is not Deed.MAKE:
                above.update(change.path[:size] for size in range(1, len(change.path)))
    return Merged(state, tuple(conflicts))


def _clashes(change: Change, taken: Mapping[Path, Change], above: set[Path]) -> bool:
    earlier = taken.get(change.path)
    if earlier is not None and not _agree(earlier, change):
        return True
    if change.deed is not Deed.MAKE and change.path in above:
        return True
    parents = (taken.get(change.path[:size]) for size in range(1, len(change.path)))
    return any(parent is not None and parent.deed is not Deed.MAKE for parent in parents)


def _agree(one: Change, other: Change) -> bool:
    if one.deed is not other.deed:
        return False
    return one.deed in {Deed.APPEND, Deed.MAKE, Deed.REMOVE} or same(one.value, other.value)


def _both(state: dict[str, Any], change: Change) -> Change:
    """Keep the value that is there and the new one, as a list."""
    holder: Any = state
    for key in change.path:
        holder = holder.get(key, _MISSING) if isinstance(holder, dict) else _MISSING
    if holder is _MISSING or change.deed is Deed.REMOVE:
        return change
    return Change(change.path, Deed.SET, [*_listed(holder), *_listed(change.value)])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
