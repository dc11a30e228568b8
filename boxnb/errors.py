"""Every error boxnb raises on purpose.

::

    BoxNotebookError
    |-- SignInError                   the flow ended without a token       .error .description
    |   |-- RedirectError             the pasted text is not a usable redirect
    |   |-- StateMismatchError        the redirect belongs to another request
    |   |-- AccessDeniedError         the resource owner denied access
    |   |-- InvalidGrantError         the code or refresh token was already used, has expired or was revoked
    |   |-- InvalidClientError        the client ID or secret was refused
    |   |-- CredentialsRefusedError   the saved user name, password or key was refused; it is not sent again
    |   |-- TokenEndpointError        the token endpoint's response is not usable
    |   |-- SignInCancelled, SignInTimeout
    |-- NotSignedInError              no sign-in is saved for this profile
    |-- ProfileChangedError           the profile now belongs to another user, app or enterprise
    |-- ProfileNameError              a profile cannot have this name (also a ValueError)
    |-- SettingError                  a setting is not usable (also a ValueError)
    |-- TokenStoreError               the profile cannot be read, written or locked    .path
    |-- NetworkError                  no response, because of the network, a proxy or a certificate
    |-- Interrupted                   the user stopped a long pull                .partial
    |-- ListingError                  a listing cannot be fetched completely (also a ValueError)    .partial
    |-- ArgumentError                 an argument is not usable; the message names it (also a ValueError)
    |   |-- RangeError                not a time, or a range that ends before it begins
    |   `-- IdError                   not an ID
    |-- FrameError                    a DataFrame argument lacks a column (also a ValueError)
    |-- HostNotAllowedError           a request would send the token to another host
    |-- MissingPackageError           an optional package is not installed (also an ImportError)
    |-- SandboxError                  the sandbox cannot be started or reached
    |-- RunRefusedError               a run with the same name is in progress
    |-- MailError                     an email cannot be sent
    |-- TransferError                 a file cannot be uploaded or downloaded
    |-- ExportError                   a table cannot be written to a file (also a ValueError)
    |-- HarvestError                  a harvest cannot be read or continued; what it has saved is unchanged    .path
    |   `-- HarvestInUseError         another process is working on it          .pid .host
    `-- ApiError                      Box responded to a call with an error  .status .code .request_id .help_url
        |-- AccessTokenRejectedError  401, even after a refresh
        |-- ForbiddenError            403: the app's scope or the user's role
        |-- NotFoundError             404
        |-- RateLimitError            429, and Box asks for a longer wait than boxnb allows  .retry_after .until
        `-- BoxUnavailableError       5xx

A message says what happened, the likely cause and the next step. It never contains a token, code or secret. An error
about a wrong argument is also a ``ValueError``. On a network error, ``box.session`` and ``boxnb.oauth`` raise the
exceptions of the requests library; ``box.get`` and the datasets raise :class:`NetworkError`.
"""

from __future__ import annotations

import datetime
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class BoxNotebookError(Exception):
    """Base class of the errors that boxnb raises on purpose. A notebook shows them as one line, without a traceback."""

    partial: pd.DataFrame | None = None
    """The rows that were fetched before a pull ended early; see :mod:`boxnb.datasets.pull`."""

    def _render_traceback_(self) -> list[str]:
        # IPython's hook: the user sees only the message, and "Run All" still stops.
        return [f"{type(self).__name__}: {self}"]


class WaitNotice(UserWarning):
    """The warning before a wait of more than a few seconds; it says why, and when the wait ends."""


class SignInError(BoxNotebookError):
    """The flow ended without a token.

    Attributes
    ----------
    error, description : str
        ``error`` and ``error_description`` of RFC 6749 4.1.2.1 and 5.2; empty if the server did not give them.
    checked : bool
        False if the redirect lacks the request's state. Anyone could have sent such a redirect.
    """

    checked = True

    def __init__(self, message: str, *, error: str = "", description: str = "") -> None:
        super().__init__(message)
        self.error = error
        self.description = description
        self.at: float | None = None  # time of the response by the server's clock, seconds since the epoch


class RedirectError(SignInError):
    """The pasted text is not a usable redirect."""


class StateMismatchError(SignInError):
    """The redirect belongs to another request (RFC 6749 10.12)."""

    checked = False


class AccessDeniedError(SignInError):
    """The resource owner denied access, or the server did not let them decide."""


class InvalidGrantError(SignInError):
    """The code or the refresh token was already used, has expired or was revoked (RFC 6749 5.2)."""

    lost = False
    """Whether an earlier response to the same refresh was lost."""


class InvalidClientError(SignInError):
    """The client ID or the client secret was refused (RFC 6749 5.2)."""


class CredentialsRefusedError(SignInError):
    """The server refused the saved user name, password or key. They are not sent again, because that could lock the account."""


class TokenEndpointError(SignInError):
    """The token endpoint's response is not usable: an error page, an unexpected status or invalid JSON."""

    retry_after: float | None = None
    """How many seconds the token endpoint asked boxnb to wait; ``None`` if it did not ask."""


class SignInCancelled(SignInError):  # noqa: N818  the user sees the class name
    """The user cancelled the sign-in, or the notebook is running without a user."""


class SignInTimeout(SignInError):  # noqa: N818
    """The user did not finish the sign-in in time."""


class NotSignedInError(BoxNotebookError):
    """No sign-in is saved for this profile."""


class ProfileChangedError(BoxNotebookError):
    """The profile no longer belongs to the user, app or enterprise that the connection was opened with. No request was sent."""


class ProfileNameError(BoxNotebookError, ValueError):
    """A profile cannot have this name, because the name is also used as a file name."""


class SettingError(BoxNotebookError, ValueError):
    """A setting or an address is not usable. The saved settings are unchanged."""


class TokenStoreError(BoxNotebookError):
    """The profile cannot be read, written or locked. The saved data is unchanged."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


class NetworkError(BoxNotebookError):
    """The server did not respond. ``__cause__`` is the exception that requests raised."""


class Interrupted(BoxNotebookError):  # noqa: N818  what happened, not an error
    """The user stopped a long pull. ``partial`` contains the rows fetched so far."""


class ListingError(BoxNotebookError, ValueError):
    """A listing is too long to fetch by offset, or it changed during the pull. ``partial`` contains the rows fetched so far."""


class ArgumentError(BoxNotebookError, ValueError):
    """An argument is not usable. The message names it, and no request was sent."""


class RangeError(ArgumentError):
    """A time cannot be read, or a time range ends before it begins. No request was sent."""


class IdError(ArgumentError):
    """An argument is not a Box ID. No request was sent."""


class ConsoleError(ArgumentError):
    """A report of the Admin Console is not there, or a file is not such a report. The message says where boxnb looked."""


class FrameError(BoxNotebookError, ValueError):
    """A DataFrame argument lacks a column that a report or dataset needs. The message names it."""


class HostNotAllowedError(BoxNotebookError):
    """A request would have sent the token to a host that is not one of the profile's."""


class MissingPackageError(BoxNotebookError, ImportError):
    """An optional package is not installed. The message contains the command that installs it.

    Attributes
    ----------
    reason : str
        Why it cannot be imported, as Python says it.
    """

    reason = ""


def require(feature: str, requirement: str, *modules: str) -> None:
    """Import the modules, or raise an error that says which package ``feature`` needs.

    Raises
    ------
    MissingPackageError
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            missing = MissingPackageError(
                f"{feature} needs one more package: pip install '{requirement}' ({error}).",
                name=error.name,
                path=error.path,
            )
            missing.reason = str(error)
            raise missing from None


class SandboxError(BoxNotebookError):
    """The sandbox cannot be started or reached."""


class RunRefusedError(BoxNotebookError):
    """A run with the same name is in progress."""


class MailError(BoxNotebookError):
    """An email cannot be sent. The outcome of the run is not affected."""


class TransferError(BoxNotebookError):
    """A file cannot be uploaded or downloaded because of its name, its SHA-1 or an existing file."""


class ExportError(BoxNotebookError, ValueError):
    """A table cannot be written to this file. An existing file is unchanged."""


class HarvestError(BoxNotebookError):
    """A harvest cannot be read, written or continued. What it has saved is unchanged."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


class HarvestInUseError(HarvestError):
    """Another process is working on the harvest.

    Attributes
    ----------
    pid : int or None
        Its process id; ``None`` if it is not known.
    host : str
        The computer that it runs on; empty if it is not known.
    """

    def __init__(self, message: str, path: Path, *, pid: int | None, host: str) -> None:
        super().__init__(message, path)
        self.pid = pid
        self.host = host


class ApiError(BoxNotebookError):
    """Box responded to an API call with an error.

    Attributes
    ----------
    status : int
        HTTP status.
    code : str
        Box's ``code``, or the ``error`` of ``WWW-Authenticate`` if the body is empty.
    request_id : str
        The body's ``request_id`` or the ``box-request-id`` header, for Box's support.
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
    """401, even after a refresh."""


class ForbiddenError(ApiError):
    """403: the app lacks the scope, or the user lacks the permission."""


class NotFoundError(ApiError):
    """404: the item does not exist, or this user cannot see it. Box does not say which."""


class RateLimitError(ApiError):
    """429: Box asks for a longer wait than boxnb allows, or refused every retry.

    Attributes
    ----------
    retry_after : float or None
        How many seconds Box asked boxnb to wait in its last response.
    until : datetime or None
        When that wait ends, in this computer's time zone.
    """

    retry_after: float | None = None
    until: datetime.datetime | None = None


class BoxUnavailableError(ApiError):
    """5xx, or a response that did not come from Box, such as a page from a company proxy."""
