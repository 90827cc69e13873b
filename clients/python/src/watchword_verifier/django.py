"""For Django: `require_auth` before a view, `request.watchword` inside it. `WATCHWORD` in the settings holds the issuer and
whatever else `Verifier.from_issuer` takes."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from .policy import Demands, Policy
from .rejection import Rejection
from .verifier import Verifier
from .web import Source, authenticate, authenticate_async

if sys.version_info >= (3, 11):
    from typing import Unpack
else:
    from typing_extensions import Unpack

View = Callable[..., HttpResponseBase] | Callable[..., Awaitable[HttpResponseBase]]

_made: list[Verifier] = []
_making = threading.Lock()


def verifier() -> Verifier:
    """The verifier of the settings, made when it is first asked for:
    `WATCHWORD = {"issuer": "https://login.example.org", "follow": os.environ["VERIFIER_CREDENTIAL"]}`."""
    if not _made:
        with _making:
            if not _made:
                options: dict[str, Any] = dict(settings.WATCHWORD)
                _made.append(Verifier.from_issuer(options.pop("issuer"), **options))
    return _made[0]


def require_auth(source: Source = verifier, **demands: Unpack[Demands]) -> Callable[[View], View]:
    """Lets in who shows a token that stands and meets the demands; answers all others itself. `request.watchword` is then the
    claims. For views that are functions or coroutines; for classes with `method_decorator(require_auth(), name="dispatch")`.
    Such a view has no use for the CSRF token: browsers do not send a Bearer header by themselves, so `csrf_exempt` is safe.
    """
    policy = Policy(**demands)

    def decorate(view: View) -> View:
        if iscoroutinefunction(view):

            @functools.wraps(view)
            async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
                try:
                    claims = await authenticate_async(source, _authorization(request), policy)
                except Rejection as rejection:
                    return _answer(rejection)
                request.watchword = claims  # type: ignore[attr-defined,unused-ignore]
                answer: HttpResponseBase = await view(request, *args, **kwargs)
                return answer

            return guarded_async

        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            try:
                claims = authenticate(source, _authorization(request), policy)
            except Rejection as rejection:
                return _answer(rejection)
            request.watchword = claims  # type: ignore[attr-defined,unused-ignore]
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def _authorization(request: HttpRequest) -> list[str]:
    header = request.META.get("HTTP_AUTHORIZATION")
    return [] if header is None else [header]


def _answer(rejection: Rejection) -> HttpResponse:
    return HttpResponse(rejection.body(), status=rejection.status, headers=rejection.headers())
