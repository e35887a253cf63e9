"""The environments of the stores, each made when it is first needed, from pinned requirements."""

import subprocess
import sys
from pathlib import Path

_REQUIREMENTS = Path(__file__).parent / "requirements"


class EnvironmentFailed(Exception):
    """An environment could not be made; the text says why."""


def interpreter(environment: str | None, folder: Path) -> Path:
    """The Python that has what the environment's requirements name; it is made, or made anew, if they changed."""
    if environment is None:
        return Path(sys.executable)
    home, requirements = folder / environment, _REQUIREMENTS / f"{environment}.txt"
    stamp, python = home / "requirements.txt", home / "bin" / "python"
    if not stamp.exists() or stamp.read_bytes() != requirements.read_bytes():
        _uv("venv", "--clear", "--python", sys.executable, str(home))
        _uv("pip", "install", "--python", str(python), "--requirement", str(requirements))
        stamp.write_bytes(requirements.read_bytes())
    return python


def _uv(*arguments: str) -> None:
    ran = subprocess.run([sys.executable, "-m", "uv", "--quiet", *arguments], capture_output=True, text=True)
    if ran.returncode:
        raise EnvironmentFailed(f"uv {arguments[0]}: {ran.stderr.strip() or ran.stdout.strip()}")
