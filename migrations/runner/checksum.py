"""The manifest of the revisions: the sha256 of each file, so that none is edited after its release.

`python -m migrations.runner.checksum` compares, `--write` writes it anew (for a revision that was
never released).
"""

import argparse
import hashlib
import sys
from pathlib import Path

VERSIONS = Path(__file__).resolve().parents[1] / "versions"
NAME = "manifest.sha256"


def digest(path: Path) -> str:
    """The sha256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def revision_files(versions: Path) -> list[Path]:
    """The revision files of a directory, in order."""
    return sorted(path for path in versions.glob("*.py") if path.name != "__init__.py")


def read_manifest(versions: Path) -> dict[str, str]:
    """File name to sha256, as the manifest has it; empty when there is no manifest."""
    path = versions / NAME
    if not path.exists():
        return {}
    lines = (line.split(maxsplit=1) for line in path.read_text().splitlines() if line.strip())
    return {name.lstrip("*"): value for value, name in lines}


def render_manifest(versions: Path) -> str:
    """The manifest as it should be, in the format of sha256sum (`sha256sum -c` reads it too)."""
    return "".join(f"{digest(path)}  {path.name}\n" for path in revision_files(versions))


def differences(versions: Path) -> list[str]:
    """What is wrong with the manifest, a sentence each; nothing when it is right."""
    wanted = {path.name: digest(path) for path in revision_files(versions)}
    manifest = read_manifest(versions)
    found = []
    for name in sorted(wanted.keys() | manifest.keys()):
        if name not in manifest:
            found.append(f"{name} is not in {NAME}")
        elif name not in wanted:
            found.append(f"{name} is in {NAME} but is gone")
        elif wanted[name] != manifest[name]:
            found.append(f"{name} was edited: its sha256 is not the one in {NAME}")
    return found


def main() -> int:
    """Compare or write the manifest.

    Returns:
        0, or 1 when files and manifest differ.
    """
    parser = argparse.ArgumentParser(prog="python -m migrations.runner.checksum")
    parser.add_argument("--write", action="store_true", help="accept the files as they are")
    parser.add_argument("--versions", type=Path, default=VERSIONS, help="directory of revisions")
    arguments = parser.parse_args()
    if arguments.write:
        (arguments.versions / NAME).write_text(render_manifest(arguments.versions))
    found = differences(arguments.versions)
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
