"""Imports between our modules: no cycle, and packages depend on each other in one direction."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("rewriter_agent", "cluster", "reward", "sft")


def module_name(file: Path) -> str:
    """Dotted name of a file in the repository."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(file): file for package in PACKAGES for file in (ROOT / package).rglob("*.py")}


def imports_of(module: str) -> Iterator[str]:
    """Our modules that `module` imports anywhere, also within functions and for annotations."""
    file = FILES[module]
    package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                target = f"{source}.{alias.name}"
                yield target if target in FILES else source
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def packages_of(module: str) -> set[str]:
    """The module and the packages that it is in; an import of it runs all of them."""
    parts = module.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts) + 1)}


GRAPH = {module: {name for name in imports_of(module) if name in FILES} - {module} for module in FILES}
RUNS = {
    module: set().union(*map(packages_of, targets)) - packages_of(module) | targets
    for module, targets in GRAPH.items()
}
"""Modules that run before each module, if it is the first to be imported: its own packages run already."""


def test_each_module_can_be_imported_first() -> None:
    try:
        TopologicalSorter(RUNS).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle, to be split: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("package", ["cluster", "reward", "sft"])
def test_the_libraries_import_neither_each_other_nor_the_agent(package: str) -> None:
    others = [
        f"{module} imports {target}"
        for module, targets in GRAPH.items()
        for target in targets
        if module.split(".")[0] == package != target.split(".")[0]
    ]
    assert not others
