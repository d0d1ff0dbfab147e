"""Conversations that the standard's correlation keys tell apart (8.4.2), written as expressions on messages and receivers.

A message carries the values that its retrieval expressions find in it. A receiver waits for the values that the subscription
of its process names; without one, for those of the other messages of the same key that its process sends or receives, as far as
the variables hold them already. Until a first message has gone to and fro, nothing is waited for in particular.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from engine.diagrams.vocabulary import PROCESS, bpmn, child_text, identity, local_reference, rewritten
from engine.errors import ExpressionError
from engine.expressions.foreign import is_foreign, translate

_CARRIERS: Final = tuple(map(bpmn, ("sendTask", "receiveTask", "messageEventDefinition")))
_BETWEEN: Final = "'\\x1f'"
"""Stands between the values of a key of several properties."""


@dataclass(frozen=True, slots=True)
class _Key:
    """A correlation key: its properties, and how their values are found in each message that has all of them."""

    key: str
    properties: tuple[str, ...]
    messages: Mapping[str, str]


def conversations(root: etree._Element) -> None:
    """Write on each message what it carries, and on each receiver what it waits for."""
    keys = list(_keys(root))
    messages = {key: element for element in root.iter(bpmn("message")) if (key := identity(element))}
    for one in reversed(keys):  # of several the first counts
        for message in one.messages.keys() & messages.keys():
            messages[message].set(rewritten("carriedKey"), one.messages[message])
    for process in root.iter(PROCESS) if keys else ():
        _await(process, keys)


def _keys(root: etree._Element) -> Iterator[_Key]:
    found = {
        identity(one): {
            local_reference(way.get("messageRef")) or "": "".join(map(str, way.itertext())).strip()
            for way in one.iterchildren(bpmn("correlationPropertyRetrievalExpression"))
        }
        for one in root.iter(bpmn("correlationProperty"))
    }
    for key in root.iter(bpmn("correlationKey")):
        named = tuple(local_reference(one.text) or "" for one in key.iterchildren(bpmn("correlationPropertyRef")))
        ways = [found.get(one, {}) for one in named]
        shared = set.intersection(*map(set, ways)) if ways else set()
        if texts := {message: _joined([way[message] for way in ways]) for message in sorted(shared)}:
            yield _Key(identity(key) or "", named, texts)


def _await(process: etree._Element, keys: Sequence[_Key]) -> None:
    subscribed = dict(_subscriptions(process, keys))
    carriers = [one for one in process.iter(*_CARRIERS) if one.get("messageRef")]
    for carrier in carriers:
        message = carrier.get("messageRef", "")
        key = next((one for one in keys if message in one.messages), None)
        if key is None:
            continue
        others = [one.get("messageRef", "") for one in carriers if one is not carrier]
        known = [key.messages[other] for other in others if other in key.messages]
        for text in dict.fromkeys([subscribed[key.key]] if key.key in subscribed else known):
            etree.SubElement(carrier, rewritten("awaitedKey"), expression=text)


def _subscriptions(process: etree._Element, keys: Sequence[_Key]) -> Iterator[tuple[str, str]]:
    for subscription in process.iterchildren(bpmn("correlationSubscription")):
        reference = local_reference(subscription.get("correlationKeyRef"))
        paths = {
            local_reference(one.get("correlationPropertyRef")): child_text(one, "dataPath")
            for one in subscription.iterchildren(bpmn("correlationPropertyBinding"))
        }
        for key in keys:
            texts = [text for one in key.properties if (text := paths.get(one))]
            if key.key == reference and len(texts) == len(key.properties):
                yield key.key, _joined(texts)


def _joined(texts: Sequence[str]) -> str:
    said = [_said(text) for text in texts]
    return said[0] if len(said) == 1 else f"join([{', '.join(f'({one})' for one in said)}], {_BETWEEN})"


def _said(text: str) -> str:
    """Give an expression without the mark of another tool, so that several can be joined; a faulty one as it stands."""
    try:
        return translate(text) if is_foreign(text) else text
    except ExpressionError:
        return text
