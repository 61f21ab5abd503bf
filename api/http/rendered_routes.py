"""How answers are written."""

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from fastapi import Response
from pydantic import BaseModel

from api.http.strict_routes import StrictRoute


class RenderedRoute(StrictRoute):
    """A route whose handler's model is written as the answer right away, in the handler's thread.

    FastAPI would validate the model a second time, in another thread. A handler that sets headers or the status, or
    depends on something that does, takes the `response`.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - FastAPI's
        super().__init__(path, endpoint if iscoroutinefunction(endpoint) else self._rendering(endpoint), **options)

    def _rendering(self, endpoint: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(endpoint)
        def render(**arguments: Any) -> Any:  # noqa: ANN401 - whatever the handler takes and answers
            answer = endpoint(**arguments)
            if not isinstance(answer, BaseModel):
                return answer
            prepared: Response | None = arguments.get("response")
            status = (prepared and prepared.status_code) or self.status_code or 200
            rendered = Response(answer.model_dump_json(by_alias=True), status, media_type="application/json")
            if prepared:
                rendered.raw_headers.extend(prepared.raw_headers)
            return rendered

        return render
