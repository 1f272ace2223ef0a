"""Plug-in discovery: every module of a package that defines one named object."""

import importlib
import pkgutil


def modules_with(package: str, path: list[str], attribute: str) -> list[object]:
    """`attribute` of every module of `package` (dotted name and its `__path__`), ordered by module name.

    Raises ValueError for a module that does not define it.
    """
    found = []
    for info in sorted(pkgutil.iter_modules(path), key=lambda info: info.name):
        module = importlib.import_module(f"{package}.{info.name}")
        if not hasattr(module, attribute):
            raise ValueError(f"{module.__name__} defines no {attribute}; define it, or move the module away")
        found.append(getattr(module, attribute))
    return found
