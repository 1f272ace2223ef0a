"""A check of the user's own: a Python function in a file, whose text is read with the config."""

import ast
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

_EXAMPLE = "checks.py:says_the_same"
_PARAMETERS = "question, reference, rewrite"


class UserFunction(BaseModel):
    """A function and the text of its file, which is read with the config; write `path/to/file.py:function`."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    function: str
    """Name of the function."""
    source: str
    """Text of the file."""


def read_function(given: str) -> UserFunction:
    """Read the file that `path/to/file.py:function` names, without running it.

    Raises:
        ValueError: no such file, no Python, or no such function of three parameters.
    """
    name, separator, function = given.rpartition(":")
    if not separator or not name or not function.isidentifier():
        raise ValueError(f"{given!r} does not name a file and a function in it; write {_EXAMPLE}")
    path = Path(os.path.expanduser(name))
    if not path.is_file():
        raise ValueError(f"there is no file {name!r}; give the path of a Python file, as in {_EXAMPLE}")
    source = path.read_text(encoding="utf-8")
    try:
        tree = ast.parse(source, name)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{name} is not Python: {error}") from None
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if function not in defined:
        raise ValueError(
            f"{name} defines no function {function!r}; it defines {', '.join(defined) or 'none'}. Write "
            f"def {function}({_PARAMETERS}) in it"
        )
    _check_parameters(defined[function].args, function, name)
    return UserFunction(function=function, source=source)


def score(check: UserFunction, question: str, reference: str, text: str) -> float:
    """Call the function; it is the user's code, so call this in a confined process only.

    Raises:
        TypeError: the function returned no number.
        Exception: anything that the function raises.
    """
    found = _loaded(check)(question, reference, text)
    if not isinstance(found, bool | int | float):
        raise TypeError(f"{check.function} returned a {type(found).__name__}, not true, false or a number")
    return float(found)


@lru_cache(maxsize=1)
def _loaded(check: UserFunction) -> Callable[..., Any]:
    names: dict[str, Any] = {"__name__": "verifier"}
    exec(compile(check.source, "<verifier>", "exec", dont_inherit=True), names)  # noqa: S102
    return names[check.function]


def _check_parameters(arguments: ast.arguments, function: str, name: str) -> None:
    positional = [*arguments.posonlyargs, *arguments.args]
    required = len(positional) - len(arguments.defaults)
    keywords = [default for default in arguments.kw_defaults if default is None]
    if keywords or required > 3 or (len(positional) < 3 and arguments.vararg is None):
        raise ValueError(f"{name}: {function} must take three arguments: def {function}({_PARAMETERS})")
