"""Tests as Python text: compiled so that each check that runs is counted."""

import ast
import builtins
from types import CodeType

COUNTER = "<count a check>"
"""Name of the function that compiled tests call at each check; no Python text can contain it."""

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_BRANCHES = (ast.If, ast.Try, ast.TryStar, ast.While, ast.For, ast.With, ast.Match)


class InvalidTests(ValueError):
    """The tests are no Python that can be compiled."""


def compile_tests(source: str) -> tuple[CodeType, set[str]]:
    """The tests' code, and the names that they use but do not define.

    A check is an assert statement, a call of what is named like `assertEqual` or `raises`, or a statement that
    raises under a condition. Each counts when it has run without failing.

    Raises:
        InvalidTests: they do not compile.
    """
    try:
        tree = ast.parse(source, "<tests>")
        names = _free_names(tree)
        for node in [*ast.walk(tree)]:
            for field in ("body", "orelse", "finalbody"):
                block = getattr(node, field, None)
                if isinstance(block, list):
                    block[:] = [part for step in block for part in _counted(step)]
        return compile(ast.fix_missing_locations(tree), "<tests>", "exec", dont_inherit=True), names
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidTests(str(error)) from error


def _counted(step: ast.stmt) -> list[ast.stmt]:
    if not _is_check(step):
        return [step]
    counter = ast.Call(ast.Name(COUNTER, ast.Load()), [], [])
    return [step, ast.copy_location(ast.Expr(counter), step)]


def _is_check(step: ast.stmt) -> bool:
    if isinstance(step, ast.Assert):
        return True
    if isinstance(step, ast.Expr | ast.With | ast.AsyncWith):
        calls = [step.value] if isinstance(step, ast.Expr) else [item.context_expr for item in step.items]
        if any(_is_named_like_a_check(call) for call in calls):
            return True
    return isinstance(step, _BRANCHES) and any(isinstance(inner, ast.Raise) for inner in _own_steps(step))


def _is_named_like_a_check(call: ast.expr) -> bool:
    if not isinstance(call, ast.Call):
        return False
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name.startswith("assert") or name in ("raises", "fail_if", "check_equal")


def _own_steps(step: ast.AST) -> list[ast.AST]:
    """All that is in a statement but not in a function or class of its own."""
    found, todo = [], [step]
    while todo:
        for child in ast.iter_child_nodes(todo.pop()):
            if not isinstance(child, _SCOPES):
                found.append(child)
                todo.append(child)
    return found


def _free_names(tree: ast.AST) -> set[str]:
    used, bound = set(), set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                used.add(name)
            case ast.Name(id=name) | ast.arg(arg=name):
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AsyncFunctionDef(name=name):
                bound.add(name)
            case ast.alias(name=name, asname=alias):
                bound.add(alias or name.partition(".")[0])
            case ast.ExceptHandler(name=str(name)):
                bound.add(name)
    return used - bound


def subject(names: set[str]) -> set[str]:
    """Builtins under whose names the tests may mean a function of the answer.

    They mean the builtins if they use any other name of the answer; some names only ever mean builtins.
    """
    shadowing = {name for name in names if hasattr(builtins, name)}
    if any(not name.startswith("__") for name in names - shadowing):
        return set()
    candidates = {name for name in shadowing if name.islower()} - set(REFEREES)
    return candidates if len(candidates) == 1 else set()


REFEREES = (
    *("abs", "all", "any", "bool", "dict", "enumerate", "float", "frozenset", "int", "isinstance"),
    *("issubclass", "len", "list", "print", "range", "repr", "round", "set", "sorted", "str", "tuple"),
    *("type", "zip", "callable", "getattr", "hasattr", "vars", "eval", "exec", "open", "iter", "next"),
    *("map", "filter", "reversed", "object", "globals", "locals", "dir", "super", "property", "id"),
)
"""Builtins that tests check with: a function of the answer under one of these names is never called."""
