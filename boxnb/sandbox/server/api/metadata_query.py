"""The language of metadata queries: conditions such as ``amount >= :least AND kind IN (:a, :b)``, as a test of the values.

Box's description calls it SQL-like; the operators are those of Box's guide *Metadata query, syntax*.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..company.people import Doc
from ..errors import ApiError, client_error

Test = Callable[[Doc], bool]
TOKEN = re.compile(
    r"\s*(?:(?P<op><=|>=|<>|!=|=|<|>|\(|\)|,)|:(?P<arg>\w+)|\"(?P<quoted>[^\"]+)\"|(?P<word>[A-Za-z_][\w$]*)|(?P<bad>\S))"
)
WORDS = {"and", "or", "not", "in", "is", "null", "like", "ilike", "hasany", "hasall"}
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left == right,
    "<>": lambda left, right: left != right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
MAX_LENGTH = 10_000


def invalid_query(problem: str) -> ApiError:
    """Build the 400 for a query that is not valid (Box's description of the endpoint)."""
    return client_error(400, "invalid_query", problem)


def missing_argument(name: str) -> ApiError:
    """Build the 400 for an argument that `query_params` does not have (Box's description of the endpoint)."""
    return client_error(400, "unexpected_json_type", f"The query parameter '{name}' is missing")


def parse(query: str, arguments: Doc, fields: dict[str, Doc]) -> Test:
    """Return the test of a query, for the fields of a template. Raises 400 for what Box would refuse."""
    if len(query) > MAX_LENGTH:
        raise invalid_query("The query is too long")
    if not query.strip():
        return lambda values: True
    parser = Parser(query, arguments, fields)
    try:
        test = parser.alternatives()
    except RecursionError:
        raise invalid_query("The query is nested too deeply") from None
    if parser.kind != "end":
        raise parser.unexpected()
    return test


class Parser:
    """A parser of one query. `kind` and `text` describe the token that comes next."""

    def __init__(self, query: str, arguments: Doc, fields: dict[str, Doc]) -> None:
        self.tokens = [
            (match.lastgroup or "", match[match.lastgroup or 0]) for match in TOKEN.finditer(query)
        ]
        self.arguments, self.fields, self.position = arguments, fields, 0

    @property
    def kind(self) -> str:
        """The kind of the next token: a keyword in lower case, or op, arg, field, bad, end."""
        if self.position >= len(self.tokens):
            return "end"
        kind, text = self.tokens[self.position]
        if kind == "word":
            return text.lower() if text.lower() in WORDS else "field"
        return "field" if kind == "quoted" else kind

    @property
    def text(self) -> str:
        """The text of the next token."""
        return self.tokens[self.position][1] if self.position < len(self.tokens) else ""

    def unexpected(self) -> ApiError:
        """Build the 400 for the next token."""
        return invalid_query(
            f"The query has an unexpected '{self.text}'" if self.text else "The query is cut off"
        )

    def take(self, kind: str, text: str = "") -> str:
        """Return the text of the next token and move on. Raises 400 if it is another one."""
        if self.kind != kind or (text and self.text != text):
            raise self.unexpected()
        taken = self.text
        self.position += 1
        return taken

    def accept(self, kind: str, text: str = "") -> bool:
        """Move on if the next token is this one, and return whether it was."""
        if self.kind != kind or (text and self.text != text):
            return False
        self.position += 1
        return True

    def alternatives(self) -> Test:
        """Read conditions joined by OR."""
        tests = [self.conjunction()]
        while self.accept("or"):
            tests.append(self.conjunction())
        return lambda values: any(test(values) for test in tests)

    def conjunction(self) -> Test:
        """Read conditions joined by AND."""
        tests = [self.negation()]
        while self.accept("and"):
            tests.append(self.negation())
        return lambda values: all(test(values) for test in tests)

    def negation(self) -> Test:
        """Read one condition, with NOT and parentheses."""
        if self.accept("not"):
            test = self.negation()
            return lambda values: not test(values)
        if self.accept("op", "("):
            test = self.alternatives()
            self.take("op", ")")
            return test
        return self.condition()

    def condition(self) -> Test:
        """Read a field, an operator and its arguments."""
        field = self.take("field")
        if field not in self.fields:
            raise invalid_query(f"The template has no field '{field}'")
        if self.accept("is"):
            negated = self.accept("not")
            self.take("null")
            return lambda values: (values.get(field) is None) != negated
        negated = self.accept("not")
        test = self.operator(field)
        return (lambda values: not test(values)) if negated else test

    def operator(self, field: str) -> Test:
        """Read an operator and its arguments; a comparison with a missing value is false, as in SQL."""
        kind, text = self.kind, self.text
        if kind in ("like", "ilike"):
            self.position += 1
            pattern = like(self.argument(str), re.IGNORECASE if kind == "ilike" else 0)
            return lambda values: (
                isinstance(values.get(field), str) and bool(pattern.fullmatch(values[field]))
            )
        if kind in ("in", "hasany", "hasall"):
            self.position += 1
            listed = self.listed(field)
            if kind == "in":
                return lambda values: values.get(field) in listed
            has = any if kind == "hasany" else all
            return lambda values: has(value in (values.get(field) or []) for value in listed)
        if kind != "op" or text not in COMPARISONS:
            raise self.unexpected()
        self.position += 1
        compare, other = COMPARISONS[text], self.argument(self.python_type(field))
        return lambda values: values.get(field) is not None and compare(values[field], other)

    def python_type(self, field: str) -> type | tuple[type, ...]:
        """Return the type that an argument must have: the field's (Box's description of `query_params`)."""
        return (int, float) if self.fields[field]["type"] in ("float", "integer") else str

    def listed(self, field: str) -> list[Any]:
        """Read the arguments of IN, HASANY and HASALL: a list in parentheses, each of which may be a list itself."""
        self.take("op", "(")
        values: list[Any] = []
        while True:
            argument = self.argument((str, int, float, list))
            values += argument if isinstance(argument, list) else [argument]
            if self.accept("op", ")"):
                return values
            self.take("op", ",")

    def argument(self, kinds: type | tuple[type, ...]) -> Any:
        """Read a parameter and return its value. Raises 400 if it is missing or its type is not that of the field."""
        name = self.take("arg")
        value = self.arguments.get(name)
        if value is None:
            raise missing_argument(name)
        if isinstance(value, str) and kinds == (int, float):
            try:
                return float(value)
            except ValueError:
                raise invalid_query(f"The query parameter '{name}' is not a number") from None
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise invalid_query(f"The query parameter '{name}' has the wrong type")
        return value


def like(pattern: str, flags: int) -> re.Pattern[str]:
    """Return the regular expression for a pattern, in which % stands for any text and _ for one character."""
    parts = {"%": ".*", "_": "."}
    return re.compile("".join(parts.get(char) or re.escape(char) for char in pattern), flags | re.DOTALL)
