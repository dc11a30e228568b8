"""Secrets that cannot be printed.

A secret is shown as its fingerprint: the first four hex digits of the SHA-256 of its value. Two tokens with different
fingerprints differ, so a refresh is visible although the tokens are not.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import os
import secrets
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeVar


def is_utf8(text: str) -> bool:
    """Return whether a string can be encoded as UTF-8. A string with a lone surrogate cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def clean(error: BaseException, handled: BaseException | None = None) -> None:
    """Delete the variables of all finished calls in the tracebacks of an error and of the errors that caused it.

    The lines of the traceback stay. Libraries hold the bytes of a request in variables, which ``%xmode Verbose``, rich,
    pytest and error trackers print. An error that was already being ``handled`` is not changed.
    """
    cleaned: set[int] = set()
    queue = [error]
    while queue:
        current = queue.pop()
        if current is handled or id(current) in cleaned:
            continue
        cleaned.add(id(current))
        traceback.clear_frames(current.__traceback__)
        # json raises a JSONDecodeError; so does simplejson, which requests uses if it is installed.
        if isinstance(getattr(current, "doc", None), str | bytes):
            vars(current)["doc"] = ""  # the whole document: a profile, or a response with tokens
        if isinstance(current, UnicodeDecodeError):
            current.args, current.object = (*current.args[:1], b"", *current.args[2:]), b""
        related = [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
        related += current.exceptions if isinstance(current, BaseExceptionGroup) else ()
        queue += [cause for cause in related if isinstance(cause, BaseException)]


@contextmanager
def cleaning() -> Iterator[None]:
    """Apply :func:`clean` to every error that leaves this block, including an interrupt."""
    handled = sys.exception()
    try:
        yield
    except BaseException as error:
        clean(error, handled)
        raise


P = ParamSpec("P")
R = TypeVar("R")


def sealed(function: Callable[P, R]) -> Callable[P, R]:
    """Apply :func:`clean` to every error that leaves a function, so that its traceback has no variables or arguments."""

    @functools.wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> R:
        handled = sys.exception()
        try:
            return function(*args, **options)
        except BaseException as error:
            del args, options
            clean(error, handled)
            raise

    return call


def fingerprint(text: str) -> str:
    """Return four hex digits that identify a secret without revealing it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:4]


KNOWN = 1000
_known: dict[str, None] = {}


def _record(value: str) -> None:
    """Record a secret, so that :mod:`boxnb.redaction` recognizes it in any text."""
    if not value:
        return
    if _known.pop(value, value) is value:
        _report(value)
    _known[value] = None  # move it to the end, so that a secret that is in use stays recorded
    while len(_known) > KNOWN:
        _known.pop(next(iter(_known)), None)


def known() -> tuple[str, ...]:
    """Return the last thousand secrets of this process, oldest first. Use this only for redaction."""
    return tuple(_known)


class Secret:
    """A string whose value Python never prints.

    ``repr``, ``str``, ``format`` and a notebook show ``<secret 3fa9>``. JSON, pickle and ``dataclasses.asdict`` raise
    ``TypeError``. Only :meth:`reveal` returns the text, and only code that sends or saves the secret calls it.
    """

    __slots__ = ("__value",)

    @sealed
    def __init__(self, value: str | Secret) -> None:
        text = value.reveal() if isinstance(value, Secret) else value
        if not isinstance(text, str):  # a number would break redaction in the whole process
            raise TypeError(f"A secret must be text, not {type(text).__name__}.")
        self.__value: str = text
        if is_utf8(text):  # a string that cannot be written need not be redacted
            _record(text)

    def reveal(self) -> str:
        """Return the text itself."""
        return self.__value

    @property
    def fingerprint(self) -> str:
        """Four hex digits, as from :func:`fingerprint`, but without passing the value to a function."""
        return self.digest[:4]

    @property
    def digest(self) -> str:
        """The SHA-256 of the value in hex. A profile saves this hash, not the token, to recognize a spent token."""
        return hashlib.sha256(self.__value.encode("utf-8", "surrogatepass")).hexdigest()

    def __repr__(self) -> str:
        return f"<secret {self.fingerprint}>" if self.__value else "<no secret>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(
            self.__value.encode("utf-8", "surrogatepass"), other.reveal().encode("utf-8", "surrogatepass")
        )

    def __hash__(self) -> int:
        return hash(("Secret", self.__value))

    def __refuse(self) -> NoReturn:
        raise TypeError("A secret cannot be copied or serialized. Only the store saves it.")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        self.__refuse()

    def __deepcopy__(self, memo: object) -> NoReturn:
        self.__refuse()


REPORT_TO = "BOXNB_RUN_SECRETS"
"""The environment variable that contains the path of a file and a key, with which a kernel reports its secrets to
``python -m boxnb run``."""


def _report(value: str) -> None:
    """Report a secret to the run that started this process, so that it is redacted in the run's page, log and email.

    The line cannot be read without the key, which only the two processes have. If the run is killed, the file stays, but
    nobody can read the secrets in it.
    """
    file, _, key = os.environ.get(REPORT_TO, "").rpartition(":")
    if not file:
        return
    try:
        nonce = secrets.token_hex(16)
        line = f"{nonce}{_xor_key_stream(value.encode(), key, nonce).hex()}\n"
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        warnings.warn(
            f"Cannot report one of this notebook's secrets to the run ({error.strerror}). The run's page may show it.",
            stacklevel=4,
        )


def learn_reported(file: Path, key: str) -> None:
    """Record the secrets that the processes of a run reported."""
    for line in file.read_text(encoding="ascii", errors="replace").split():
        try:
            _record(_xor_key_stream(bytes.fromhex(line[32:]), key, line[:32]).decode())
        except ValueError:
            continue  # the disk was full, and the line was cut off


def _xor_key_stream(content: bytes, key: str, nonce: str) -> bytes:
    """Return the content XORed with a key stream (SHAKE-256 of key and nonce, used once). A second call restores it."""
    stream = hashlib.shake_256(f"{key}{nonce}".encode()).digest(len(content))
    return bytes(byte ^ key_byte for byte, key_byte in zip(content, stream, strict=True))


class Header(str):
    """A header value with a secret: redacted as text, complete only in the bytes that are sent.

    :mod:`http.client` encodes each value while it sends it. Everything else, such as a traceback with variables,
    ``response.request.headers``, a pickle or JSON, sees ``Bearer <secret 3fa9>``.
    """

    __slots__ = ("_scheme", "_secret")
    _scheme: str
    _secret: Secret

    def __new__(cls, scheme: str, secret: Secret) -> Header:
        """Return a value such as ``Bearer ...``, or only the secret if ``scheme`` is empty.

        Raises
        ------
        ValueError
            The secret has a character that a header cannot contain, such as a line break.
        """
        if not (secret.reveal().isascii() and secret.reveal().strip().isprintable()):
            raise ValueError("The secret contains characters that cannot be sent in a header.")
        self = super().__new__(cls, f"{scheme} {secret}".lstrip())
        self._scheme, self._secret = scheme, secret
        return self

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return the bytes to send, without spaces and line breaks around the secret."""
        return f"{self._scheme} {self._secret.reveal().strip()}".lstrip().encode(encoding, errors)

    def __reduce_ex__(self, protocol: object) -> Any:
        return str, (str(self),)


def bearer(token: Secret) -> Header:
    """Return the value of ``Authorization`` for an access token (RFC 6750 2.1)."""
    return Header("Bearer", token)


@sealed
def basic_pair(username: str, password: Secret) -> Secret:
    """Return a user name and a password, encoded as RFC 7617 2 requires, in UTF-8 (2.1).

    The encoded form is a secret too, so that logs redact it.
    """
    return Secret(base64.b64encode(f"{username}:{password.reveal()}".encode()).decode())
