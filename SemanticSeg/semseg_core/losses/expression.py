"""Loss expressions: `0.9*tversky + 0.1*log-hausdorff`, `wasserstein(beta=2, inner=mass)`. Parsed, never evaluated.

expression = term { "+" term }
term       = [ number "*" ] name [ "(" option { "," option } ")" ]
option     = name "=" value
value      = number { "/" number } | yes | no | word | "text"
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from semseg_core.errors import InputError

Value = float | bool | str | tuple[float, ...]

TOKENS = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<word>[A-Za-z][\w-]*)"
    r"|\"(?P<text>[^\"]*)\""
    r"|(?P<sign>[+*(),=/])|(?P<end>$))"
)


@dataclass(frozen=True)
class Term:
    """One weighted loss of an expression, with the options written behind it."""

    factor: float
    name: str
    options: dict[str, Value] = field(default_factory=dict)


def parse(expression: str) -> tuple[Term, ...]:
    """The terms of an expression.

    Raises:
        InputError: If it does not follow the grammar; the message says where and what was expected.
    """
    return _Parser(expression).terms()


class _Parser:
    """Reads tokens from left to right, one ahead."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._next = 0
        self._advance()

    def terms(self) -> tuple[Term, ...]:
        terms = [self._term()]
        while not self._at("end"):
            self._take("sign", "+", expected="'+' or the end")
            terms.append(self._term())
        return tuple(terms)

    def _term(self) -> Term:
        factor = 1.0
        if self._at("number"):
            factor = float(self._take("number"))
            self._take("sign", "*", expected="'*' behind the factor")
        name = self._take("word", expected="the name of a loss")
        options: dict[str, Value] = {}
        if self._at("sign", "("):
            self._advance()
            while not self._at("sign", ")"):
                if options:
                    self._take("sign", ",", expected="',' or ')'")
                self._option(options)
            self._advance()
        return Term(factor, name, options)

    def _option(self, options: dict[str, Value]) -> None:
        if self._at("word") and self._token in options:
            raise self._wrong(f"one value for '{self._token}'")
        name = self._take("word", expected="the name of an option")
        self._take("sign", "=", expected=f"'=' behind '{name}'")
        options[name] = self._value(name)

    def _value(self, name: str) -> Value:
        if self._at("number"):
            numbers = [float(self._take("number"))]
            while self._at("sign", "/"):
                self._advance()
                numbers.append(float(self._take("number", expected="a number behind '/'")))
            return numbers[0] if len(numbers) == 1 else tuple(numbers)
        if self._at("text"):
            return self._take("text")
        word = self._take("word", expected=f"a value for '{name}': a number, a word, or \"text\"")
        return {"yes": True, "no": False}.get(word, word)

    def _at(self, kind: str, token: str | None = None) -> bool:
        return self._kind == kind and token in (None, self._token)

    def _take(self, kind: str, token: str | None = None, expected: str = "") -> str:
        if not self._at(kind, token):
            raise self._wrong(expected)
        taken = self._token
        self._advance()
        return taken

    def _advance(self) -> None:
        """Go to the next token; an unreadable character becomes a token that nothing expects."""
        found = TOKENS.match(self._expression, self._next)
        if found is None:
            self._kind, self._token = "stranger", self._expression[self._next :].strip()[0]
            self._start = self._expression.index(self._token, self._next)
            return
        self._kind = str(found.lastgroup)
        self._token = found[self._kind]
        self._start, self._next = found.start(self._kind), found.end()

    def _wrong(self, expected: str) -> InputError:
        found = "the end" if self._kind == "end" else f"'{self._token}'"
        return InputError(f"loss '{self._expression}': character {self._start + 1}: expected {expected}, found {found}")
