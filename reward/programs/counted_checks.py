"""Tests as Python text: compiled so that each check that runs is counted."""

import ast
import builtins
from dataclasses import dataclass
from types import CodeType

COUNTER = "<count a check>"
"""Name of the function that compiled tests call at each check; no Python text can contain it."""

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_BRANCHES = (ast.If, ast.Try, ast.TryStar, ast.While, ast.For, ast.With, ast.Match)


_RUN_TEXT = frozenset({"eval", "exec", "compile"})
_RUN_HINTS = frozenset({"get_type_hints", "get_annotations"})
_RUN_DATA = frozenset(
    {"pickle", "marshal", "shelve", "doctest", "timeit", "runpy", "code", "cProfile", "profile"}
)


@dataclass(frozen=True)
class Program:
    """Tests that can run."""

    code: CodeType
    names: set[str]
    """Names that the tests use but do not define."""
    members: dict[str, set[str]]
    """Attributes by name, for those of `names` of which nothing else is used (`math.pi`)."""
    runs_text: bool
    """Whether the tests use what runs text or data as code, which may come from the answer."""


class InvalidTests(ValueError):
    """The tests are no Python that can be compiled."""


def compile_tests(source: str) -> Program:
    """The tests as a program that counts its checks.

    A check is an assert statement, a call of a name like `assertEqual` or `raises`, or a statement that
    raises under a condition. Each counts when it has run without failing.

    Raises:
        InvalidTests: they do not compile.
    """
    try:
        tree = ast.parse(source, "<tests>")
        names = _free_names(tree)
        members, runs_text = _members(tree, names), _runs_text(tree, names)
        for node in [*ast.walk(tree)]:
            for field in ("body", "orelse", "finalbody"):
                block = getattr(node, field, None)
                if isinstance(block, list):
                    block[:] = [part for step in block for part in _counted(step)]
        code = compile(ast.fix_missing_locations(tree), "<tests>", "exec", dont_inherit=True)
        return Program(code, names, members, runs_text)
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


def _members(tree: ast.AST, names: set[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {name: set() for name in names}
    bases = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
            found[node.value.id].add(node.attr)
            bases.add(node.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node not in bases:
            found.pop(node.id, None)
    return found


def _runs_text(tree: ast.AST, names: set[str]) -> bool:
    """Whether the tests run more as code than literals of their own."""
    literal = {
        node.func
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) if name in names & _RUN_TEXT and node not in literal:
                return True
            case ast.Attribute(attr=name) if name in _RUN_HINTS:
                return True
            case ast.Import(names=aliases) if any(alias.name in _RUN_DATA for alias in aliases):
                return True
            case ast.ImportFrom(module=module, names=aliases):
                if module in _RUN_DATA or any(alias.name in _RUN_HINTS for alias in aliases):
                    return True
    return False


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
