"""Check against a reference by a language model behind an OpenAI-compatible endpoint."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

import requests
from requests.adapters import HTTPAdapter, Retry

from reward import Check
from reward.judge import ANSWERS, reference_prompt
from reward.reference.config import JudgeCheck
from rewriter_agent.io.files import batches
from rewriter_agent.io.value_cache import ValueCache, cache_key
from rewriter_agent.user_errors import blaming

RETRIES, BACKOFF_SECONDS = 8, 0.5
"""Retries of a request, and the first wait, which doubles; a Retry-After of the server's is respected."""
RETRIED = (408, 409, 429, 500, 502, 503, 504)
TIMEOUT = 120.0
ADVICE = "Check url, model and key_env in reward.reference.judge, and that the server runs. Verdicts so far are kept."
TOKENS = ("prompt_tokens", "completion_tokens")
_VERDICT = re.compile(rf"\b({'|'.join(ANSWERS)})\b")


class EndpointJudge:
    """Asks about each text once: verdicts are kept in a file, by their content."""

    def __init__(self, config: JudgeCheck, cache: Path) -> None:
        """Keep verdicts in the file `cache`, which runs share."""
        self.config = config
        self._cache = cache
        self._lock = Lock()
        self._usage = Counter[str]()

    def __call__(self, checks: Sequence[Check]) -> list[bool]:
        """Whether the judge says YES for each text, in order.

        Raises:
            ValueError: the endpoint refuses a request, or fails after all retries.
        """
        rubric = self.config.rubric.text if self.config.rubric else None
        prompts = [reference_prompt(one.question, one.gold, one.answer, rubric) for one in checks]
        keys = [
            cache_key("judge", self.config.url, self.config.model, self.config.max_tokens, prompt)
            for prompt in prompts
        ]
        asked = dict(zip(keys, prompts, strict=True))
        verdicts: dict[str, bool] = {}
        with self._lock, ValueCache(self._cache) as cache, self._session() as session:
            # A batch is kept before the next begins, so that a failure loses no more than one.
            for batch in batches(asked, self.config.max_parallel):
                found = cache.fill(
                    batch, lambda missing, batch=batch: self._ask_all(session, asked, batch, missing)
                )
                verdicts.update(zip(batch, found, strict=True))
        return [verdicts[key] for key in keys]

    def take_usage(self) -> dict[str, int]:
        """Requests and tokens that this process has paid for since the last call."""
        with self._lock:
            used, self._usage = self._usage, Counter[str]()
        return {kind: used[kind] for kind in ("requests", *TOKENS)}

    def _session(self) -> requests.Session:
        session = requests.Session()
        waits = Retry(
            total=RETRIES,
            backoff_factor=BACKOFF_SECONDS,
            status_forcelist=RETRIED,
            allowed_methods=["POST"],
            raise_on_status=False,
        )
        session.mount(self.config.url, HTTPAdapter(max_retries=waits, pool_maxsize=self.config.max_parallel))
        if self.config.key_env:
            session.headers["Authorization"] = f"Bearer {_key(self.config.key_env)}"
        return session

    def _ask_all(
        self, session: requests.Session, prompts: dict[str, str], keys: Sequence[str], missing: Sequence[int]
    ) -> list[bool]:
        with ThreadPoolExecutor(self.config.max_parallel) as pool:
            replies = list(pool.map(lambda i: self._ask(session, prompts[keys[i]]), missing))
        for reply in replies:
            usage = reply.get("usage") or {}
            self._usage.update({"requests": 1, **{kind: usage.get(kind, 0) for kind in TOKENS}})
        return [_says_yes(reply) for reply in replies]

    def _ask(self, session: requests.Session, prompt: str) -> dict[str, Any]:
        url = f"{self.config.url.rstrip('/')}/chat/completions"
        body = {
            "model": self.config.model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": 0,
            "max_tokens": self.config.max_tokens,
        }
        with blaming(f"the judge at {url} gave no verdict", ADVICE):
            response = session.post(url, json=body, timeout=TIMEOUT)
            response.raise_for_status()
            return response.json()


def _says_yes(reply: dict[str, Any]) -> bool:
    with blaming(f"the judge's reply is no chat completion: {str(reply)[:200]!r}", ADVICE):
        content = reply["choices"][0]["message"]["content"] or ""
        found = _VERDICT.findall(content)
    return bool(found) and found[-1] == ANSWERS[0]


def _key(variable: str) -> str:
    if variable not in os.environ:
        raise ValueError(
            f"reward.reference.judge.key_env={variable}, and there is no such environment variable; export the key, or "
            "set key_env=null"
        )
    return os.environ[variable]
