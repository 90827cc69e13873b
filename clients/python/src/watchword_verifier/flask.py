"""For Flask: `require_auth` before a view, `current` inside it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from flask import Response, current_app, g, request
from flask.typing import ResponseReturnValue

from .claims import Claims
from .policy import Demands, Policy
from .rejection import Rejection
from .web import Source, authenticate

if sys.version_info >= (3, 11):
    from typing import Unpack
else:
    from typing_extensions import Unpack

_P = ParamSpec("_P")
_R = TypeVar("_R", bound=ResponseReturnValue)


def require_auth(source: Source, **demands: Unpack[Demands]) -> Callable[[Callable[_P, _R]], Callable[_P, ResponseReturnValue]]:
    """Lets in who shows a token that stands and meets the demands; answers all others itself. Stands below `app.route`.

    ```python
    @app.get("/books")
    @require_auth(verifier, role="clerk")
    def books(): return {"hello": current().preferred_username}
    ```
    """
    policy = Policy(**demands)

    def decorate(view: Callable[_P, _R]) -> Callable[_P, ResponseReturnValue]:
        @functools.wraps(view)
        def guarded(*args: _P.args, **kwargs: _P.kwargs) -> ResponseReturnValue:
            try:
                g.watchword_claims = authenticate(source, request.headers.getlist("Authorization"), policy)
            except Rejection as rejection:
                return Response(rejection.body(), rejection.status, rejection.headers())
            answer: ResponseReturnValue = current_app.ensure_sync(view)(*args, **kwargs)
            return answer

        return guarded

    return decorate


def current() -> Claims:
    """Whom the request speaks for, in a view with `require_auth`."""
    claims = g.get("watchword_claims")
    if not isinstance(claims, Claims):
        raise RuntimeError("this view has no require_auth")
    return claims
