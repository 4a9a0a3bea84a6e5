"""What a developer runs: `nox -s tests`, or `nox -l` for the list."""

from __future__ import annotations

import nox

nox.options.sessions = ["lint", "tests"]
nox.options.reuse_existing_virtualenvs = True

ONEDNN = "onednn-devel-cpu-gomp==2023.2.0"  # as in pyproject.toml


@nox.session
def tests(session: nox.Session) -> None:
    """Install the package and run every test."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Format, lint, types, spelling."""
    session.install("pre-commit")
    session.run("pre-commit", "run", "--all-files", "--show-diff-on-failure")


@nox.session
def tidy(session: nox.Session) -> None:
    """clang-tidy over the library, built by g++."""
    lint = nox.project.load_toml()["project"]["optional-dependencies"]["lint"]
    session.install(*lint, "cmake>=3.24", "ninja", ONEDNN)
    session.run("cmake", "--preset", "release", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")
    folder = session.run("g++", "-print-file-name=include", external=True, silent=True)
    extra = ["-extra-arg=-idirafter", f"-extra-arg={str(folder).strip()}"]  # for omp.h
    session.run("run-clang-tidy.py", "-quiet", "-p", "build/release", *extra, "src/.*")


@nox.session
def stubs(session: nox.Session) -> None:
    """Write the stubs of the native module anew."""
    session.install(".[test]")
    session.run("python", "tests/stubs.py", "--write")


@nox.session
def asan(session: nox.Session) -> None:
    """The C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer."""
    sanitized(session, "asan")


@nox.session
def tsan(session: nox.Session) -> None:
    """The C++ tests under ThreadSanitizer."""
    sanitized(session, "tsan")


def sanitized(session: nox.Session, preset: str) -> None:
    session.install("cmake>=3.24", "ninja", ONEDNN)
    session.run("cmake", "--preset", preset)
    session.run("cmake", "--build", "--preset", preset)
    session.run("ctest", "--preset", preset)


@nox.session
def bench(session: nox.Session) -> None:
    """Compare with PyTorch: `nox -s bench -- --workload digits`."""
    session.install(".", "torch")
    session.run("python", "-m", "benchmarks", *session.posargs)
