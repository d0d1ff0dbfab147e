"""Simple expressions of other languages, `${a == b}` (JUEL) and `= a = b` (FEEL), said in our own expression language."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine.errors import ExpressionError

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    | (?P<number>\d+(?:\.\d+)?|\.\d+)
    | (?P<dated>@\s*"[^"\\\n]*")
    | (?P<name>(?:date\s+and\s+time|starts\s+with|ends\s+with|upper\s+case|lower\s+case|string\s+length|list\s+contains)(?=\s*\()
      |[^\W\d]\w*(?:\.[^\W\d]\w*)*)
    | (?P<sign>&&|\|\||===|!==|==|!=|<=|>=|\.\.|\*\*|[-+*/%<>=!(),\[\]?])
    )""",
    re.VERBOSE,
)
_SIGNS = {"&&": "and", "||": "or", "=": "==", "===": "==", "!==": "!="}
_WORDS = {"true": "True", "false": "False", "null": "None"}
_JUEL_SIGNS = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "gt": ">",
    "le": "<=",
    "ge": ">=",
    "div": "/",
    "mod": "%",
    "empty": "!",
}
_FUNCTIONS = {
    "date and time": "datetime",
    "starts with": "starts_with",
    "ends with": "ends_with",
    "upper case": "upper",
    "lower case": "lower",
    "string length": "len",
    "list contains": "contains",
}
_CALLED = {"count": "len", "string": "str"}
"""Functions of FEEL that may as well be names of variables, where no bracket follows."""
_DATED = (
    (re.compile(r"-?P"), "duration"),
    (re.compile(r"\d\d:"), "time"),
    (re.compile(r".*T"), "datetime"),
    (re.compile(""), "date"),
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{6})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "'": "'", "\\": "\\"}
_GETTERS = ("execution.getVariable", "execution.getVariableLocal", "task.getVariable", "execution.variables.get")
_METHODS = {"size": "len({})", "length": "len({})", "isEmpty": "(len({}) == 0)", "toString": "str({})"}
_UNSUPPORTED = frozenset({"return", "satisfies", "instance", "between", "function", "lambda"})
_OVER_LISTS = {
    "some": ("satisfies", "any(({value}) for {name} in ({items}))"),
    "every": ("satisfies", "all(({value}) for {name} in ({items}))"),
    "for": ("return", "[({value}) for {name} in ({items})]"),
}
_LAST_LETTER = 0x10FFFF
_MOST_NESTED = 30
_LONGEST = 20_000
"""Characters of a foreign expression; what comes of it may be shorter still."""
SUBJECT = "tested_value"
"""The name that FEEL's question mark, the value a cell looks at, has in our language."""


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a foreign expression: `kind` is text, number, name or sign."""

    kind: str
    written: str

    def is_sign(self, *signs: str) -> bool:
        """Tell whether it is one of the signs."""
        return self.kind == "sign" and self.written in signs


_END = Token("sign", "")


def is_foreign(text: str) -> bool:
    """Tell whether a text is marked as another tool's expression."""
    return text.lstrip().startswith(("=", "${", "#{"))


def translate(text: str) -> str:
    """Say a marked foreign expression in Python syntax; raise ExpressionError for what is not understood."""
    stripped = text.strip()
    if stripped.startswith("="):
        return translate_feel(stripped[1:])
    if not stripped.endswith("}") or "${" in stripped[2:] or "#{" in stripped[2:]:
        raise untranslatable("only one ${...} around the whole is understood", text)
    return translate_unmarked(stripped[2:-1])


def translate_unmarked(text: str) -> str:
    """Say an expression without a mark that is none of ours, `a = "b"` or `!a && b`; raise ExpressionError if it is none."""
    return _joined(_plain_calls([_juel(word) for word in tokens(text)]))


def translate_feel(text: str) -> str:
    """Say a FEEL expression in Python syntax; raise ExpressionError for what is not understood."""
    return say(tokens(text))


def tokens(text: str) -> list[Token]:
    """Take a foreign expression apart."""
    if len(text) > _LONGEST:
        raise untranslatable(f"it has more than {_LONGEST:,} characters", None)
    found: list[Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise untranslatable(f"“{text[position : position + 10].strip()}” is not understood", text)
        found += _dated(match["dated"]) if match["dated"] else [Token(match.lastgroup, match[match.lastgroup])]
        position = match.end()
    if not found:
        raise untranslatable("it is empty", text)
    return found


def say(words: Sequence[Token]) -> str:
    """Join FEEL tokens to an expression of our language."""
    words = [
        Token("name", _CALLED[word.written]) if word.written in _CALLED and after.is_sign("(") else word
        for word, after in pairwise((*words, _END))
    ]
    for before, word in pairwise(words):
        follows_value = before.kind in ("name", "text") or before.is_sign(")", "]")
        if word.is_sign("[") and follows_value and before.written != "in":
            raise untranslatable("lists are counted from 1 there and from 0 here", "")
        if before.kind == word.kind == "text":
            raise untranslatable(f"a comma is missing before {word.written}", "")
    return _joined(words)


def _juel(word: Token) -> Token:
    return Token("sign", _JUEL_SIGNS[word.written]) if word.kind == "name" and word.written in _JUEL_SIGNS else word


def _plain_calls(words: Sequence[Token]) -> list[Token]:
    """Say the few calls that only look at a variable without a method: `execution.getVariable("a")`, `list.size()`."""
    said: list[Token] = []
    rest = list(words)
    while rest:
        word, arguments = rest[0], rest[1:4]
        owner, _, method = word.written.rpartition(".")
        is_empty_call = len(arguments) > 1 and arguments[0].is_sign("(") and arguments[1].is_sign(")")
        if word.kind == "name" and word.written in _GETTERS and _is_named(arguments):
            said.append(Token("name", arguments[1].written[1:-1]))
            rest = rest[4:]
        elif word.kind == "name" and owner and method in _METHODS and is_empty_call:
            said += [*tokens(_METHODS[method].format(owner))]
            rest = rest[3:]
        else:
            said.append(word)
            rest = rest[1:]
    return said


def _is_named(arguments: Sequence[Token]) -> bool:
    return (
        len(arguments) == 3  # noqa: PLR2004 - bracket, text, bracket
        and arguments[0].is_sign("(")
        and arguments[1].kind == "text"
        and arguments[1].written[1:-1].isidentifier()
        and arguments[2].is_sign(")")
    )


def _joined(words: Sequence[Token]) -> str:
    said, rest = _say_until(list(words), frozenset(), 0)
    if rest:
        raise untranslatable(f"“{rest[0].written}” stands alone", "")
    return said


def _say_until(words: list[Token], stops: frozenset[str], depth: int) -> tuple[str, list[Token]]:
    """Say the tokens up to one of the stop words, which `if … then … else …` is made of."""
    if depth > _MOST_NESTED:
        raise untranslatable("it is nested too deeply", "")
    said: list[str] = []
    while words and not (words[0].kind == "name" and words[0].written in stops):
        word, words = words[0], words[1:]
        if word.kind == "name" and word.written == "if":
            condition, words = _say_until(words, frozenset({"then"}), depth + 1)
            chosen, words = _say_until(_after(words, "then"), frozenset({"else"}), depth + 1)
            other, words = _say_until(_after(words, "else"), stops, depth + 1)
            said.append(f"(({chosen}) if ({condition}) else ({other}))")
        elif word.kind == "name" and word.written in _OVER_LISTS:
            over, words = _over_list(word.written, words, stops, depth + 1)
            said.append(over)
        elif word.is_sign("!"):
            negated, words = _negated(words)
            said.append(negated)
        else:
            said.append(_word(word))
    return " ".join(said), words


def _over_list(kind: str, words: list[Token], stops: frozenset[str], depth: int) -> tuple[str, list[Token]]:
    """Say `some x in list satisfies …`, `every …` and `for x in list return …`; its last part reaches as far as it can."""
    before, written = _OVER_LISTS[kind]
    if len(words) < 3 or words[0].kind != "name" or not words[0].written.isidentifier() or words[1].written != "in":  # noqa: PLR2004
        raise untranslatable(f"“{kind}” is followed by a name and “in”", None)
    items, rest = _say_until(words[2:], frozenset({before}), depth)
    if not rest:
        raise untranslatable(f"“{before}” is missing after “{kind}”", None)
    value, rest = _say_until(rest[1:], stops, depth)
    return written.format(value=value, name=words[0].written, items=items), rest


def _negated(words: list[Token]) -> tuple[str, list[Token]]:
    """Let a negation bind tighter than a comparison, as it does in JUEL; before brackets that makes no difference."""
    if not words:
        raise untranslatable("it ends with a negation", "")
    word, rest = words[0], words[1:]
    if word.is_sign("("):
        return "not (", rest
    if not word.is_sign("!"):
        return f"(not {_word(word)})", rest
    operand, rest = _negated(rest)
    return (f"not {operand}" if operand.startswith("not") else f"(not {operand})"), rest


def _after(words: list[Token], expected: str) -> list[Token]:
    if not words:
        raise untranslatable(f"“{expected}” is missing after “if”", "")
    return words[1:]


def _word(word: Token) -> str:
    if word.kind == "sign":
        if word.written == "..":
            raise untranslatable("a range stands where a value is expected", "")
        return SUBJECT if word.written == "?" else _SIGNS.get(word.written, word.written)
    if word.kind == "number":
        return f"0{word.written}" if word.written.startswith(".") else word.written
    if word.kind == "text":
        return repr(_ESCAPE.sub(_unescaped, word.written[1:-1]))
    if word.written in _UNSUPPORTED:
        raise untranslatable(f"“{word.written}” is not understood", "")
    spoken = " ".join(word.written.split())
    return _FUNCTIONS.get(spoken, _WORDS.get(spoken, spoken))


def _dated(written: str) -> list[Token]:
    """Say a literal such as `@"2026-01-31"` as the call of the function that reads it."""
    text = written[1:].strip()
    function = next(name for pattern, name in _DATED if pattern.match(text[1:-1]))
    return [Token("name", function), Token("sign", "("), Token("text", text), Token("sign", ")")]


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    if code is None:
        return _ESCAPED.get(match[3], match[0])
    if int(code, 16) > _LAST_LETTER:
        raise untranslatable(f"“{match[0]}” is no letter", None)
    return chr(int(code, 16))


def untranslatable(reason: str, text: str | None) -> ExpressionError:
    """Make the error for what cannot be translated."""
    return ExpressionError(
        f'The expression cannot be understood: {reason}. Compare values, for example amount > 100 and status = "new".',
        text or None,
    )
