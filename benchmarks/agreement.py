"""Agreement of the verifier with expected verdicts: `python -m benchmarks.agreement FILE.jsonl`.

A row holds `gold`, `text` and `expected` ("equal" or anything else), as in other graders' test suites; `convention`
and `mode` are as for `rewriter-agent grade`. Disagreements are listed. With `--gold-texts` a gold is a text, too, whose
answer is extracted first.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

from reward.answers.conventions import extract_answer
from reward.config import RewardConfig
from reward.sandbox.verifier import Verifier
from reward.types import Check


def check_of(row: dict, gold_texts: bool) -> tuple[Check, bool]:
    """The check that a row asks for, and whether its text states an answer at all."""
    convention, strict = row.get("convention", "boxed"), row.get("mode", "strict") == "strict"
    answer = extract_answer(row["text"], convention, strict=strict)
    gold = str(row["gold"])
    if gold_texts:
        gold = extract_answer(gold, convention, strict=strict) or gold
    return Check(gold, answer or "", convention), answer is not None


def main() -> None:
    """Print each disagreement and the number of agreements."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path, help="JSON Lines with gold, text and expected")
    parser.add_argument("--gold-texts", action="store_true", help="extract the gold answers from texts, too")
    parser.add_argument("--timeout", type=float, default=4.0, help="seconds for a comparison (4)")
    arguments = parser.parse_args()
    rows = [json.loads(line) for line in arguments.file.read_text(encoding="utf-8").splitlines()]
    found = [check_of(row, arguments.gold_texts) for row in rows]
    with Verifier(RewardConfig(timeout=arguments.timeout)) as verifier:
        grades = verifier.verify([check for check, _ in found])
    counts: Counter[bool] = Counter()
    for row, (check, is_stated), grade in zip(rows, found, grades, strict=True):
        verdict = grade.verdict.value if is_stated else "no answer"
        agrees = (verdict == "equal") == (row["expected"] == "equal")
        counts[agrees] += 1
        if not agrees:
            print(
                f"{row.get('id')}: {verdict}, expected {row['expected']}: {check.gold[:80]!r} {check.answer[:80]!r}"
            )
    print(f"agrees in {counts[True]} of {len(rows)}")


if __name__ == "__main__":
    main()
