"""What becomes of a running instance when it is carried over to another version of its process."""

from dataclasses import dataclass

from engine.errors import EngineError


class MigrationRefused(EngineError):
    """The instance cannot be carried over as it stands; map the flow nodes that are named, or move its tokens first."""

    code = "migration_refused"


@dataclass(frozen=True, slots=True)
class Hurdle:
    """Why something of an instance cannot be carried over: the flow node as drawn, and a sentence."""

    node: str
    reason: str


@dataclass(frozen=True, slots=True)
class Passage:
    """What a migration does to one instance.

    `carried` says for each token from which flow node to which it comes; `ending` names events that stop waiting, `beginning`
    those that begin to. With a hurdle nothing is carried over.
    """

    carried: tuple[tuple[str, str], ...]
    ending: tuple[str, ...]
    beginning: tuple[str, ...]
    hurdles: tuple[Hurdle, ...]

    @property
    def is_possible(self) -> bool:
        """Whether the instance can be carried over."""
        return not self.hurdles
