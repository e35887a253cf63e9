"""The environments of the stores, each made when it is first needed, from pinned requirements."""

import subprocess
import sys
from pathlib import Path

_REQUIREMENTS = Path(__file__).parent / "requirements"


class EnvironmentFailed(Exception):
    """An environment could not be made; the text says why."""


def interpreter(environment: str | None, folder: Path) -> Path:
    """The Python that has what the environment's requirements name; it is made if it is missing or they changed."""
    if environment is None:
        return Path(sys.executable)
    home, requirements = folder / environment, _REQUIREMENTS / f"{environment}.txt"
    stamp, python = home / "made-of.txt", home / "bin" / "python"
    made_of = f"Python {sys.version}\n{requirements.read_text()}"
    if not stamp.exists() or stamp.read_text() != made_of:
        _uv("venv", "--clear", "--python", sys.executable, str(home))
        _uv("pip", "install", "--python", str(python), "--requirement", str(requirements))
        stamp.write_text(made_of)
    return python


def _uv(*arguments: str) -> None:
    ran = subprocess.run([sys.executable, "-m", "uv", "--quiet", *arguments], capture_output=True, text=True)
    if ran.returncode:
        raise EnvironmentFailed(f"uv {arguments[0]}: {ran.stderr.strip() or ran.stdout.strip()}")
