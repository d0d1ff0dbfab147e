"""What the expressions of one decision file may take to be read, so that no file keeps anybody waiting."""

from dataclasses import dataclass

from engine.errors import CostlyExpression, EngineError, ExpressionError
from engine.expressions.evaluation import BUDGET, Budget
from engine.expressions.foreign_words import LONGEST_FOREIGN, Token, feel_tokens
from engine.expressions.language import Expression

MOST_CONSTANTS = 250_000
MOST_WORDS = 100_000
MOST_STEPS = 300_000
"""Constants, words of other expressions, and steps that it takes to try these, of all different cells of a file together."""
_FOR_EACH = 10
"""Words that an expression counts beside its own."""
_LETTERS = 4
"""Letters of a word, where a text is not taken apart."""


class TooMuch(EngineError):
    """A decision file holds more than is read at once; divide it."""

    code = "decision_too_large"


@dataclass(slots=True)
class Allowance:
    """What is left for the rest of a file."""

    constants: int = MOST_CONSTANTS
    words: int = MOST_WORDS
    steps: int = MOST_STEPS

    def take_constants(self, count: int) -> None:
        """Count values that are read as they stand."""
        self.constants -= count
        if self.constants < 0:
            message = f"up to here the file has more than {MOST_CONSTANTS:,} values"
            raise TooMuch(f"{message}, where a comparison or range counts as four; divide it.")

    def words_of(self, text: str) -> list[Token]:
        """Take a FEEL expression apart, and count its words."""
        try:
            words = feel_tokens(text)
        except ExpressionError:
            self._take(min(len(text), LONGEST_FOREIGN) // _LETTERS)
            raise
        self._take(len(words))
        return words

    def take_expression(self, said: str, words: int) -> None:
        """Count an expression of so many words; what is `said` of it may be longer by the models that it calls."""
        self._take(_FOR_EACH + max(0, len(said) // _LETTERS - 2 * words))

    def take_fault(self) -> None:
        """Count an expression that cannot be read, which takes longer; the next one may be too much then."""
        self.words = max(0, self.words - _FOR_EACH)

    def _take(self, words: int) -> None:
        self.words -= words
        if self.words < 0:
            message = f"up to here the file has more than {MOST_WORDS:,} words in expressions that are no constants"
            raise TooMuch(f"{message}, each of which counts {_FOR_EACH} more; divide it.")

    def value_of(self, expression: Expression) -> object:
        """Work out an expression that depends on no variable."""
        budget = Budget(max(0, min(BUDGET, self.steps)))
        allowed = budget.left
        try:
            return expression.evaluate({}, budget)
        except CostlyExpression as error:
            if allowed < BUDGET and budget.left < 0:
                raise TooMuch("up to here the constants of the file take too many steps; divide it.") from error
            raise
        finally:
            self.steps -= allowed - budget.left
