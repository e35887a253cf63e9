"""What lies in `deploy/`: it cannot be built here, so each file is read as its program would read it."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ithaca.config import NAMES, PASSWORD_FILE
from ithaca.sources import OF_THE_SERVICE
from tests.cli.running import PROGRAM

CHECKOUT = Path(__file__).parents[2]
DEPLOY = CHECKOUT / "deploy"
SETTINGS = {*NAMES.values(), PASSWORD_FILE, *OF_THE_SERVICE}


def instructions(file: Path) -> list[tuple[str, str]]:
    """A Dockerfile's instructions, each with what it is given."""
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    return [
        (each[0], each[1])
        for line in "\n".join(lines).replace("\\\n", " ").splitlines()
        if (each := line.split(None, 1))
    ]


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not there")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "ithaca.service").read_text()
    unit = tmp_path / "ithaca.service"
    unit.write_text(text.replace("/opt/ithaca/bin/ithaca", PROGRAM))
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    ours = [line for line in verified.stderr.splitlines() if "ithaca.service" in line]
    assert (verified.returncode, ours) == (0, [])


@pytest.mark.parametrize("name", ["ithaca.service", "Dockerfile", "compose.yaml"])
def test_each_setting_is_one(name: str) -> None:
    named = set(re.findall(r"ITHACA_[A-Z_]+", (DEPLOY / name).read_text()))
    assert named
    assert named <= SETTINGS


def test_the_image_is_made_of_what_is_there() -> None:
    steps = instructions(DEPLOY / "Dockerfile")
    assert steps[0] == ("FROM", "python:3.13-slim AS build")
    known = {"FROM", "WORKDIR", "RUN", "COPY", "ENV", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in steps} == known
    copied = [given.split()[:-1] for name, given in steps if name == "COPY" and not given.startswith("--from=build ")]
    assert all((CHECKOUT / source).exists() for sources in copied for source in sources)
    ignored = (CHECKOUT / ".dockerignore").read_text().splitlines()
    assert {f"!{source}" for sources in copied for source in sources} - {"!requirements/"} <= set(ignored)


def test_the_image_runs_ithaca_and_not_as_root() -> None:
    steps = dict(instructions(DEPLOY / "Dockerfile"))  # the last of each
    assert steps["USER"] == "10001:10001"
    assert json.loads(steps["ENTRYPOINT"]) + json.loads(steps["CMD"]) == ["ithaca", "serve"]
    options, _, check = steps["HEALTHCHECK"].partition(" CMD ")
    assert shlex.split(options)
    program, flag, code = json.loads(check)
    assert (program, flag) == ("python", "-c")
    compile(code, "healthcheck", "exec")
    assert "/readyz" in code


def test_the_two_services_fit_together(compose: Any) -> None:
    ithaca, postgres = compose["services"]["ithaca"], compose["services"]["postgres"]
    assert (CHECKOUT / "deploy" / ithaca["build"]["context"] / ithaca["build"]["dockerfile"]).resolve().exists()
    assert ithaca["command"] == ["serve", "--workers", "2"]
    assert (ithaca["read_only"], ithaca["cap_drop"]) == (True, ["ALL"])
    assert ithaca["ports"] == ["127.0.0.1:8421:8421"]
    given = postgres["environment"]
    url = f"postgresql://{given['POSTGRES_USER']}@postgres/{given['POSTGRES_DB']}"
    assert ithaca["environment"]["ITHACA_DATABASE_URL"] == url
    for service in (ithaca, postgres):
        assert set(service["secrets"]) <= set(compose["secrets"])
        files = [value for name, value in service["environment"].items() if name.endswith("_FILE")]
        assert {f"/run/secrets/{name}" for name in service["secrets"]} == set(files)
        assert not [name for name in service["environment"] if name.endswith(("PASSWORD", "SECRET_KEY"))]
    assert {mount.partition(":")[0] for mount in postgres["volumes"]} == set(compose["volumes"])
    assert ithaca["depends_on"]["postgres"]["condition"] == "service_healthy"
