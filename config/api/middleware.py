"""What holds for every answer of the REST API, whoever gives it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from config.api.problems import CONTENT_TYPE, code_of, problem_response

API = "/api/"


class ApiAnswers:
    """Middleware: errors under /api/ are problems, Django's own too; nothing is kept by caches that has no version.

    So an address that nobody knows, a host that is not ours, a body too large and a 500 look like every other error.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer."""
        response = self._get_response(request)
        if not request.path_info.startswith(API):
            return response
        if response.status_code >= 400 and response.get("Content-Type") != CONTENT_TYPE:
            response = _as_problem(response)
        # What has a version may be kept, and asked about again; all else holds somebody's data, or their tokens.
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "private, no-cache" if response.has_header("ETag") else "no-store"
        return response


def _as_problem(response: HttpResponseBase) -> HttpResponse:
    """Return the problem that says what RESPONSE says by its status, with its headers."""
    problem = problem_response(response.status_code, code_of(response.status_code))
    for name, value in response.items():
        if name not in ("Content-Type", "Content-Length"):
            problem[name] = value
    problem.cookies = response.cookies
    return problem
