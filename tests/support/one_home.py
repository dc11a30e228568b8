"""One home folder for all tests of a module, for modules whose tests read one sandbox. Import the fixture to use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from boxnb.api import rate_limit


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield the home folder. The rate limit is so high that no call waits for it."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOXNB_HOME", str(folder))
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        patch.setitem(rate_limit.LIMITS, "general", rate_limit.Limit(1_000_000))
        yield folder
