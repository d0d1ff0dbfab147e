"""How jBPM says that an ad-hoc subprocess ends when everything in it is done, which the standard says without a word."""

import re
from typing import Final

from lxml import etree

from engine.diagrams.vocabulary import AD_HOC, JBPM, bpmn, child_text

_ENOUGH: Final = re.compile(
    r"autocomplete|getActivityInstanceAttribute\(\s*[\"']numberOfActiveInstances[\"']\s*\)\s*==\s*0"
)


def completion_condition(scope: etree._Element) -> str | None:
    """Give the condition that ends an ad-hoc subprocess early, None where it ends when all is done."""
    return None if ends_when_done(scope) else child_text(scope, "completionCondition")


def ends_when_done(scope: etree._Element) -> bool:
    """Tell whether an ad-hoc subprocess says in jBPM's words that it ends when all is done."""
    written = child_text(scope, "completionCondition") or ""
    return scope.tag == AD_HOC and JBPM in scope.nsmap.values() and _ENOUGH.fullmatch(written) is not None


def is_read(condition: etree._Element) -> bool:
    """Tell whether a condition is one of jBPM's words, and no expression."""
    scope = condition.getparent()
    return condition.tag == bpmn("completionCondition") and scope is not None and ends_when_done(scope)
