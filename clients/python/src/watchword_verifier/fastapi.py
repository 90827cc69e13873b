"""For FastAPI: a dependency that lets in who shows a token that stands."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, HTTPException, Request, Response

from .claims import Claims
from .policy import Demands, Policy
from .rejection import Rejection
from .web import Source, authenticate_async

if sys.version_info >= (3, 11):
    from typing import Unpack
else:
    from typing_extensions import Unpack


class NotAdmitted(HTTPException):
    """A rejection as FastAPI knows it: status and headers are right even without `install`."""

    def __init__(self, rejection: Rejection) -> None:
        headers = {name: value for name, value in rejection.headers().items() if name != "Content-Type"}
        super().__init__(rejection.status, str(rejection), headers)
        self.rejection = rejection


def require_auth(source: Source, **demands: Unpack[Demands]) -> Callable[[Request], Awaitable[Claims]]:
    """A dependency whose value is the claims of who is asking.

    ```python
    Clerk = Annotated[Claims, Depends(require_auth(verifier, role="clerk"))]

    @app.get("/books")
    async def books(who: Clerk): return {"hello": who.preferred_username}
    ```
    """
    policy = Policy(**demands)

    async def dependency(request: Request) -> Claims:
        try:
            return await authenticate_async(source, request.headers.getlist("Authorization"), policy)
        except Rejection as rejection:
            raise NotAdmitted(rejection) from None

    # FastAPI reads annotations from the function's module, and `Request` must not become a query parameter.
    dependency.__annotations__ = {"request": Request, "return": Claims}
    return dependency


def install(app: FastAPI) -> None:
    """Has rejections answered with problem details."""

    async def answer(_: Request, error: Exception) -> Response:
        assert isinstance(error, NotAdmitted)
        rejection = error.rejection
        return Response(rejection.body(), rejection.status, rejection.headers())

    app.add_exception_handler(NotAdmitted, answer)
