"""deploy/docker: the compose file parses and names files that exist; the image gets what an installation needs."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from callbridge.cli import _parser
from callbridge.settings.loading import load
from tests.deploy.files import DEPLOY, PROMETHEUS, ROOT

FOLDER = DEPLOY / "docker"


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((FOLDER / "compose.yaml").read_text()))


def dockerfile() -> list[str]:
    return (FOLDER / "Dockerfile").read_text().splitlines()


def test_the_compose_file_has_the_services_and_its_files_exist() -> None:
    services = compose()["services"]
    assert {"callbridge", "redis", "prometheus", "grafana"} <= set(services)
    named = set(compose()["volumes"])
    for name, service in services.items():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in named or (FOLDER / source).resolve().exists(), f"{name}: {source}"
        if "build" in service:
            context = (FOLDER / service["build"]["context"]).resolve()
            assert context == ROOT
            assert (context / service["build"]["dockerfile"]).is_file()


def test_every_server_keeps_to_loopback() -> None:
    services = compose()["services"]
    assert {service["network_mode"] for service in services.values()} == {"host"}
    assert "ports" not in {key for service in services.values() for key in service}
    for name, said in (("redis", "127.0.0.1"), ("prometheus", "--web.listen-address=127.0.0.1:9090")):
        assert said in services[name]["command"]
    assert services["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"


def test_prometheus_finds_its_rules_where_they_are_mounted() -> None:
    (mount, *_) = compose()["services"]["prometheus"]["volumes"]
    assert (FOLDER / mount.split(":")[0]).resolve() == PROMETHEUS
    files = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["rule_files"]
    assert all((PROMETHEUS / name).is_file() for name in files)


def test_what_the_image_copies_exists_and_is_let_through() -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [line.split()[1:-1] for line in dockerfile() if line.startswith("COPY ") and "--from" not in line]
    sources = {source for each in copied for source in each}
    assert sources == let_through
    assert all((ROOT / source).exists() for source in sources)


def test_the_container_runs_as_nobody_special_and_starts_a_command_that_exists() -> None:
    assert "USER callbridge" in dockerfile()
    command = re.findall(r'"([^"]+)"', next(line for line in dockerfile() if line.startswith("CMD")))
    options = _parser().parse_args(command)
    assert options.config == Path("/etc/callbridge/callbridge.yaml")


def test_every_container_of_ours_is_read_only_and_has_no_capability() -> None:
    services = compose()["services"]
    ours = {name: service for name, service in services.items() if "build" in service}
    assert set(ours) == {"callbridge", "rescue"}
    for name, service in ours.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name
        assert all(volume.endswith(":ro") for volume in service["volumes"] if volume.startswith((".", "/"))), name
    pair = yaml.safe_load((FOLDER / "pair.yaml").read_text())["services"]
    assert not {"read_only", "cap_drop", "security_opt", "privileged"} & {key for one in pair.values() for key in one}


def test_the_pair_is_the_same_service_twice_at_two_addresses_and_rescue_knows_of_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = yaml.safe_load((FOLDER / "pair.yaml").read_text())["services"]
    assert services["standby"]["extends"] == {"file": "compose.yaml", "service": "callbridge"}
    for name in ("ari", "ami"):
        monkeypatch.setenv(f"CALLBRIDGE_{name.upper()}_{'PASSWORD' if name == 'ari' else 'SECRET'}", "a secret of the test")
    (tmp_path / "callbridge").symlink_to(ROOT / "config")
    addresses = set()
    for service in services.values():
        (mount,) = service["volumes"]
        source, target, _ = mount.split(":")
        command = "rescue" if service is services["rescue"] else "serve"
        assert service["command"] == [command, "-c", target]
        config = tmp_path / "pair.yaml"  # beside the folder of the example, as in the container
        config.write_text((FOLDER / source).read_text())
        for name, value in service["environment"].items():
            monkeypatch.setenv(name, value)
        settings = load(config)
        assert settings.standby is not None
        if command == "rescue":
            assert settings.redis is not None, "where the lease is that a rescue looks at"
            continue
        assert settings.standby.address == f"http://127.0.0.1:{settings.http.port}"
        addresses.add(settings.standby.address)
    assert len(addresses) == 2
