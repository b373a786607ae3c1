"""Manifests are what Kubernetes reads, no pod has a right it does not need, and regions load."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ruamel.yaml import YAML

from prober.config import Region, check_region, load_region
from prober.discovery import describe
from prober.evaluator.alerts.channels import load as load_channels
from tests.conftest import ROOT

Document = dict[str, Any]
MANIFESTS = ROOT / "regions" / "kubernetes"
REGIONS = sorted(path.stem for path in (ROOT / "regions").glob("*.yaml") if path.stem != "compose")
BUILDS = [*REGIONS, "evaluator"]
#: Of the image.
USER = 10001
#: A loop that stands still for a moment is waited for.
PATIENCE_S = 30
#: Of the nodes that the profile is for.
ARCHITECTURES = ("amd64", "arm64")
SANDBOX_CALLS = {"clone", "unshare", "chroot"}


def documents(path: Path) -> list[Document]:
    return [document for document in YAML(typ="safe").load_all(path.read_text()) if document]


def merged(base: Any, patch: Any) -> Any:
    """A strategic merge: null takes away, lists of named things are merged by name."""
    if isinstance(base, dict) and isinstance(patch, dict):
        found = base | {key: merged(base.get(key), value) for key, value in patch.items()}
        return {key: value for key, value in found.items() if value is not None}
    if isinstance(base, list) and isinstance(patch, list) and all("name" in each for each in patch):
        new = {each["name"]: each for each in patch}
        old = [merged(each, new.pop(each["name"], {})) for each in base]
        return [*new.values(), *old]
    return patch


def build(directory: Path, *components: str) -> list[Document]:
    """What kustomize would make of a directory; of its abilities, those that are used here."""
    plan = documents(directory / "kustomization.yaml")[0]
    found: list[Document] = []
    for name in plan.pop("resources", []):
        path = directory / name
        found += build(path) if path.is_dir() else documents(path)
    for component in components:
        found = [patched(each, MANIFESTS / component) for each in found]
    for generated in plan.pop("configMapGenerator", []):
        data = {name: (directory / name).read_text() for name in generated["files"]}
        meta = {"name": generated["name"]}
        found.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data})
    for each in found:
        if namespace := plan.get("namespace"):
            own = "name" if each["kind"] == "Namespace" else "namespace"
            each["metadata"][own] = namespace
        for added in plan.get("labels", []):
            assert set(added) == {"pairs", "includeTemplates"}
            for place in (each, each.get("spec", {}).get("template")):
                if place:
                    place["metadata"].setdefault("labels", {}).update(added["pairs"])
    assert set(plan) <= {"apiVersion", "kind", "namespace", "labels"}, (
        "kustomize can more than this"
    )
    return found


def patched(document: Document, component: Path) -> Document:
    for patch in documents(component / "kustomization.yaml")[0]["patches"]:
        (change,) = documents(component / patch["path"])
        if (change["kind"], change["metadata"]["name"]) == (
            document["kind"],
            document["metadata"]["name"],
        ):
            document = merged(document, change)
    return document


@cache
def built(name: str, *components: str) -> list[Document]:
    return build(MANIFESTS / name, *components)


def only(kind: str, name: str, *components: str) -> Document:
    (found,) = [each for each in built(name, *components) if each["kind"] == kind]
    return found


def pod(name: str, *components: str) -> Document:
    spec: Document = only("Deployment", name, *components)["spec"]["template"]["spec"]
    return spec


def container(name: str, *components: str) -> Document:
    (found,) = pod(name, *components)["containers"]
    assert isinstance(found, dict)
    return found


def model(document: Mapping[str, str]) -> Any:
    """Kubernetes' own type for a document."""
    group, _, version = document["apiVersion"].rpartition("/")
    module = f"{(group or 'core').split('.')[0]}_{version}"
    return getattr(importlib.import_module(f"lightkube.models.{module}"), document["kind"])


# What is applied


@pytest.mark.parametrize("name", BUILDS)
def test_kubernetes_reads_every_document_and_leaves_nothing_out(name: str) -> None:
    for document in built(name):
        read = msgspec.convert(document, model(document))
        kept = msgspec.to_builtins(read) | {key: document[key] for key in ("apiVersion", "kind")}
        assert kept == document


def test_a_field_that_kubernetes_does_not_know_or_of_another_type_is_found() -> None:
    deployment = only("Deployment", "evaluator")
    strange = merged(deployment, {"spec": {"template": {"spec": {"readOnlyRoot": True}}}})
    assert msgspec.to_builtins(msgspec.convert(strange, model(strange))) != strange
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(merged(deployment, {"spec": {"replicas": "1"}}), model(deployment))


@pytest.mark.parametrize(
    ("name", "components"),
    [*((name, ()) for name in BUILDS), (REGIONS[0], ("no-sandbox",))],
)
def test_kustomize_builds_the_same(name: str, components: tuple[str, ...], tmp_path: Path) -> None:
    kubectl = shutil.which("kubectl")
    if not kubectl:
        pytest.skip("no kubectl on this machine: what it builds is compared where it is")
    home = shutil.copytree(MANIFESTS, tmp_path / "kubernetes")
    with (home / name / "kustomization.yaml").open("a") as plan:
        plan.write("".join(f"components: [../{component}]\n" for component in components))
    command = [kubectl, "kustomize", str(home / name)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = re.sub(r"\b(region|channels)-[0-9a-z]{10}\b", r"\1", done.stdout)  # hashes of files
    theirs = [each for each in YAML(typ="safe").load_all(text) if each]

    def key(each: Document) -> tuple[str, str]:
        return each["kind"], each["metadata"]["name"]

    assert sorted(theirs, key=key) == sorted(built(name, *components), key=key)


@pytest.mark.parametrize("name", BUILDS)
def test_whatever_is_named_is_there(name: str) -> None:
    template = only("Deployment", name)["spec"]["template"]
    claim = only("PersistentVolumeClaim", name)
    service = only("Service", name)
    volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
    mounts = {mount["name"] for mount in container(name)["volumeMounts"]}
    assert volumes["data"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert mounts == set(volumes)
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    chosen = template["metadata"]["labels"].items()
    for selector in (
        only("Deployment", name)["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
        only("NetworkPolicy", name)["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector.items() <= chosen
    (port,) = container(name)["ports"]
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    assert len({each["metadata"].get("namespace") for each in built(name)} - {None}) == 1


# What a pod may do


@pytest.mark.parametrize("name", BUILDS)
def test_a_pod_has_no_right_that_it_does_not_need(name: str) -> None:
    spec = pod(name)
    own, security = spec["securityContext"], container(name)["securityContext"]
    assert own["runAsNonRoot"] is True
    assert own["runAsUser"] == own["runAsGroup"] == own["fsGroup"] == USER
    assert own["seccompProfile"] == {"type": "RuntimeDefault"}
    assert security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert not security.get("privileged")
    assert spec["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(spec)
    assert not any("hostPath" in volume for volume in spec["volumes"])
    labels = only("Namespace", name)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("name", BUILDS)
def test_two_of_them_never_write_one_journal_and_a_run_is_given_time_to_end(name: str) -> None:
    spec = only("Deployment", name)["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}
    assert pod(name)["terminationGracePeriodSeconds"] == 60


@pytest.mark.parametrize("name", BUILDS)
def test_only_a_loop_that_stands_still_restarts_a_pod(name: str) -> None:
    found = container(name)
    for probe in ("livenessProbe", "startupProbe"):
        assert found[probe]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert found["readinessProbe"]["httpGet"]["path"] == "/readyz"
    liveness = found["livenessProbe"]
    assert liveness["periodSeconds"] * liveness["failureThreshold"] >= PATIENCE_S


@pytest.mark.parametrize("name", BUILDS)
def test_a_pod_says_what_it_takes(name: str) -> None:
    resources = container(name)["resources"]
    for kind in ("requests", "limits"):
        assert set(resources[kind]) == {"cpu", "memory"}
    if name in REGIONS:
        assert resources["requests"] == resources["limits"], "no neighbour changes what is measured"


@pytest.mark.parametrize("name", BUILDS)
def test_a_pod_reaches_no_private_network_but_what_it_must(name: str) -> None:
    policy = only("NetworkPolicy", name)["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert all(rule.get("from") for rule in policy["ingress"])
    for rule in policy["egress"]:
        assert rule["ports"]
        for peer in rule.get("to", []):
            if block := peer.get("ipBlock"):
                barred = {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"}
                assert barred <= set(block["except"]) or ":" in block["cidr"]


@pytest.mark.parametrize("name", BUILDS)
def test_no_secret_is_written_down(name: str) -> None:
    assert not [each for each in built(name) if each["kind"] == "Secret"]
    for variable in container(name)["env"]:
        secret = re.search("TOKEN|PASSWORD|SECRET", variable["name"])
        assert not secret or variable["name"].endswith("_FILE") or "valueFrom" in variable


# Chromium's sandbox


@pytest.mark.parametrize("name", REGIONS)
def test_an_agents_browser_has_its_sandbox_by_a_profile_on_the_node(name: str) -> None:
    profile = container(name)["securityContext"]["seccompProfile"]
    assert profile == {"type": "Localhost", "localhostProfile": "prober/chromium.json"}


@pytest.mark.parametrize("name", REGIONS)
def test_where_nodes_have_no_profile_the_sandbox_is_off_and_nothing_else_is_laxer(
    name: str,
) -> None:
    changed, plain = container(name, "no-sandbox"), container(name)
    assert {"name": "PROBER_SANDBOX", "value": "off"} in changed["env"]
    assert [each for each in changed["env"] if each["name"] != "PROBER_SANDBOX"] == plain["env"]
    without = {"seccompProfile": {"type": "RuntimeDefault"}}
    assert changed["securityContext"] == plain["securityContext"] | without
    deployment = only("Deployment", name, "no-sandbox")
    read = msgspec.convert(deployment, model(deployment))
    assert msgspec.to_builtins(read) == deployment


def flattened(profile: Document) -> Document:
    """A profile for Docker as Kubernetes' runtimes read it: without conditions on capabilities."""
    arches = [
        each for each in profile["archMap"] if re.search("X86_64|AARCH64", each["architecture"])
    ]
    named = [[each["architecture"], *each.get("subArchitectures", ())] for each in arches]
    return {
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile["defaultErrnoRet"],
        "architectures": [name for names in named for name in names],
        "syscalls": [
            {key: rule[key] for key in ("names", "action", "errnoRet", "args") if key in rule}
            for rule in profile["syscalls"]
            if holds(rule.get("includes", {})) and not excluded(rule.get("excludes", {}))
        ],
    }


def holds(wanted: Document) -> bool:
    arches = wanted.get("arches", ARCHITECTURES)
    return not wanted.get("caps") and bool({*arches} & {*ARCHITECTURES})


def excluded(unwanted: Document) -> bool:
    return bool({*unwanted.get("arches", ())} & {*ARCHITECTURES})


def profile() -> Document:
    found: Document = json.loads((MANIFESTS / "seccomp.json").read_text())
    return found


def allowed(found: Document) -> Iterator[str]:
    """What may be called with any arguments."""
    for rule in found["syscalls"]:
        if rule["action"] == "SCMP_ACT_ALLOW" and not rule.get("args"):
            yield from rule["names"]


def test_the_profile_is_that_of_the_image_in_the_form_that_nodes_read() -> None:
    ours = json.loads((ROOT / "regions" / "seccomp.json").read_text())
    assert profile() == flattened(ours), "write it anew: json.dumps(flattened(…))"


def test_the_profile_lets_the_sandbox_be_made_and_nothing_that_takes_a_capability() -> None:
    assert profile()["defaultAction"] == "SCMP_ACT_ERRNO"
    calls = set(allowed(profile()))
    assert calls >= SANDBOX_CALLS
    assert not calls & {"mount", "bpf", "setns", "init_module", "reboot", "swapon", "keyctl"}


# Region files


def mounted(name: str, directory: Path, **secrets: str) -> dict[str, str]:
    """The environment of a pod whose secrets are files of a directory."""
    for secret, value in secrets.items():
        (directory / secret).write_text(f"{value}\n")
    given = {each["name"]: each.get("value", "") for each in container(name)["env"]}
    return {
        key: str(directory / Path(value).name)
        for key, value in given.items()
        if key.endswith("_FILE")
    }


def region(name: str, tmp_path: Path, **environ: str) -> Region:
    """The region as a pod would load it, its secrets in files."""
    names = ("shop_user", "shop_password", "token")
    files = mounted(name, tmp_path, **{secret: f"the {secret}" for secret in names})
    return load_region(MANIFESTS / name / f"{name}.yaml", {**files, **environ})


@pytest.mark.parametrize("name", REGIONS)
def test_a_regions_file_loads_with_secrets_from_files(name: str, tmp_path: Path) -> None:
    found = region(name, tmp_path)
    assert found.secrets["shop_password"].get_secret_value() == "the shop_password"
    header = found.otlp[0].headers["authorization"]
    assert header.get_secret_value() == "Bearer the token"
    assert list(found.fleet) == REGIONS
    assert check_region(found, describe(ROOT / "journeys")) == []


@pytest.mark.parametrize("name", REGIONS)
def test_a_region_and_its_pod_agree(name: str, tmp_path: Path) -> None:
    found, shape = region(name, tmp_path), container(name)
    mounts = {mount["name"]: mount["mountPath"] for mount in shape["volumeMounts"]}
    assert str(found.data) == mounts["data"]
    assert found.listen
    assert found.listen.port == shape["ports"][0]["containerPort"]
    assert found.sandbox == "on"
    assert region(name, tmp_path, PROBER_SANDBOX="off").sandbox == "off"
    assert int(shape["resources"]["limits"]["cpu"]) == 2 * found.concurrency
    labels = only("Deployment", name)["spec"]["template"]["metadata"]["labels"]
    told = only("ConfigMap", name)["data"]
    assert labels["prober.region"] == name
    assert shape["args"] == ["agent", "regions/$(REGION).yaml"]
    assert list(told) == [f"{name}.yaml"]


def test_agents_send_to_the_evaluator_that_is_there(tmp_path: Path) -> None:
    service = only("Service", "evaluator")
    host = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc"
    port = service["spec"]["ports"][0]["port"]
    for name in REGIONS:
        assert region(name, tmp_path).otlp[0].endpoint == f"http://{host}:{port}"


# Who is told


def test_the_evaluator_reads_the_channels_of_its_config_map() -> None:
    volumes = {volume["name"]: volume for volume in pod("evaluator")["volumes"]}
    mounts = {mount["name"]: mount for mount in container("evaluator")["volumeMounts"]}
    told = only("ConfigMap", "evaluator")
    assert volumes["channels"]["configMap"]["name"] == told["metadata"]["name"]
    assert told["metadata"]["namespace"] == only("Deployment", "evaluator")["metadata"]["namespace"]
    assert mounts["channels"]["readOnly"] is True
    (file,) = told["data"]
    assert f"--channels={mounts['channels']['mountPath']}/{file}" in container("evaluator")["args"]


def test_its_channels_load_as_they_stand_and_their_example_takes_its_address_from_the_secret(
    tmp_path: Path,
) -> None:
    (text,) = only("ConfigMap", "evaluator")["data"].values()
    assert text == (ROOT / "regions" / "alerts" / "channels.yaml").read_text(), "those of compose"
    file = tmp_path / "channels.yaml"
    file.write_text(text)
    assert load_channels(file, {}).ways == {}
    wanted = "https://hooks.example/a-path-that-nobody-knows"
    files = mounted("evaluator", tmp_path, token="any", oncall_webhook=wanted)
    file.write_text(
        re.sub(r"^#(?! \S)", "", text.replace("channels: {}\n", ""), flags=re.MULTILINE)
    )
    found = load_channels(file, files)
    assert found.default == "oncall"
    assert [way.url for way in found.ways["oncall"]] == [wanted]


def test_there_is_an_overlay_for_each_region() -> None:
    overlays = {path.parent.name for path in MANIFESTS.glob("*/kustomization.yaml")}
    assert overlays - {"base", "evaluator", "no-sandbox"} == set(REGIONS)
