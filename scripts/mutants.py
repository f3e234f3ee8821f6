"""Changes the code in one place, runs the tests that run that place, and says what no test noticed.

Theory of operation: everything happens in a copy of the repository. Its tests are run once, folder
by folder, with coverage.py telling which test runs which lines; what came of it is kept in
build/mutants until a file that it depends on changes. Then a sample of all mutants is drawn, and
each is tried in a forked process, with the tests that run its line: those of the room's own folder
first, the quick ones before the slow ones, until one fails.

A change within a function is put in its place where all tests have been collected already. A line
that runs while its module is imported needs a process in which nothing has been imported yet; it
concerns all tests of that module and of those that import it.
"""

from __future__ import annotations

import argparse
import ast
import functools
import gc
import hashlib
import io
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import coverage
import hypothesis
import mutations
import pytest
from mutations import Mutant

ROOMS = ["pynat/nat", "pynat/router", "pynat/services", "pynat/lint", "pynat/impair"]
FOLDERS = [Path(room).name for room in ROOMS]  # of tests, or files
FOLDERS += ["inprocess", "link", "log", "engine", "net", "control", "testing"]
LEFT_OUT = (".git", ".venv", "build", "dist", "*.egg-info", "__pycache__", ".*_cache")
PATIENCE = 4  # times as long as the tests took when they were recorded
GRACE = 30  # seconds more
MEMORY = 2 << 30  # bytes; a mutant may fill a list without end
BROKEN = 70  # the status of a process that raised
RESULTS = {None: "timed out", 0: "survived", BROKEN: "not tried"}
LONG = 10.0  # seconds; tests that took longer are not asked
PYTEST = ["-q", "-x", "-p", "no:cacheprovider", "-o", "timeout=0", "--ignore-glob=*_day.py"]
PYTEST += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]


# ---------------------------------------------------------------------- which test runs which line
@dataclass
class Record:
    """What was seen of the tests of one folder."""

    seconds: dict[str, float] = field(default_factory=dict)  # by test
    lines: dict[str, dict[str, list[int]]] = field(default_factory=dict)  # by file, line: tests

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(json.dumps(vars(self)))
        new.replace(path)

    @classmethod
    def load(cls, path: Path) -> Record:
        return cls(**json.loads(path.read_text()))


class _Recorder:
    """pytest plugin: tells coverage which test runs, and keeps how long it took."""

    def __init__(self, measured: coverage.Coverage, record: Record) -> None:
        self._measured = measured
        self._record = record

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._measured.switch_context(item.nodeid)
        begin = time.perf_counter()
        yield
        self._record.seconds[item.nodeid] = time.perf_counter() - begin


def record_folder(tests: Path, package: str, kept: Path) -> int:
    """Run in a process of its own; pytest's status."""
    record = Record()
    measured = coverage.Coverage(data_file=None, include=[f"{package}/*"], config_file=False)
    measured.start()
    status = int(pytest.main([*PYTEST, str(tests)], plugins=[_Recorder(measured, record)]))
    measured.stop()
    number = {name: number for number, name in enumerate(record.seconds)}
    data = measured.get_data()
    for name in data.measured_files():
        record.lines[Path(name).relative_to(Path.cwd()).as_posix()] = {
            str(line): [number[test] for test in tests if test]  # none: it ran at an import
            for line, tests in data.contexts_by_lineno(name).items()
        }
    if not status:
        record.save(kept)
    return status


def fingerprint(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


# ---------------------------------------------------------------------- which tests may notice
class Suite:
    def __init__(self, package: Path, records: Sequence[Record]) -> None:
        self.seconds: dict[str, float] = {}
        self._tests: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for record in records:
            self.seconds.update(record.seconds)
            names = list(record.seconds)
            for path, lines in record.lines.items():
                for line, tests in lines.items():
                    self._tests[path][int(line)].update(names[test] for test in tests)
        self._importers = _importers(package)

    def of(self, mutant: Mutant) -> list[str]:
        """In the order in which to run them: those of its own room, then the others."""
        lines = self._tests[mutant.path]
        names = set().union(*(lines.get(line, ()) for line in mutant.lines))
        if mutant.function is None:
            files = [mutant.path, *self._importers.get(mutant.module, ())]
            names = {
                name for file in files for tests in self._tests[file].values() for name in tests
            }
        names = {name for name in names if self.seconds[name] < LONG}
        room = Path(mutant.path).parts[1]
        return sorted(names, key=lambda name: (not _is_in(name, room), self.seconds[name]))


def _is_in(test: str, room: str) -> bool:
    return Path(test).parts[1] == room


def _importers(package: Path) -> dict[str, set[str]]:
    """Which files name a module in an import."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            for module in _imported(node):
                found[module].add(path.as_posix())
    return found


def _imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [name.name for name in names]
        case ast.ImportFrom(module=str(module), names=names):
            return [module, *(f"{module}.{name.name}" for name in names)]
    return []


# ---------------------------------------------------------------------- one mutant
@dataclass(frozen=True)
class Trial:
    mutant: Mutant
    source: bytes
    tests: list[str]
    limit: float  # seconds


class _Loader(SourceFileLoader):
    def __init__(self, trial: Trial) -> None:
        super().__init__(trial.mutant.module, str(Path(trial.mutant.path).resolve()))
        self._source = trial.source

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = compile(self._source, self.path, "exec")
        return code


class _Finder(MetaPathFinder):
    def __init__(self, loader: _Loader) -> None:
        self._loader = loader

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._loader.name:
            return None
        return spec_from_file_location(fullname, self._loader.path, loader=self._loader)


class _Chosen:
    """pytest plugin: runs these tests of what was collected, in this order."""

    def __init__(self, names: Sequence[str]) -> None:
        self._place = {name: place for place, name in enumerate(names)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid in self._place]
        items.sort(key=lambda item: self._place[item.nodeid])


def import_and_test(trial: Trial) -> int:
    """Where nothing of the package has been imported; 0 when all tests pass."""
    sys.meta_path.insert(0, _Finder(_Loader(trial)))
    room = Path(trial.mutant.path).parts[1]
    for names in partition(trial.tests, lambda name: _is_in(name, room)):
        files = dict.fromkeys(name.partition("::")[0] for name in names)
        status = int(pytest.main([*PYTEST, *files], plugins=[_Chosen(names)])) if names else 0
        if status:
            return status
    return 0


def partition(names: Sequence[str], test: Callable[[str], bool]) -> tuple[list[str], list[str]]:
    return [name for name in names if test(name)], [name for name in names if not test(name)]


def swap_and_test(trial: Trial, session: pytest.Session) -> int:
    """Where all tests have been collected; 0 when those that are chosen pass."""
    swap(trial)
    items = {item.nodeid: item for item in session.items}
    chosen = [items[name] for name in trial.tests]
    for item, after in zip(chosen, [*chosen[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        if session.testsfailed:
            return 1
    return 0


def swap(trial: Trial) -> None:
    """Put the code of the changed function in its place, or raise."""
    mutant = trial.mutant
    path = str(Path(mutant.path).resolve())
    sys.meta_path.insert(0, _Finder(_Loader(trial)))  # for what is imported late
    (changed,) = (
        one for one in _codes(compile(trial.source, path, "exec")) if _is(one, mutant, path)
    )
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and _is(one.__code__, mutant, path):
            one.__code__ = changed


def _codes(code: CodeType) -> Iterator[CodeType]:
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield const
            yield from _codes(const)


def _is(code: CodeType, mutant: Mutant, path: str) -> bool:
    return code.co_filename == path and (code.co_name, code.co_firstlineno) == mutant.function


# ---------------------------------------------------------------------- processes
@dataclass(frozen=True)
class Task:
    name: str
    work: Callable[[], int]
    limit: float = float("inf")  # seconds

    @property
    def log(self) -> Path:
        return Path(f"{self.name.replace('/', '-')}.log")

    def failed(self) -> str:
        return f"{self.log.read_text()[-4000:]}\n{self.name}: tests fail as they are"


class _Interrupt:
    """Python loses what a signal raises in a destructor, so it is noted, too."""

    came = False

    def on_signal(self, number: int, frame: object) -> None:
        self.came = True
        raise KeyboardInterrupt


_INTERRUPT = _Interrupt()


def run_all(tasks: Sequence[Task], jobs: int) -> Generator[tuple[int, int | None]]:
    """(number of the task, its status; None when it took too long), as they end."""
    fork = multiprocessing.get_context("fork")
    waiting = list(enumerate(tasks))[::-1]
    running: dict[int, tuple[BaseProcess, float]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                number, task = waiting.pop()
                process: BaseProcess = fork.Process(
                    target=_in_process, args=(task.log, task.work), daemon=True
                )
                process.start()
                _lead_a_group(process.pid)
                running[number] = process, time.monotonic() + task.limit
            if _INTERRUPT.came:
                raise KeyboardInterrupt
            soonest = min(end for _, end in running.values()) - time.monotonic()
            pause = max(0.0, min(soonest, 1.0))
            wait([process.sentinel for process, _ in running.values()], pause)
            for number, (process, end) in [*running.items()]:
                late = time.monotonic() >= end
                if process.is_alive() and not late:
                    continue
                _end(process)
                del running[number]
                yield number, None if late else process.exitcode
    finally:
        for process, _ in running.values():
            _end(process)


def _lead_a_group(pid: int | None) -> None:
    """Both ends see to it, for neither knows which is first."""
    with suppress(ProcessLookupError, PermissionError):
        os.setpgid(pid or 0, 0)


def _in_process(log: Path, work: Callable[[], int]) -> None:
    _lead_a_group(0)  # Ctrl-C is for the parent alone
    file = os.open(log, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    for descriptor in range(3):
        os.dup2(file, descriptor)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    status = BROKEN
    try:
        status = work()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _end(process: BaseProcess) -> None:
    """With all that it started."""
    if process.pid is not None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.join()


# ---------------------------------------------------------------------- the pass
@dataclass(frozen=True)
class Order:
    root: Path
    package: str
    folders: list[str]
    places: list[str]  # files or folders, or file:line
    count: int
    seed: int
    jobs: int
    bound: float  # per cent


def main(order: Order) -> int:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _INTERRUPT.on_signal)
    hypothesis.settings.register_profile("mutants", derandomize=True, database=None, deadline=None)
    hypothesis.settings.load_profile("mutants")
    with tempfile.TemporaryDirectory() as copy:
        where = Path(copy) / "copy"
        shutil.copytree(order.root, where, ignore=shutil.ignore_patterns(*LEFT_OUT))
        os.chdir(where)
        sys.path.insert(0, str(where))
        try:
            return _pass(order)
        except KeyboardInterrupt:
            sys.exit("interrupted")
        finally:
            os.chdir(order.root)


def _pass(order: Order) -> int:
    chosen, total = sample(order)
    suite = Suite(Path(order.package), recorded(order))
    results: Counter[str] = Counter()
    out = sys.stdout  # also while pytest's goes elsewhere

    def tell(mutant: Mutant, result: str) -> None:
        results[result] += 1
        if result not in ("killed", "timed out"):
            before = Path(mutant.path).read_bytes()
            print(f"{mutant}: {result}\n{mutant.diff(before)}", file=out, flush=True)

    try:
        judge(chosen, suite, order, tell)
    except KeyboardInterrupt:
        print("interrupted; so far:")
    done = results.total()
    share = 100 * (results["survived"] + results["not run by a test"]) / max(1, done)
    parts = ", ".join(f"{number} {result}" for result, number in sorted(results.items()))
    print(f"{done} of {total} mutants, seed {order.seed}: {parts}; {share:.1f} % live")
    if done < len(chosen):
        return 2
    if share > order.bound:
        print(f"more than {order.bound:g} % live")
        return 1
    return 0


def sample(order: Order) -> tuple[list[Mutant], int]:
    """The mutants to try, and of how many."""
    found = [one for place in order.places for one in _mutants_at(place)]
    if not found:
        sys.exit(f"no mutants in {' '.join(order.places)}, expected a file, file:line or folder")
    drawn = random.Random(order.seed).sample(found, len(found))
    out: list[Mutant] = []
    for mutant in drawn:
        if len(out) == order.count:
            break
        if mutations.compiles(mutant.source(Path(mutant.path).read_bytes())):
            out.append(mutant)
    return sorted(out, key=lambda one: (one.path, one.at)), len(found)


def _mutants_at(place: str) -> list[Mutant]:
    name, _, line = place.partition(":")
    path = Path(name)
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path] * path.is_file()
    found = [one for file in files for one in mutations.mutants(file.as_posix(), file.read_bytes())]
    return [one for one in found if not line or one.line == int(line)]


def recorded(order: Order) -> list[Record]:
    """One for each folder of tests."""
    helpers = [path for path in Path("tests").glob("*.py") if not path.match("test_*")]
    package = fingerprint([*Path(order.package).rglob("*.py"), *helpers])
    kept = order.root / "build" / "mutants"
    tasks, paths = [], []
    for name in order.folders:
        folder = Path("tests") / name
        own = fingerprint(path for path in (folder, *folder.rglob("*")) if path.is_file())
        path = kept / f"{name}-{package}-{own}.json"
        paths.append(path)
        if not path.exists():
            record = functools.partial(record_folder, folder, order.package, path)
            tasks.append(Task(str(folder), record))
    if tasks:
        print(f"recording which test runs which line, in {len(tasks)} folders")
    with closing(run_all(tasks, order.jobs)) as results:
        for number, status in results:
            if status:
                sys.exit(tasks[number].failed())
    for old in set(kept.glob("*.json")) - set(paths):
        old.unlink()
    return [Record.load(path) for path in paths]


def _recording(folder: Path, package: str, kept: Path) -> Callable[[], int]:
    return lambda: record_folder(folder, package, kept)


Tell = Callable[[Mutant, str], None]


def judge(chosen: list[Mutant], suite: Suite, order: Order, tell: Tell) -> None:
    trials = []
    for mutant in chosen:
        tests = suite.of(mutant)
        source = mutant.source(Path(mutant.path).read_bytes())
        limit = GRACE + PATIENCE * sum(suite.seconds[name] for name in tests)
        if tests:
            trials.append(Trial(mutant, source, tests, limit))
        else:
            tell(mutant, "not run by a test")
    attempt([one for one in trials if not one.mutant.function], import_and_test, order.jobs, tell)
    swapping = _Swapping([one for one in trials if one.mutant.function], order.jobs, tell)
    folders = [f"tests/{name}" for name in order.folders]
    with redirect_stdout(io.StringIO()) as said:
        status = pytest.main([*PYTEST, "-s", *folders], plugins=[swapping])
    if status == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if status:
        sys.exit(said.getvalue())


class _Swapping:
    """pytest plugin: tries these instead of running what was collected."""

    def __init__(self, trials: list[Trial], jobs: int, tell: Tell) -> None:
        self._trials = trials
        self._jobs = jobs
        self._tell = tell

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        def test(trial: Trial) -> int:
            return swap_and_test(trial, session)

        attempt(self._trials, test, self._jobs, self._tell)
        return True


def attempt(trials: list[Trial], test: Callable[[Trial], int], jobs: int, tell: Tell) -> None:
    if not trials:
        return
    first = trials[0]  # its tests pass with the source as it is, or the way of trying is wrong
    unchanged = replace(first, source=Path(first.mutant.path).read_bytes())
    tasks = [
        Task(f"trial-{number}", functools.partial(test, trial), trial.limit)
        for number, trial in enumerate([unchanged, *trials])
    ]
    with closing(run_all(tasks, jobs)) as results:
        for number, status in results:
            if number:
                tell(trials[number - 1].mutant, RESULTS.get(status, "killed"))
            elif status != 0:
                raise RuntimeError(tasks[0].failed())


def order_from(argv: Sequence[str]) -> Order:
    parser = argparse.ArgumentParser(
        prog="mutants", description="Say which changes of the code no test notices."
    )
    parser.add_argument(
        "places", nargs="*", default=ROOMS, metavar="FILE[:LINE]|FOLDER", help="what to change"
    )
    parser.add_argument("--count", type=int, default=200, help="how many mutants to try")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--bound", type=float, default=10, help="per cent that may live")
    asked = parser.parse_args(argv)
    root = Path(__file__).resolve().parents[1]
    return Order(root, "pynat", FOLDERS, **vars(asked))


if __name__ == "__main__":
    sys.exit(main(order_from(sys.argv[1:])))
