"""The paths of batches."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from . import schema
from .access import TokenName

NDJSON, PARQUET = "application/x-ndjson", "application/vnd.apache.parquet"
UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A row as for /v1/rewrites a line, or Parquet with such columns.",
        "content": {NDJSON: {"schema": {"type": "string"}}, PARQUET: {"schema": {"type": "string"}}},
    }
}


def add_batches(app: FastAPI) -> None:
    """Add the paths; a token sees its own batches only."""
    core, batches = app.state.core, app.state.batches

    @app.post("/v1/batches", tags=["batches"], status_code=201, openapi_extra=UPLOAD)
    async def upload(request: Request, token: TokenName) -> schema.Batch:
        """Upload a file of rows, a JSON object a line or Parquet; they are rewritten in the background."""
        added = await batches.add(token, request.stream())
        await core.batch_added()
        return added

    @app.post("/v1/batches/hub", tags=["batches"], status_code=201)
    async def named(body: schema.HubRows, token: TokenName) -> schema.Batch:
        """Name a public data set of the Hugging Face Hub; the service downloads and rewrites it, if it allows this."""
        added = await batches.add_named(token, body)
        await core.batch_added()
        return added

    @app.get("/v1/batches", tags=["batches"])
    def batches_of_token(token: TokenName) -> list[schema.Batch]:
        """List your batches, the newest first."""
        return batches.of_owner(token)

    @app.get("/v1/batches/{name}", tags=["batches"])
    def status(name: str, token: TokenName) -> schema.Batch:
        """Tell how much is done, and how long the rest may take."""
        return batches.status(token, name)

    @app.post("/v1/batches/{name}/cancel", tags=["batches"])
    def cancel(name: str, token: TokenName) -> schema.Batch:
        """Stop a batch; finished rows stay."""
        return batches.cancel(token, name)

    @app.get("/v1/batches/{name}/results", tags=["batches"], response_class=StreamingResponse)
    def results(name: str, token: TokenName) -> StreamingResponse:
        """Download the finished rows: for each a line with its `rewrite` or its `error`, in the order of the rows."""
        batches.find(token, name)
        headers = {"Content-Disposition": f'attachment; filename="{name}.jsonl"'}
        return StreamingResponse(batches.results(token, name), media_type=NDJSON, headers=headers)
