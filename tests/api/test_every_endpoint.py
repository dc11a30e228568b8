"""Every operation of Box's description in one line, against a server that offers what the description says.

``python -m pytest tests/api/test_every_endpoint.py -v`` prints the table: the operation, and the line that reaches it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pandas as pd
import pytest
import requests
from described import OPERATIONS, ROWS, Described, Operation, described

import boxnb
from boxnb import oauth
from boxnb.secret import Secret

SIGNING_IN: dict[str, Callable[[boxnb.Box], object]] = {
    "get /authorize": lambda box: (
        requests.get(oauth.authorization_url(box.profile.client, state="a" * 20), timeout=10).text
    ),
    "post /oauth2/token": lambda box: oauth.exchange_code(box.profile.client, Secret("code")),
    "post /oauth2/token#refresh": lambda box: oauth.refresh(box.profile.client, Secret("refresh")),
    "post /oauth2/revoke": lambda box: oauth.revoke(box.profile.client, Secret("access")),
}
"""The four operations of the sign-in, which ``boxnb.sign_in``, every call and ``boxnb.sign_out`` make."""


@pytest.fixture(scope="module")
def server_and_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Described, boxnb.Box]]:
    """Yield one server for all operations, because none of them changes anything there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOXNB_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        with described() as (server, box):
            yield server, box


def line(operation: Operation) -> str:
    """Return the line of Python that calls an operation; ``body`` is a body as in the description."""
    if operation.name in SIGNING_IN:
        return "a function of boxnb.oauth"
    arguments = [repr(operation.path)]
    kind, _ = operation.body()
    headers = operation.required("header")
    as_frame = operation.is_listing and kind in ("", "application/json") and not headers
    if as_frame and operation.method != "get":
        arguments.append(f"method={operation.method.upper()!r}")
    if kind.endswith("json"):
        arguments.append("json=body")
    elif kind.startswith("multipart"):
        arguments.append("files={'file': ('a.txt', b'content')}")
    elif kind:
        arguments.append("data=b'content'")
    if kind == "application/octet-stream":
        headers["Content-Type"] = kind
    if headers:
        arguments.append(f"headers={headers!r}")
    query = operation.required("query")
    arguments += [f"{name}={value!r}" for name, value in query.items()]
    return f"box.{'frame' if as_frame else operation.method}({', '.join(arguments)})"


@pytest.mark.parametrize(
    "operation", OPERATIONS, ids=[f"{entry.name} - {line(entry)}" for entry in OPERATIONS]
)
def test_every_operation_is_reached_in_one_line(
    server_and_box: tuple[Described, boxnb.Box], operation: Operation
) -> None:
    """The line sends what the description requires, and returns what the server sent: all rows of a listing."""
    server, box = server_and_box
    server.problems.clear()
    if operation.name in SIGNING_IN:
        SIGNING_IN[operation.name](box)
        assert not server.problems
        assert operation.name in server.reached
        return
    result = eval(line(operation), {"box": box, "body": operation.body()[1]})
    assert not server.problems
    assert operation.name in server.reached
    status, kind, schema = operation.answer
    if isinstance(result, pd.DataFrame):
        assert (len(result), result.attrs["complete"]) == (ROWS, True)
    elif kind not in ("", "application/json"):
        assert result == b"\x89bytes"
    elif status in (202, 204) or schema is None:
        assert result is None or isinstance(result, dict)
    else:
        assert isinstance(result, dict)


def test_the_table_has_every_path_of_the_description() -> None:
    """The description has 186 paths and 293 operations, and three more with PATCH."""
    names = [operation.name for operation in OPERATIONS]
    assert len({operation.template for operation in OPERATIONS}) == 186
    assert len([name for name in names if not name.startswith("patch")]) == 293
    assert len(names) == 296
    assert len([name for name in names if re.search(r" /(authorize|oauth2)", name)]) == len(SIGNING_IN)
