"""What a diagram in force can get wrong at run time; each stops one token and is shown to an operator."""

from engine.errors import EngineError


class NoWayOut(EngineError):
    """No condition of the gateway is true and it has no default flow; add one, or correct the data and retry."""

    code = "no_flow_matches"


class Unfit(EngineError):
    """An expression of the flow node gives something of the wrong kind; correct it or the data and retry."""

    code = "value_refused"


class TooMany(EngineError):
    """More instances or levels of an activity are asked for than an instance may have; make it smaller."""

    code = "too_many"


class MergeConflict(EngineError):
    """Two branches changed the same variable in different ways; set it by hand and retry, or declare a policy."""

    code = "merge_conflict"


class BadSnapshot(EngineError):
    """The saved state of the instance is not one of ours, or of another version; restore it from a backup."""

    code = "snapshot_refused"


class NoSuchWait(EngineError):
    """Nothing waits under this key any more; load the instance again and look."""

    code = "no_such_wait"
