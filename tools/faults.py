"""Small faults that can be put into a module: what changes where. Which of them tests catch is `mutants.py`'s business.

Each changes one place: a comparison, a condition, a number, an operator, a call whose result is not used, a returned
value. Left out are log lines, decorators, type annotations and the insides of f-strings, whose places Python 3.11 does
not know.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SWAPPED: dict[type, type] = {
    **{
        ast.Eq: ast.NotEq,
        ast.NotEq: ast.Eq,
        ast.Is: ast.IsNot,
        ast.IsNot: ast.Is,
        ast.In: ast.NotIn,
        ast.NotIn: ast.In,
    },
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.And: ast.Or, ast.Or: ast.And},
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv},
}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_WITH_BODY = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_LEFT_OUT = {"decorator_list", "annotation", "returns"}


@dataclass(frozen=True)
class Fault:
    """One change.

    Parameters
    ----------
    line, column: where the place begins.
    text: the source of that line.
    lines: the lines of the place; a test may catch the fault if it runs one of them.
    at_import: the place runs when the module is imported, so any test of the module may catch the fault.
    """

    file: str
    line: int
    column: int
    text: str
    before: str
    after: str
    lines: range
    at_import: bool

    @property
    def change(self) -> str:
        """The fault without its line number, as the list of equivalent ones has it."""
        return f"{self.file}: {self.text}: {_one_line(self.before)}  →  {_one_line(self.after)}"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {_one_line(self.before)}  →  {_one_line(self.after)}"


def faults(root: Path, file: str) -> Iterator[Fault]:
    """Every fault that can be put into a module, in the order of the source."""
    source = (root / file).read_text(encoding="utf-8")
    tree, texts = ast.parse(source), [line.strip() for line in source.splitlines()]
    for place, changed, statement, at_import in _places(tree, tree, at_import=True):
        before = ast.unparse(place)
        if "_log." not in before:
            assert isinstance(place, ast.expr | ast.stmt)
            lines = range(getattr(statement, "lineno", place.lineno), (place.end_lineno or place.lineno) + 1)
            text = texts[place.lineno - 1]
            yield Fault(file, place.lineno, place.col_offset, text, before, ast.unparse(changed), lines, at_import)


def put(fault: Fault, checkout: Path) -> str:
    """Put a fault into a checkout. Returns the source that stood there."""
    file = checkout / fault.file
    source = file.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        place = (getattr(node, "lineno", 0), getattr(node, "col_offset", -1))
        if place == (fault.line, fault.column) and ast.unparse(node) == fault.before:
            assert isinstance(node, ast.expr | ast.stmt)
            lines = source.splitlines(keepends=True)
            end = node.end_lineno or fault.line
            head = lines[fault.line - 1].encode()[: fault.column].decode()
            tail = lines[end - 1].encode()[node.end_col_offset :].decode()
            text = fault.after.replace("\n", "\n" + " " * fault.column)
            lines[fault.line - 1 : end] = [head + (f"({text})" if isinstance(node, ast.expr) else text) + tail]
            changed = "".join(lines)
            ast.parse(changed)
            file.write_text(changed, encoding="utf-8")
            return source
    raise ValueError(f"the place is not there: {fault}")


def _places(node: ast.AST, statement: ast.AST, *, at_import: bool) -> Iterator[tuple[ast.AST, ast.AST, ast.AST, bool]]:
    """Every place below a node, what it changes into, its statement, and whether it runs at import."""
    docstring = node.body[0] if isinstance(node, _WITH_BODY) and node.body else None
    for name, field in ast.iter_fields(node):
        inside = at_import and not (isinstance(node, _FUNCTIONS) and name == "body")
        for child in field if isinstance(field, list) else [field]:
            if not isinstance(child, ast.AST) or name in _LEFT_OUT or isinstance(child, ast.JoinedStr):
                continue
            own = child if isinstance(child, ast.stmt) else statement
            if not (child is docstring and isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
                place = child.test if isinstance(child, ast.If) else child
                for changed in _changes(child):
                    yield place, changed, own, inside
                yield from _places(child, own, at_import=inside)


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(left, [operator], comparators) if type(operator) in _SWAPPED:
            yield ast.Compare(left, [_SWAPPED[type(operator)]()], comparators)
        case ast.BoolOp(operator, values):
            yield ast.BoolOp(_SWAPPED[type(operator)](), values)
        case ast.BinOp(left, operator, right) if type(operator) in _SWAPPED and not _is_text(left, right):
            yield ast.BinOp(left, _SWAPPED[type(operator)](), right)
        case ast.UnaryOp(ast.Not(), operand):
            yield operand
        case ast.If(test) if not _is_negated_below(test):
            yield ast.UnaryOp(ast.Not(), test)
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() as value):
            yield ast.Constant(value + 1)
        case ast.Expr(ast.Call()):
            yield ast.Pass()
        case ast.Return(value) if value is not None and not (isinstance(value, ast.Constant) and not value.value):
            yield ast.Return(ast.Constant(None))


def _is_negated_below(test: ast.expr) -> bool:
    """Whether a change inside the condition is its negation already."""
    exact = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)
    match test:
        case ast.Compare(_, [operator], _):
            return isinstance(operator, exact)
        case ast.UnaryOp(ast.Not()):
            return True
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def _is_text(*nodes: ast.AST) -> bool:
    return any(isinstance(node, ast.JoinedStr | ast.List | ast.Tuple | ast.Dict) for node in nodes) or any(
        isinstance(node, ast.Constant) and isinstance(node.value, str) for node in nodes
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
