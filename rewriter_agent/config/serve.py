"""The `serve` section: limits of the rewriting service."""

from typing import Self

from pydantic import Field, model_validator

from .base import Strict, UserPath

MOST_ROWS = 10_000
"""Upper bound of the rows of one request."""


class ServeConfig(Strict):
    """The rewriting service and its limits."""

    token_file: UserPath | None = None
    """File with the tokens that requests may carry, one a line, readable by its owner alone. Null takes the one token
    in the environment variable `REWRITER_AGENT_TOKEN`; without that either, the service answers this machine only."""

    tls_certificate: UserPath | None = None
    """File with the certificate in PEM form, for HTTPS; needs `tls_key`."""

    tls_key: UserPath | None = None
    """File with the certificate's private key, readable by its owner alone."""

    student: UserPath | None = None
    """Folder of a fine-tuned model of the backbone, such as `RUN/sft-rewritten/model`, for `/v1/chat/completions`; it
    takes one more engine."""

    min_ingresses: int = Field(1, ge=1)
    """Processes that answer HTTP, at least."""

    max_ingresses: int = Field(4, ge=1)
    """Processes that answer HTTP, at most; another starts when each has more than `concurrency` requests at once."""

    concurrency: int = Field(64, ge=1)
    """Rows at work on the engines at a time."""

    max_rows: int = Field(1000, ge=1, le=MOST_ROWS)
    """Maximum rows of one request; more of them are a batch."""

    max_rows_per_token: int = Field(1000, ge=1)
    """Rows that the requests of one token may have unanswered; more get the status 429."""

    max_rows_in_progress: int = Field(4000, ge=1)
    """Rows that all requests together may have unanswered; more get the status 503."""

    max_body_mb: float = Field(16, gt=0)
    """Maximum size of a request in MiB, except for the upload of a batch."""

    max_batch_mb: float = Field(1024, gt=0)
    """Maximum size of a batch's file in MiB."""

    allow_hub: bool = False
    """Whether a batch may be the name of a public data set of the Hugging Face Hub, which the service downloads. It has
    at most `max_batch_mb`."""

    max_batches: int = Field(100, ge=1)
    """Unfinished batches that one token may have; more get the status 429."""

    max_seconds: float = Field(600, gt=0)
    """Longest time of a request; then its unanswered rows get an error. A body has to arrive within a tenth of it."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together; set both, or neither")
        if self.min_ingresses > self.max_ingresses:
            raise ValueError(
                f"min_ingresses={self.min_ingresses} is above max_ingresses={self.max_ingresses}; lower it"
            )
        return self
