"""Measure the views of a large enterprise in a real JupyterLab and browser: ``make bench-views`` (``ARGS="--runs 5"``).

The large company has 50,000 users, 5,000 folders and 200,000 files. The owners have invited the admin, so that one walk sees
all files. The tree is measured with another folder of 20,000 files. Each run has a new kernel and a new browser window. Times
are measured in the page, from the click or the start of the cell until the browser has painted the result.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import requests

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "browser"), str(HERE.parent / "support")]

from person import Person  # noqa: E402
from running import Lab, browser, fresh_window, jupyterlab, written_notebook  # noqa: E402
from signing import sign_in  # noqa: E402
from test_explore import output_of  # noqa: E402

import boxnb.sandbox  # noqa: E402
from boxnb.sandbox import Sandbox  # noqa: E402
from boxnb.sandbox.server.company.generated import Rows, Size  # noqa: E402

PROFILE, FOLDER, COPIES, WAIT = "bench", "00 frames", 20_000, 300_000
OPENING = f"""import boxnb
from boxnb.api import rate_limit
from boxnb.widgets import charts, views
rate_limit.LIMITS["general"] = rate_limit.Limit(10**9)  # the sandbox's limits are off
box = boxnb.connect({PROFILE!r})"""
WALK = "files = box.tree()"
TABLE = "views.table(files)"
MAP = "chart = charts.treemap(files)\nchart"
TREE = "tree = views.folders(box)\ntree"
LARGEST = """data = chart.data[(chart.data["kind"] == "folder") & (chart.data["parent"] == "") & (chart.data["id"] != "")]
print(*data.nlargest(1, "bytes")[["id", "name"]].iloc[0])"""
KERNEL_PART = """import time
started = time.perf_counter()
charts.treemap(files)._repr_mimebundle_()
print(time.perf_counter() - started)"""

GOALS = {
    "treemap: drawn, the page's first": 3.0,
    "treemap: drawn again": 3.0,
    "tree: first rows of 20,000": 2.0,
}

# Runs in the page: from now, or from the next event of this kind, until the condition holds and another frame is painted.
STOPWATCH = """() => {{ const watch = window.bench = {{ from: {event} ? 0 : performance.now(), to: 0 }};
    if ({event}) document.addEventListener({event}, () => {{ watch.from ||= performance.now() }}, {{ capture: true, once: true }});
    const all = selector => document.querySelectorAll('.jp-NotebookPanel:not(.lm-mod-hidden) ' + selector);
    const look = () => {{
        if (watch.from && ({holds})) requestAnimationFrame(() => setTimeout(() => {{ watch.to = performance.now() }}));
        else requestAnimationFrame(look) }};
    look() }}"""
RUN = """number => { const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = number; window.jupyterapp.commands.execute('notebook:run-cell').catch(() => {}) }"""
CLEAR = """number => { const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = number; window.jupyterapp.commands.execute('notebook:clear-cell-output').catch(() => {}) }"""
DONE = """number => { const model = window.jupyterapp.shell.currentWidget.content.widgets[number].model;
    return model.executionCount !== null && (model.executionState ?? 'idle') === 'idle' }"""
SCROLL = """selector => new Promise(done => { const body = document.querySelector(selector), times = [];
    const step = now => { times.push(now); body.scrollTop += 300;
        if (times.length <= 120) requestAnimationFrame(step);
        else done(times.slice(1).map((time, index) => time - times[index]).sort((first, second) => first - second)) };
    requestAnimationFrame(step) })"""
ROWS, WAITING = "all('.bxt-rows .bxt-row:not(.bxt-wait)').length", "all('.bxt-rows .bxt-wait').length"
SETTLED = f"{ROWS} && !{WAITING}"


class Bench:
    """A person in front of a notebook, and the measured figures, in seconds unless their names say otherwise."""

    def __init__(self, person: Person, results: dict[str, list[float]]) -> None:
        self.person, self.page, self.results = person, person.page, results
        self.session = person.window.new_cdp_session(person.page)
        self.session.send("Performance.enable")

    def time(self, name: str, act: Callable[[], Any], holds: str, event: str = "") -> None:
        """Act, and note the time until `holds` is true in the page, from now or from `event` if one is given."""
        self.page.evaluate(STOPWATCH.format(event=repr(event), holds=holds))
        act()
        self.page.wait_for_function("window.bench.to", timeout=WAIT)
        self.note(name, float(self.page.evaluate("window.bench.to - window.bench.from")) / 1000)

    def run(self, number: int) -> None:
        """Start a cell."""
        self.page.evaluate(RUN, number)

    def finish(self, number: int) -> None:
        """Run a cell to its end."""
        self.run(number)
        self.page.wait_for_function(DONE, arg=number, timeout=WAIT)

    def assert_no_errors(self) -> None:
        """Fail if a cell has failed."""
        errors = self.person[
            ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr'], .jp-mod-error"
        ]
        assert not errors.count(), errors.first.inner_text()

    def note(self, name: str, value: float) -> None:
        """Add a figure to the results."""
        self.results[name].append(value)

    def memory(self, view: str, kernel: int) -> None:
        """Note the kernel's resident memory, and the page's JavaScript heap after a garbage collection."""
        self.session.send("HeapProfiler.collectGarbage")
        metrics = {
            metric["name"]: metric["value"]
            for metric in self.session.send("Performance.getMetrics")["metrics"]
        }
        self.note(f"{view}: kernel, MB", psutil.Process(kernel).memory_info().rss / 1e6)
        self.note(f"{view}: JavaScript heap, MB", metrics["JSHeapUsedSize"] / 1e6)


def table(bench: Bench, cell: int, count: int) -> None:
    """Measure the first rows, two sorts, search, filters, scrolling and the last row."""
    page, count_text = bench.page, "all('.bxt-count')[0].textContent"
    bench.time("table: first rows", lambda: bench.run(cell), ROWS)
    view = bench.person[".bxt"].first

    def sorted_by(name: str) -> str:
        return f"all('[aria-sort=ascending]')[0]?.textContent.includes('{name}') && {SETTLED}"

    for name in ("name", "size"):
        button = view.locator(f"button[data-column='{name}']")
        bench.time(f"table: sort by {name}", button.click, sorted_by(name), "click")
    search, sizes = view.get_by_label("Search all text"), view.get_by_label("Filter size", exact=True)
    some_rows, all_rows = (
        f"{count_text}.includes(' of ') && {SETTLED}",
        f"{count_text} === '{count:,} rows' && {SETTLED}",
    )
    bench.time("table: search, first", lambda: search.fill("4242"), some_rows, "input")
    before = view.locator(".bxt-count").inner_text()
    fewer = f"{count_text} !== '{before}' && {some_rows}"
    bench.time("table: search, a letter more", lambda: search.fill("4242."), fewer, "input")
    bench.time("table: search cleared", lambda: search.fill(""), all_rows, "input")
    bench.time("table: filter size > 50 kB", lambda: sizes.fill("> 50 kB"), some_rows, "input")
    bench.time("table: filter cleared", lambda: sizes.fill(""), all_rows, "input")
    dates = view.get_by_label("Filter content_created_at", exact=True)
    bench.time("table: filter a date by part, first", lambda: dates.fill("-03-"), some_rows, "input")
    before = view.locator(".bxt-count").inner_text()
    bench.time(
        "table: filter a date, a letter more",
        lambda: dates.fill("-03-1"),
        f"{count_text} !== '{before}' && {some_rows}",
        "input",
    )
    bench.time("table: that filter cleared", lambda: dates.fill(""), all_rows, "input")
    frames = page.evaluate(SCROLL, ".bxt-body")
    bench.note("table: scrolling, a frame", statistics.median(frames) / 1000)
    bench.note("table: scrolling, the longest frame", max(frames) / 1000)
    end = f"all('[aria-rowindex=\"{count}\"]:not(.bxt-wait)').length && {SETTLED}"
    bench.time("table: to the last row", lambda: to_the_end(bench, ".bxt-body"), end, "scroll")
    bench.note("table: rows in the page", view.locator(".bxt-rows .bxt-row").count())


def to_the_end(bench: Bench, body: str) -> None:
    """Scroll to the end."""
    bench.person[body].first.evaluate("body => { body.scrollTop = body.scrollHeight }")


def treemap(bench: Bench, cell: int) -> None:
    """Measure the first treemap with the loading of plotly, the next one, and opening a folder."""
    tiles = "all('.treemaplayer .slice').length > 100"
    bench.time("treemap: drawn, the page's first", lambda: bench.run(cell), tiles)
    bench.page.evaluate(CLEAR, cell)
    bench.page.wait_for_function("() => !document.querySelector('.treemaplayer')")
    bench.time("treemap: drawn again", lambda: bench.run(cell), tiles)
    slices = bench.person[".js-plotly-plot .treemaplayer .slice"]
    bench.note("treemap: tiles on screen", slices.count())
    bench.page.evaluate(
        "document.querySelector('.js-plotly-plot').on('plotly_animated', () => { window.benchDown = true })"
    )
    largest, name = output_of(bench.page, LARGEST).strip().split(maxsplit=1)
    header = slices.filter(has_text=name).first.locator(".surface")
    down = (
        f"window.benchDown && document.querySelector('.js-plotly-plot')._fullData[0].level === 'i{largest}'"
    )
    bench.time(
        "treemap: one folder down, animated", lambda: header.click(position={"x": 8, "y": 8}), down, "click"
    )


def tree(bench: Bench, cell: int) -> None:
    """Measure the top level, opening a folder of 20,000 files, scrolling and searching."""
    rows, status = "all('.bxf-row')", "all('.bxf-bar span')[0].textContent"
    bench.time("tree: top level of 1,001", lambda: bench.run(cell), f"{rows}.length > 5")
    view = bench.person[".bxf"].first
    twist = view.locator(".bxf-row").filter(has_text=FOLDER).locator(".bxf-twist")
    first = f"[...{rows}].filter(row => row.textContent.includes('frame 0')).length > 5"
    twist.wait_for()
    bench.time("tree: first rows of 20,000", twist.click, first, "click")
    started = bench.page.evaluate("window.bench.from")
    complete = f"{status}.startsWith('21,0') && !all('.bxf-note').length"
    bench.page.evaluate(STOPWATCH.format(event="''", holds=complete))
    bench.page.wait_for_function("window.bench.to", timeout=WAIT)
    bench.note("tree: all 20,000", (bench.page.evaluate("window.bench.to") - started) / 1000)
    frames = bench.page.evaluate(SCROLL, ".bxf-body")
    bench.note("tree: scrolling, a frame", statistics.median(frames) / 1000)
    bench.note("tree: scrolling, the longest frame", max(frames) / 1000)
    search = view.get_by_label("Search open folders")
    bench.time("tree: search", lambda: search.fill("frame 19999"), f"{status} === '1 found'", "input")
    bench.time("tree: search cleared", lambda: search.fill(""), f"{status}.startsWith('21,0')", "input")
    bench.note("tree: rows in the page", view.locator(".bxf-row").count())


class Company:
    """The large company, whose admin is signed in and can see all content."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, token = sandbox, sign_in(sandbox, PROFILE).token
        assert token is not None
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["Authorization"] = f"Bearer {token.access_token.reveal()}"
        self.admin = self.call("GET", "/users/me")["id"]

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Make one call as the admin and return the decoded response."""
        response = self.http.request(method, f"{self.sandbox.url}/2.0{path}", timeout=60, **options)
        response.raise_for_status()
        return response.json()

    def invite(self) -> None:
        """Let each owner of a top-level folder invite the admin. Inactive owners become active first."""
        rows = Rows(Size(events=0))
        users = {user["login"]: user for user in rows("users")}
        for folder in rows("folders"):
            owner = users[folder["owner"]] if folder["parent_id"] == "0" else None
            if owner is None or owner["id"] == self.admin:
                continue
            if owner["status"] == "inactive":
                self.sandbox.change_user(owner["login"], status="active")
            invitation = {
                "item": {"type": "folder", "id": folder["id"]},
                "accessible_by": {"type": "user", "id": self.admin},
                "role": "viewer",
            }
            self.call("POST", "/collaborations", json=invitation, headers={"As-User": owner["id"]})

    def fill(self) -> None:
        """Create a folder of the admin with 20,000 copies of a file."""
        folder = self.call("POST", "/folders", json={"name": FOLDER, "parent": {"id": "0"}})["id"]
        for number in range(COPIES):
            copy = {"name": f"frame {number:05}.png", "parent": {"id": folder}}
            self.call("POST", f"/files/{Rows.file_id(0)}/copy", json=copy)


@contextmanager
def notebook_window(
    lab: Lab, results: dict[str, list[float]], name: str, cells: list[str]
) -> Iterator[Bench]:
    """Yield a notebook with a new kernel in a new browser window."""
    path = written_notebook(lab, f"{name}.ipynb", cells)
    with browser() as chromium, fresh_window(chromium) as window:
        person = Person(window, lab, path)
        yield Bench(person, results)
        person.page.evaluate("async () => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")


def explore(lab: Lab, results: dict[str, list[float]], number: int) -> None:
    """Measure the walk, the table and the treemap."""
    with notebook_window(lab, results, f"explore-{number}", [OPENING, WALK, TABLE, MAP]) as bench:
        bench.finish(0)
        bench.time("walk: box.tree()", lambda: bench.run(1), f"({DONE})(1)")
        bench.assert_no_errors()
        kernel, rows = map(int, output_of(bench.page, "import os\nprint(os.getpid(), len(files))").split())
        bench.note("walk: rows walked", rows)
        bench.memory("walk", kernel)
        table(bench, 2, rows)
        bench.memory("table", kernel)
        bench.page.evaluate(CLEAR, 2)
        treemap(bench, 3)
        bench.memory("treemap", kernel)
        bench.note("treemap: tiles in all", int(output_of(bench.page, "print(len(chart.data))")))
        bench.note("treemap: the kernel's part, again", float(output_of(bench.page, KERNEL_PART)))


def open_folder(lab: Lab, results: dict[str, list[float]], number: int) -> None:
    """Measure the tree."""
    with notebook_window(lab, results, f"open-{number}", [OPENING, TREE]) as bench:
        bench.finish(0)
        kernel = int(output_of(bench.page, "import os\nprint(os.getpid())"))
        bench.memory("tree, before", kernel)
        tree(bench, 1)
        bench.memory("tree", kernel)
        bench.note("tree: calls", int(output_of(bench.page, "print(box.session.ledger.calls)")))


NOT_SECONDS = ("MB", "rows in the page", "calls", "tiles in all", "tiles on screen", "rows walked")


def print_results(results: dict[str, list[float]]) -> None:
    """Print all figures, in seconds unless their names say otherwise."""
    print(f"\n{'seconds, if not stated':<38}{'median':>9}{'(range)':>18}{'goal':>6}")
    for name, values in results.items():
        decimals = 0 if name.endswith(NOT_SECONDS) else 3 if name.endswith("frame") else 2
        low, median, high = (
            f"{value:,.{decimals}f}" for value in (min(values), statistics.median(values), max(values))
        )
        goal = f"{GOALS[name]:.0f}" if name in GOALS else ""
        print(f"{name:<38}{median:>9}{f'({low}-{high})':>18}{goal:>6}")


def load() -> str:
    """Return the number of cores and the load of the last minute."""
    return f"{os.cpu_count()} cores, load {psutil.getloadavg()[0]:.1f}"


def main() -> None:
    """Measure the views from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--views", default="explore,tree")
    options = parser.parse_args()
    results: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"BOXNB_HOME": str(Path(folder) / "home"), "NO_PROXY": "127.0.0.1,localhost"}
        with (
            boxnb.sandbox.start(private=True, world="large", limits="off", events=100) as sandbox,
            jupyterlab(Path(folder) / "lab") as lab,
        ):
            company = Company(sandbox)
            company.invite()
            if "explore" in options.views:
                for number in range(options.runs):
                    print(load(), flush=True)
                    explore(lab, results, number)
            if "tree" in options.views:
                company.fill()
                for number in range(options.runs):
                    print(load(), flush=True)
                    open_folder(lab, results, number)
            print(load())
    print_results(results)


if __name__ == "__main__":
    main()
