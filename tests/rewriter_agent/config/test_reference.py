from pathlib import Path

from rewriter_agent.config.reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "config.md"


def test_the_config_reference_is_that_of_the_models() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "run: python -m rewriter_agent.config.reference > docs/reference/config.md"
    )


def test_the_reference_names_keys_kinds_and_defaults() -> None:
    page = reference()
    assert "## `data` (source: hub)" in page
    assert "| `num_generations` | `integer` | `8` |" in page
    assert page.count("## `sft.weight` (kind: dft)") == 1
