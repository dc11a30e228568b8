"""Every error boxnb raises on purpose.

::

    BoxNotebookError
    |-- SignInError                   the flow did not end with a token       .error .description
    |   |-- RedirectError             what was pasted is not a usable redirect
    |   |-- StateMismatchError        the redirect answers another request
    |   |-- AccessDeniedError         the resource owner said no
    |   |-- InvalidGrantError         code or refresh token used, expired or revoked
    |   |-- InvalidClientError        client id or secret refused
    |   |-- TokenEndpointError        the token endpoint gave no usable answer
    |   |-- SignInCancelled, SignInTimeout
    |-- NotSignedInError              nothing is saved for this profile
    |-- ProfileChangedError           the profile became another person, app or enterprise
    |-- ProfileNameError              a profile cannot be called that (a ValueError, too)
    |-- SettingError                  a setting or place cannot be used as given (a ValueError, too)
    |-- TokenStoreError               the profile cannot be read, written or locked    .path
    |-- NetworkError                  no answer came: no network, a proxy, a certificate
    |-- Interrupted                   a person stopped a long pull                .partial
    |-- ListingError                  a listing has no end that can be reached (a ValueError, too)    .partial
    |-- ArgumentError                 an argument is not usable; the message names it (a ValueError, too)
    |   |-- RangeError                not a time, or a range that ends before it begins
    |   `-- IdError                   not an id
    |-- FrameError                    a frame that was handed in lacks a column (a ValueError, too)
    |-- HostNotAllowedError           a request would carry the token to a foreign host
    |-- MissingPackageError           a package of an extra is not installed (an ImportError, too)
    |-- SandboxError                  the sandbox could not be started or reached
    |-- RunRefusedError               a run of the same name is under way
    |-- MailError                     a mail could not be sent
    |-- TransferError                 a file could not be sent or fetched as it is
    `-- ApiError                      Box answered a call with an error  .status .code .request_id .help_url
        |-- AccessTokenRejectedError  401, even after one refresh
        |-- ForbiddenError            403: the app's scope or the user's role
        |-- NotFoundError             404
        |-- RateLimitError            429, longer than the kit waits by itself  .retry_after .until
        `-- BoxUnavailableError       5xx

A message says what happened, the likely cause and the next step, and never holds a token, code or secret.
Wrong arguments are ``ValueError``. Raw requests (``box.session``, ``boxnb.oauth``) keep requests' own exceptions
for network trouble; ``box.get`` and the datasets raise :class:`NetworkError`.
"""

from __future__ import annotations

import datetime
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class BoxNotebookError(Exception):
    """Root of everything boxnb raises on purpose; shown as one line in a notebook, without a traceback."""

    partial: pd.DataFrame | None = None
    """What was fetched before a pull ended early; see :mod:`boxnb.datasets.pull`."""

    def _render_traceback_(self) -> list[str]:
        # IPython's hook: a reader gets the sentence, "Run All" stops all the same.
        return [f"{type(self).__name__}: {self}"]


class WaitNotice(UserWarning):
    """A wait of more than a few seconds begins; the text says why, and when it ends."""


class SignInError(BoxNotebookError):
    """The flow did not end with a token.

    Attributes
    ----------
    error, description : str
        ``error`` and ``error_description`` of RFC 6749 4.1.2.1 and 5.2, empty where the server gave none.
    checked : bool
        False for a redirect that did not carry the state of the request, which anybody can have sent.
    """

    checked = True

    def __init__(self, message: str, *, error: str = "", description: str = "") -> None:
        super().__init__(message)
        self.error = error
        self.description = description
        self.at: float | None = None  # when the server said so, seconds since the epoch by its clock


class RedirectError(SignInError):
    """What was pasted is not a usable redirect."""


class StateMismatchError(SignInError):
    """The redirect answers another request (RFC 6749 10.12)."""

    checked = False


class AccessDeniedError(SignInError):
    """The resource owner pressed Deny, or the server refused to ask."""


class InvalidGrantError(SignInError):
    """The code or the refresh token is used up, expired or revoked (RFC 6749 5.2)."""

    lost = False
    """Whether an answer to the same refresh was lost before."""


class InvalidClientError(SignInError):
    """The client id or the client secret was refused (RFC 6749 5.2)."""


class TokenEndpointError(SignInError):
    """The token endpoint gave no usable answer: an error page, another status, broken JSON."""

    retry_after: float | None = None
    """Seconds it asked to wait, where it did."""


class SignInCancelled(SignInError):  # noqa: N818  the class name is what a reader sees
    """The person cancelled, or nobody is there to answer."""


class SignInTimeout(SignInError):  # noqa: N818
    """Nobody finished the sign-in in time."""


class NotSignedInError(BoxNotebookError):
    """Nothing is saved for this profile."""


class ProfileChangedError(BoxNotebookError):
    """The profile became another person, app or enterprise while a session of it was open; nothing was asked of Box."""


class ProfileNameError(BoxNotebookError, ValueError):
    """A profile cannot be called that: the name becomes a file's."""


class SettingError(BoxNotebookError, ValueError):
    """A setting, an address or a place cannot be used as it was given; what was saved is unchanged."""


class TokenStoreError(BoxNotebookError):
    """The profile cannot be read, written or locked; whatever was saved is still there."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


class NetworkError(BoxNotebookError):
    """No answer came; ``__cause__`` is what requests raised."""


class Interrupted(BoxNotebookError):  # noqa: N818  what happened, not an error
    """A person stopped a long pull; ``partial`` has what was fetched."""


class ListingError(BoxNotebookError, ValueError):
    """A listing cannot be taken to its end: too long for offsets, or it changed on the way; ``partial`` has the beginning."""


class ArgumentError(BoxNotebookError, ValueError):
    """An argument is not what belongs there; the sentence names it, and nothing was asked of Box."""


class RangeError(ArgumentError):
    """A time that cannot be read, or a range of time that ends before it begins; nothing was asked of Box."""


class IdError(ArgumentError):
    """An argument is not the id that belongs there; nothing was asked of Box."""


class FrameError(BoxNotebookError, ValueError):
    """A frame that was handed in lacks what a report or dataset needs; the sentence names it."""


class HostNotAllowedError(BoxNotebookError):
    """A request would have carried the token to a host that is not the profile's."""


class MissingPackageError(BoxNotebookError, ImportError):
    """A package of an extra is not installed; the message has the line that installs it."""


def require(what: str, requirement: str, *modules: str) -> None:
    """Import the modules, or say in one sentence what ``what`` needs.

    Raises
    ------
    MissingPackageError
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise MissingPackageError(
                f"{what} needs one more package: pip install '{requirement}' ({error}).",
                name=error.name,
                path=error.path,
            ) from None


class SandboxError(BoxNotebookError):
    """The sandbox could not be started or reached."""


class RunRefusedError(BoxNotebookError):
    """A run of the same name is under way."""


class MailError(BoxNotebookError):
    """A mail could not be sent; the run it tells of ended as it ended."""


class TransferError(BoxNotebookError):
    """A file could not be sent or fetched as it is: its name, its sum, or what lies there already."""


class ExportError(BoxNotebookError, ValueError):
    """A table cannot be written to a file as it is, or not there; a file that was there is unchanged."""


class ApiError(BoxNotebookError):
    """Box answered an API call with an error.

    Attributes
    ----------
    status : int
        HTTP status.
    code : str
        Box's ``code``, or the ``error`` of ``WWW-Authenticate`` where the body is empty.
    request_id : str
        What Box's support asks for; the body's ``request_id`` or the ``box-request-id`` header.
    help_url : str
    """

    def __init__(
        self, message: str, *, status: int, code: str = "", request_id: str = "", help_url: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.help_url = help_url


class AccessTokenRejectedError(ApiError):
    """401, even after one refresh."""


class ForbiddenError(ApiError):
    """403: the app lacks the scope, or the user the right."""


class NotFoundError(ApiError):
    """404: it does not exist, or this user may not see it (Box does not tell which)."""


class RateLimitError(ApiError):
    """429: Box asks to wait longer than the kit waits by itself, or refused again and again.

    Attributes
    ----------
    retry_after : float or None
        Seconds Box asked to wait with its last answer.
    until : datetime or None
        When that wait ends, in the time zone of this computer.
    """

    retry_after: float | None = None
    until: datetime.datetime | None = None


class BoxUnavailableError(ApiError):
    """5xx, or an answer that is not Box's (a company proxy's page)."""
