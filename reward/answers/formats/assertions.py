"""Checks the source of a program's tests: it must be Python, and some of it must run."""

import ast

_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Pass)
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)


def tests_fault(tests: str) -> str | None:
    """Reason why every program or none passes `tests`; None if their source shows no fault."""
    try:
        statements = ast.parse(tests).body
    except SyntaxError as error:
        where = f" in line {error.lineno}" if error.lineno else ""
        return f"the tests are no Python ({error.msg}{where})"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"the tests are no Python that can be read ({error or 'nested too deep'})"
    if any(map(_tells, statements)):
        return None
    if functions := [one.name for one in statements if isinstance(one, ast.FunctionDef)]:
        return (
            f"the tests only define {', '.join(map(repr, functions[:3]))} and run nothing, so that every program "
            f"passes; add a call, such as {functions[0]}(name_of_the_asked_function)"
        )
    return "the tests run no assertion, so that every program passes; add assert statements"


def _tells(statement: ast.stmt) -> bool:
    """Whether a statement of the module runs code that may find a fault."""
    if isinstance(statement, _DEFINITIONS):
        return False
    if isinstance(statement, _ASSIGNMENTS):
        return False
    if isinstance(statement, ast.Expr):
        return not isinstance(statement.value, ast.Constant | ast.Name)
    parts = [node for field in ("body", "orelse", "finalbody") for node in getattr(statement, field, [])]
    handlers = [node for handler in getattr(statement, "handlers", []) for node in handler.body]
    return any(map(_tells, [*parts, *handlers])) if parts else not isinstance(statement, ast.Delete)
