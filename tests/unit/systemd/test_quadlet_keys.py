"""Every key of every kind of Quadlet file, and the option it becomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocicore.systemd.quadlet.convert import convert_all, load_all
from ocicore.systemd.quadlet.keys import KEYS, SECTIONS
from ocicore.systemd.quadlet.paths import DropIns, quadlet_files
from ocicore.systemd.quadlet.service import Host, Service

#: What a file of each kind needs at least.
LEAST = {
    "container": "Image=localhost/x",
    "volume": "",
    "network": "",
    "image": "Image=localhost/x",
    "artifact": "Artifact=localhost/x",
    "build": "ImageTag=localhost/x\nSetWorkingDirectory=unit",
    "kube": "Yaml=/srv/pod.yaml",
    "pod": "",
}
ENGINE = "/opt/bin/pypod"


def services(folder: Path, files: dict[str, str], *, user: bool = False) -> dict[str, Service]:
    """Services by the file's name; complaints fail the test."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    places = [str(folder)]
    sources, problems = load_all(quadlet_files(places, SECTIONS), DropIns(places))
    made, more = convert_all(sources, Host(ENGINE, is_user=user))
    assert [str(problem) for problem in problems + more] == []
    return {service.source.name: service for service in made}


def words(service: Service, key: str = "ExecStart") -> list[str]:
    (found,) = [command.words for name, command in service.commands if name == key]
    return found


def has(line: list[str], *expected: str) -> bool:
    return any(line[at : at + len(expected)] == list(expected) for at in range(len(line)))


#: (section, key, lines, words that must follow one another); None: the words must not be there.
CASES = [
    ("Container", "AppArmor", "AppArmor=p", ("--security-opt", "apparmor=p")),
    ("Container", "AutoUpdate", "AutoUpdate=registry", ("--label", "io.containers.autoupdate=registry")),
    ("Container", "CgroupsMode", "CgroupsMode=enabled", ("--cgroups", "enabled")),
    ("Container", "ContainerName", "ContainerName=web", ("--name", "web")),
    ("Container", "AddCapability", "AddCapability=CAP_A B", ("--cap-add", "cap_a", "--cap-add", "b")),
    ("Container", "DropCapability", "DropCapability=ALL", ("--cap-drop", "all")),
    ("Container", "AddDevice", "AddDevice=/dev/null:/dev/x -/dev/gone", ("--device", "/dev/null:/dev/x")),
    ("Container", "Entrypoint", "Entrypoint=/bin/x", ("--entrypoint=/bin/x",)),
    ("Container", "Entrypoint", "Entrypoint=", ("--entrypoint=",)),
    ("Container", "EnvironmentFile", "EnvironmentFile=a.env /b.env", ("--env-file", "{folder}/a.env", "--env-file", "/b.env")),
    ("Container", "EnvironmentFile", "EnvironmentFile=%h/a.env", ("--env-file", "%h/a.env")),
    ("Container", "Environment", 'Environment=B=1 "A=two words" B=3 NAME', ("--env", "A=two words", "--env", "B=3", "--env", "NAME")),
    ("Container", "Exec", "Exec=sh -c 'a b' \\x41", ("localhost/x", "sh", "-c", "a b", "A")),
    ("Container", "ExposeHostPort", "ExposeHostPort=80-82/udp", ("--expose", "80-82/udp")),
    ("Container", "GlobalArgs", "GlobalArgs=--log-level debug", (ENGINE, "--log-level", "debug", "run")),
    ("Container", "ContainersConfModule", "ContainersConfModule=/m.conf", (ENGINE, "--module=/m.conf", "run")),
    ("Container", "Group", "User=1\nGroup=2", ("--user", "1:2")),
    ("Container", "User", "User=name", ("--user", "name")),
    ("Container", "Image", "", ("localhost/x",)),
    ("Container", "Mask", "Mask=/a:/b", ("--security-opt", "mask=/a:/b")),
    ("Container", "Unmask", "Unmask=ALL", ("--security-opt", "unmask=ALL")),
    ("Container", "Mount", "Mount=type=bind,src=./a,dst=/b", ("--mount", "type=bind,source={folder}/a,dst=/b")),
    ("Container", "Mount", "Mount=type=tmpfs,dst=/b", ("--mount", "type=tmpfs,dst=/b")),
    ("Container", "Mount", 'Mount="type=volume,dst=/b,\\"x,y\\""', ("--mount", 'type=volume,dst=/b,"x,y"')),
    ("Container", "NoNewPrivileges", "NoNewPrivileges=yes", ("--security-opt=no-new-privileges",)),
    ("Container", "Notify", "", ("--sdnotify=conmon",)),
    ("Container", "Notify", "Notify=yes", ("--sdnotify=container",)),
    ("Container", "Notify", "Notify=healthy", ("--sdnotify=healthy",)),
    ("Container", "PodmanArgs", 'PodmanArgs=--a "b c"', ("--a", "b c", "localhost/x")),
    ("Container", "Rootfs", "Image=\nRootfs=/srv/r", ("--rootfs", "/srv/r")),
    ("Container", "SeccompProfile", "SeccompProfile=/p.json", ("--security-opt", "seccomp=/p.json")),
    ("Container", "SecurityLabelDisable", "SecurityLabelDisable=on", ("--security-opt", "label=disable")),
    ("Container", "SecurityLabelNested", "SecurityLabelNested=1", ("--security-opt", "label=nested")),
    ("Container", "SecurityLabelType", "SecurityLabelType=t", ("--security-opt", "label=type:t")),
    ("Container", "SecurityLabelFileType", "SecurityLabelFileType=t", ("--security-opt", "label=filetype:t")),
    ("Container", "SecurityLabelLevel", "SecurityLabelLevel=s0", ("--security-opt", "label=level:s0")),
    ("Container", "VolatileTmp", "VolatileTmp=yes", ("--tmpfs", "/tmp:rw,size=512M,mode=1777")),
    ("Container", "ReadOnly", "ReadOnly=no", ("--read-only=false",)),
    ("Container", "RemapUsers", "RemapUsers=auto\nRemapUid=0:1:2\nRemapGid=3:4:5\nRemapUidSize=0x10", ("--userns", "auto:uidmapping=0:1:2,gidmapping=3:4:5,size=16")),
    ("Container", "RemapUid", "RemapUsers=keep-id\nRemapUid=7\nRemapGid=8", ("--userns", "keep-id:uid=7,gid=8")),
    ("Container", "RemapGid", "RemapUsers=manual\nRemapUid=0:1:2\nRemapGid=0:3:4", ("--uidmap", "0:1:2", "--gidmap", "0:3:4")),
    ("Container", "RemapUidSize", "RemapUsers=auto\nRemapUidSize=010", ("--userns", "auto:size=8")),
    ("Container", "Volume", "Volume=./a:/b:Z", ("-v", "{folder}/a:/b:Z")),
    ("Container", "Volume", "Volume=/only", ("-v", "/only")),
    ("Pod", "PodName", "PodName=p", ("--infra-name", "p-infra", "--name", "p")),
    ("Pod", "ExitPolicy", "", ("--exit-policy=stop",)),
    ("Pod", "ExitPolicy", "ExitPolicy=continue", ("--exit-policy=continue",)),
    ("Pod", "RemapUsers", "RemapUsers=auto", ("--userns", "auto")),
    ("Pod", "RemapUid", "RemapUsers=manual\nRemapUid=0:1:2", ("--uidmap", "0:1:2")),
    ("Pod", "RemapGid", "RemapUsers=manual\nRemapGid=0:1:2", ("--gidmap", "0:1:2")),
    ("Pod", "RemapUidSize", "RemapUsers=auto\nRemapUidSize=9", ("--userns", "auto:size=9")),
    ("Pod", "Volume", "Volume=/a:/b", ("-v", "/a:/b")),
    ("Pod", "GlobalArgs", "GlobalArgs=--x", (ENGINE, "--x", "pod")),
    ("Pod", "ContainersConfModule", "ContainersConfModule=m", (ENGINE, "--module=m", "pod")),
    ("Pod", "PodmanArgs", "PodmanArgs=--x y", ("--x", "y")),
    ("Volume", "Copy", "Copy=no", ("--opt", "nocopy")),
    ("Volume", "Copy", "Copy=yes", ("--opt", "copy")),
    ("Volume", "Device", "Device=/dev/a", ("--opt", "device=/dev/a")),
    ("Volume", "Type", "Device=/dev/a\nType=ext4", ("--opt", "type=ext4")),
    ("Volume", "Options", "Device=/dev/a\nOptions=ro", ("--opt", "o=ro")),
    ("Volume", "User", "User=5\nGroup=6", ("--opt", "o=uid=5,gid=6")),
    ("Volume", "Group", "Group=6", ("--opt", "o=gid=6")),
    ("Volume", "Image", "Driver=image\nImage=localhost/v", ("--opt", "image=localhost/v")),
    ("Volume", "VolumeName", "VolumeName=v", ("--ignore", "v")),
    ("Volume", "GlobalArgs", "GlobalArgs=--x", (ENGINE, "--x", "volume")),
    ("Volume", "ContainersConfModule", "ContainersConfModule=m", (ENGINE, "--module=m", "volume")),
    ("Volume", "PodmanArgs", "PodmanArgs=--x y", ("--x", "y", "systemd-it")),
    ("Network", "Subnet", "Subnet=10.0.0.0/8\nGateway=10.0.0.1\nIPRange=10.1.0.0/16", ("--subnet", "10.0.0.0/8", "--gateway", "10.0.0.1", "--ip-range", "10.1.0.0/16")),
    ("Network", "Gateway", "Subnet=10.0.0.0/8\nGateway=10.0.0.1", ("--gateway", "10.0.0.1")),
    ("Network", "IPRange", "Subnet=10.0.0.0/8\nIPRange=10.1.0.0/16", ("--ip-range", "10.1.0.0/16")),
    ("Network", "NetworkName", "NetworkName=n", ("--ignore", "n")),
    ("Network", "GlobalArgs", "GlobalArgs=--x", (ENGINE, "--x", "network")),
    ("Network", "ContainersConfModule", "ContainersConfModule=m", (ENGINE, "--module=m", "network")),
    ("Network", "PodmanArgs", "PodmanArgs=--x y", ("--x", "y", "systemd-it")),
    ("Image", "Image", "", ("image", "pull", "localhost/x")),
    ("Image", "GlobalArgs", "GlobalArgs=--x", (ENGINE, "--x", "image")),
    ("Image", "ContainersConfModule", "ContainersConfModule=m", (ENGINE, "--module=m", "image")),
    ("Image", "PodmanArgs", "PodmanArgs=--x y", ("--x", "y", "localhost/x")),
    ("Artifact", "Artifact", "", ("artifact", "pull", "localhost/x")),
    ("Artifact", "GlobalArgs", "GlobalArgs=--x", (ENGINE, "--x", "artifact")),
    ("Artifact", "ContainersConfModule", "ContainersConfModule=m", (ENGINE, "--module=m", "artifact")),
    ("Artifact", "PodmanArgs", "PodmanArgs=--x y", ("--x", "y", "localhost/x")),
    ("Build", "Pull", "Pull=newer", ("--pull=newer",)),
    ("Build", "File", "File=/srv/f", ("--file", "/srv/f")),
    ("Build", "SetWorkingDirectory", "SetWorkingDirectory=/srv/c\nFile=rel", ("--file", "rel", "/srv/c")),
    ("Build", "SetWorkingDirectory", "", ("{folder}",)),
    ("Build", "SetWorkingDirectory", "File=/srv/f\nSetWorkingDirectory=file", ("--file", "/srv/f")),
    ("Build", "SetWorkingDirectory", "SetWorkingDirectory=https://x.org/y.git", ("https://x.org/y.git",)),
    ("Build", "Volume", "Volume=/a:/b", ("-v", "/a:/b")),
    ("Build", "GlobalArgs", "GlobalArgs=--x", (ENGINE, "--x", "build")),
    ("Build", "ContainersConfModule", "ContainersConfModule=m", (ENGINE, "--module=m", "build")),
    ("Build", "PodmanArgs", "PodmanArgs=--x y", ("--x", "y")),
    ("Kube", "AutoUpdate", "AutoUpdate=registry web/local", ("--annotation=io.containers.autoupdate=registry", "--annotation=io.containers.autoupdate/web=local")),
    ("Kube", "ConfigMap", "ConfigMap=a.yml /b.yml", ("--configmap", "{folder}/a.yml", "--configmap", "/b.yml")),
    ("Kube", "ExitCodePropagation", "ExitCodePropagation=any", ("--service-exit-code-propagation=any",)),
    ("Kube", "LogOpt", "LogOpt=a=b", ("--log-opt", "a=b")),
    ("Kube", "RemapUsers", "RemapUsers=auto", ("--userns", "auto")),
    ("Kube", "RemapUid", "RemapUsers=keep-id\nRemapUid=7", ("--userns", "keep-id:uid=7")),
    ("Kube", "RemapGid", "RemapUsers=keep-id\nRemapGid=7", ("--userns", "keep-id:gid=7")),
    ("Kube", "RemapUidSize", "RemapUsers=auto\nRemapUidSize=9", ("--userns", "auto:size=9")),
    ("Kube", "Yaml", "Yaml=a.yml ./b.yml", ("{folder}/a.yml", "{folder}/b.yml")),
    ("Kube", "GlobalArgs", "GlobalArgs=--x", (ENGINE, "--x", "kube")),
    ("Kube", "ContainersConfModule", "ContainersConfModule=m", (ENGINE, "--module=m", "kube")),
    ("Kube", "PodmanArgs", "PodmanArgs=--x y", ("--x", "y", "/srv/pod.yaml")),
]  # fmt: skip
#: Keys whose work is not in the words of the command that makes the thing; the test that shows it.
ELSEWHERE = {
    ("Container", "Pod"): "test_pods_start_their_containers",
    ("Container", "StartWithPod"): "test_pods_start_their_containers",
    ("Container", "ReloadCmd"): "test_reloading",
    ("Container", "ReloadSignal"): "test_reloading",
    ("Container", "ServiceName"): "test_names",
    ("Pod", "ServiceName"): "test_names",
    ("Pod", "StopTimeout"): "test_pods_stop_in_time",
    ("Volume", "ServiceName"): "test_names",
    ("Network", "ServiceName"): "test_names",
    ("Network", "NetworkDeleteOnStop"): "test_networks_can_go_with_their_service",
    ("Image", "ServiceName"): "test_names",
    ("Image", "ImageTag"): "test_an_image_file_has_a_name_for_others",
    ("Artifact", "ServiceName"): "test_names",
    ("Build", "ServiceName"): "test_names",
    ("Kube", "ServiceName"): "test_names",
    ("Kube", "KubeDownForce"): "test_kube_files",
    ("Kube", "SetWorkingDirectory"): "test_kube_files",
    ("Quadlet", "DefaultDependencies"): "test_default_dependencies",
}


@pytest.mark.parametrize(("section", "key", "lines", "expected"), CASES, ids=lambda value: str(value)[:30])
def test_keys_of_their_own(
    tmp_path: Path, section: str, key: str, lines: str, expected: tuple[str, ...]
) -> None:
    kind = section.lower()
    folder = str(tmp_path)
    service = services(tmp_path, {f"it.{kind}": f"[{section}]\n{LEAST[kind]}\n{lines}\n"})[f"it.{kind}"]
    line = words(service, "ExecStartPre" if kind == "pod" else "ExecStart")
    assert has(line, *(word.replace("{folder}", folder) for word in expected)), line


_PLAIN = [
    (section, key, kind, option)
    for section, keys in KEYS.items()
    for key, (kind, option, _) in keys.items()
    if (section, key) not in ELSEWHERE and not any(case[:2] == (section, key) for case in CASES)
]


@pytest.mark.parametrize(("section", "key", "kind", "option"), _PLAIN)
def test_keys_that_are_an_option(tmp_path: Path, section: str, key: str, kind: str, option: str) -> None:
    assert option, f"{section}.{key} needs a test of its own"
    values = {
        "text": ([f"{key}=first", f'{key}="the last"'], (option, "the last")),
        "texts": ([f"{key}=forgotten", f"{key}=", f"{key}=a b", f"{key}=c"], (option, "a b", option, "c")),
        "flag": ([f"{key}=yes"], (option,)),
        "words": ([f"{key}=a\\b 'c d'", f"{key}=e"], (option, "a\\b", option, "c d", option, "e")),
        "args": ([f"{key}=a\\x41 'c d'"], (option, "aA", option, "c d")),
        "pairs": ([f"{key}=b=2 'a=1 1'", f"{key}=b=3"], (option, "a=1 1", option, "b=3")),
    }
    lines, expected = values[kind]
    file = section.lower()
    text = f"[{section}]\n{LEAST[file]}\n" + "\n".join(lines) + "\n"
    service = services(tmp_path, {f"it.{file}": text})[f"it.{file}"]
    command = "ExecStartPre" if file == "pod" else "ExecStart"
    assert has(words(service, command), *expected), words(service, command)
    if kind == "flag":
        text = text.replace("=yes", "=off")
        service = services(tmp_path, {f"it.{file}": text})[f"it.{file}"]
        assert f"{option}=false" in words(service, command)


def test_tests_name_what_they_leave_out() -> None:
    from unit.systemd import test_quadlet

    for test in ELSEWHERE.values():
        assert hasattr(test_quadlet, test), test
