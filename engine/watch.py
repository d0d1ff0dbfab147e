"""Watches the signs of life that other nodes give, whatever their clocks say and wherever one of them is set."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from time import monotonic


class Watch:
    """What one node has seen of the others; `silent` is to be asked more often than nodes may be silent."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[datetime, float]] = {}

    def silent(self, signs: Mapping[str, datetime], silence: timedelta) -> list[str]:
        """Name the nodes whose last sign has been the same for so long while we looked.

        How old it is by their clock and ours says nothing: clocks differ, and are set.
        """
        moment = monotonic()
        seen = {node: self._seen.get(node, (at, moment)) for node, at in signs.items()}
        self._seen = {node: seen[node] if seen[node][0] == at else (at, moment) for node, at in signs.items()}
        unchanged = moment - silence.total_seconds()
        return [node for node, (_, since) in self._seen.items() if since < unchanged]
