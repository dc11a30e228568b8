"""Secrets that cannot be printed, and the token pair of one response.

People see a fingerprint: the first four hex digits of the SHA-256 of the value. Two tokens with different
fingerprints differ, so rotation is visible while the token is not.
"""

from __future__ import annotations

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
    """Whether a text can be written and sent: half a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def clean(error: BaseException, handled: BaseException | None = None) -> None:
    """Empty the variables of all finished calls in an error's traceback and in those of the errors behind it.

    The lines stay. Libraries hold the bytes of a request in variables, and ``%xmode Verbose``, rich, pytest and error
    trackers print them. What was being ``handled`` before belongs to somebody else and stays as it is.
    """
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is handled or id(one) in seen:
            continue
        seen.add(id(one))
        traceback.clear_frames(one.__traceback__)
        # Of json and of simplejson, which requests uses where it is installed.
        if isinstance(getattr(one, "doc", None), str | bytes):
            vars(one)["doc"] = ""  # the whole text: a profile, or an answer with tokens
        if isinstance(one, UnicodeDecodeError):
            one.args, one.object = (*one.args[:1], b"", *one.args[2:]), b""
        behind = [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
        behind += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        waiting += [each for each in behind if isinstance(each, BaseException)]


@contextmanager
def cleaning() -> Iterator[None]:
    """Let no error leave this block with variables of the calls in it; interrupts are errors, too."""
    handled = sys.exception()
    try:
        yield
    except BaseException as error:
        clean(error, handled)
        raise


P = ParamSpec("P")
R = TypeVar("R")


def sealed(function: Callable[P, R]) -> Callable[P, R]:
    """Let no error leave a function with its variables or arguments: see :func:`clean`."""

    @functools.wraps(function)
    def call(*given: P.args, **options: P.kwargs) -> R:
        handled = sys.exception()
        try:
            return function(*given, **options)
        except BaseException as error:
            del given, options
            clean(error, handled)
            raise

    return call


def fingerprint(text: str) -> str:
    """Four hex digits that tell one secret from another without revealing either."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:4]


KNOWN = 1000
_known: dict[str, None] = {}


def _remember(value: str) -> None:
    """Keep what must not be written down, so that :mod:`boxnb.redaction` knows it wherever it turns up."""
    if not value:
        return
    if _known.pop(value, value) is value:
        _hand_over(value)
    _known[value] = None  # at the end: a secret in use is not forgotten for others that came later
    while len(_known) > KNOWN:
        _known.pop(next(iter(_known)), None)


def known() -> tuple[str, ...]:
    """The last thousand secrets this process held, oldest first: for masking only."""
    return tuple(_known)


class Secret:
    """Text that masks itself wherever Python might write it down.

    ``repr``, ``str``, ``format`` and notebook display give ``<secret 3fa9>``; JSON, pickle, ``copy`` of a
    dataclass by ``asdict`` raise ``TypeError``. Only :meth:`reveal` gives the text, and only the code that
    sends it or stores it calls that.
    """

    __slots__ = ("__value",)

    @sealed
    def __init__(self, value: str | Secret) -> None:
        text = value.reveal() if isinstance(value, Secret) else value
        if not isinstance(text, str):  # a number would break the masking of every text of this process
            raise TypeError(f"A secret is text, not a value of type {type(text).__name__}.")
        self.__value: str = text
        if is_utf8(text):  # what cannot be written need not be masked
            _remember(text)

    def reveal(self) -> str:
        """The text itself."""
        return self.__value

    @property
    def fingerprint(self) -> str:
        """Four hex digits, see :func:`fingerprint`; no call has the value in a variable."""
        return self.digest[:4]

    @property
    def digest(self) -> str:
        """The SHA-256 of the value, hex: to know a spent token again without keeping it."""
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
        raise TypeError("A secret is not copied or serialised; only the profile's store writes it.")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        self.__refuse()

    def __deepcopy__(self, memo: object) -> NoReturn:
        self.__refuse()


HANDED = "BOXNB_RUN_SECRETS"
"""Names, in a notebook that ``python -m boxnb run`` executes, the file and the key for what only its kernel knows."""


def _hand_over(value: str) -> None:
    """Let the run that started this process know a secret, so that its page, log and mail are masked with it.

    The line is useless without the key, which only the two processes hold: nothing is left in clear after a kill.
    """
    file, _, key = os.environ.get(HANDED, "").rpartition(":")
    if not file:
        return
    try:
        nonce = secrets.token_hex(16)
        line = f"{nonce}{_scrambled(value.encode(), key, nonce).hex()}\n"
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        warnings.warn(
            f"The run cannot learn a secret of this notebook ({error.strerror}): its page may show it.",
            stacklevel=4,
        )


def take_over(file: Path, key: str) -> None:
    """Remember the secrets that the processes of a run handed over."""
    for line in file.read_text(encoding="ascii", errors="replace").split():
        try:
            _remember(_scrambled(bytes.fromhex(line[32:]), key, line[:32]).decode())
        except ValueError:
            continue  # a line that was cut off by a full disk


def _scrambled(content: bytes, key: str, nonce: str) -> bytes:
    """The content under a key stream that is used once (SHAKE-256 of key and nonce); twice gives it back."""
    stream = hashlib.shake_256(f"{key}{nonce}".encode()).digest(len(content))
    return bytes(one ^ other for one, other in zip(content, stream, strict=True))


class Header(str):
    """The value of a header that carries a secret: masked as text, whole only as the bytes that are sent.

    :mod:`http.client` encodes each value while it sends it. Whatever else looks at the request, a traceback with
    variables, ``response.request.headers``, a pickle, JSON, sees ``Bearer <secret 3fa9>``.
    """

    __slots__ = ("_scheme", "_secret")
    _scheme: str
    _secret: Secret

    def __new__(cls, scheme: str, secret: Secret) -> Header:
        """A value such as ``Bearer ...``.

        Raises
        ------
        ValueError
            The secret holds what no header can carry, such as a line break.
        """
        if not (secret.reveal().isascii() and secret.reveal().strip().isprintable()):
            raise ValueError("The secret holds characters that cannot be sent in a header.")
        self = super().__new__(cls, f"{scheme} {secret}")
        self._scheme, self._secret = scheme, secret
        return self

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """The bytes to send; blanks and line ends around the secret are left out."""
        return f"{self._scheme} {self._secret.reveal().strip()}".encode(encoding, errors)

    def __reduce_ex__(self, protocol: object) -> Any:
        return str, (str(self),)


def bearer(token: Secret) -> Header:
    """The value of ``Authorization`` for an access token (RFC 6750 2.1)."""
    return Header("Bearer", token)
