"""Quadlet files by the hundred, and what two generators make of them brought to one form."""

from __future__ import annotations

import random
from pathlib import Path

from ocicore.systemd.quadlet.keys import KEYS
from ocicore.systemd.quoting import split
from ocicore.systemd.unit_file import parse

#: The newest podman whose keys are used when files are made for a real generator.
NEWEST = (5, 4)
#: Values that the keys want; others get a plain word.
_VALUES = {
    "AddDevice": ["/dev/null", "/dev/zero:/dev/z:rw", "-/dev/nothing-there", "/dev/full /dev/random"],
    "AddHost": ["db:10.1.2.3", "web:host-gateway"],
    "AutoUpdate": ["registry", "local"],
    "ExposeHostPort": ["80", "1000-1010", "53/udp"],
    "Subnet": ["10.5.0.0/16"],
    "IP": ["10.5.0.9"],
    "IP6": ["fd46::9"],
    "Mount": [
        "type=tmpfs,destination=/scratch",
        "type=bind,source=/srv/a,destination=/a",
        "type=bind,src=./rel,destination=/a,ro",
        "type=volume,source=data.volume,destination=/v",
        '"type=image,source=localhost/x:1,destination=/with space"',
        "type=volume,source=plain,destination=/v type=ramfs,destination=/r",
    ],
    "Notify": ["yes", "no", "healthy", "true"],
    "Volume": ["/srv/x:/x", "data.volume:/data:Z", "plain:/p:ro", "/anonymous", "./here:/here", "%h/y:/y"],
    "PodmanArgs": ["--memory 100m", '--label "a b=c d"', "--env=A=1 --env=B=2"],
    "GlobalArgs": ["--log-level=debug", "--transient-store --syslog"],
    "Environment": ["A=1 B=2", '"C=with blank" D=\'single "double"\'', "E=%h F=$HOME", r"G=tab\there", "A=3"],
    "Label": ["a=b", '"c=d e"', "x=$y", "app=web tier=front"],
    "Annotation": ["org.x=1", '"org.y=two words"'],
    "Exec": ["sleep 100", 'sh -c "echo \\"hi\\" $HOME; sleep 1"', "echo 'a b' c\\\\d %n", "a;b"],
    "HealthCmd": ["curl -f http://x", '["CMD","true"]', '"quoted whole"'],
    "LogOpt": ["path=/tmp/x max-size=1m", "tag=a"],
    "Network": ["host", "net.network", "net.network:ip=10.5.0.8", "other.container", "none"],
    "Pod": ["group.pod"],
    "PublishPort": ["8080:80", "127.0.0.1:81:81/udp", "[::1]:1000:1000"],
    "Secret": ["one", "two,type=env,target=TWO", "a b"],
    "Sysctl": ["net.ipv4.ip_forward=1 net.x=2", "a.b=c"],
    "UIDMap": ["0:10000:10", "0:1:10 10:20:5"],
    "GIDMap": ["0:10000:10"],
    "Ulimit": ["nofile=10:20", "host"],
    "AddCapability": ["CAP_NET_ADMIN SYS_TIME", "net_raw"],
    "DropCapability": ["all", "CAP_CHOWN"],
    "Mask": ["/proc/a:/proc/b", '"/with blank"'],
    "Unmask": ["ALL", "/sys/x"],
    "EnvironmentFile": ["/etc/x.env", "rel.env", "%h/y.env ./z.env"],
    "Tmpfs": ["/tmp", "/run:size=1m,mode=1777"],
    "ReadOnly": ["yes", "off", "1"],
    "Options": ["x=1 y=2"],
    "RemapUsers": ["auto", "keep-id"],
    "Type": ["ext4"],
    "Pull": ["missing", "newer"],
    "SetWorkingDirectory": ["unit", "/srv/context", "https://github.com/x/y.git"],
    "File": ["/srv/Containerfile", "/srv/other"],
    "Yaml": ["/srv/pod.yaml", "./pod.yml"],
    "ConfigMap": ["/srv/a.yml ./b.yml", "c.yml"],
    "RemapUidSize": ["4096"],
}
#: Keys that change which others are allowed; `_make` sets them.
_LEFT_OUT = {
    "Image", "Rootfs", "ServiceName", "RemapUsers", "RemapUid", "RemapGid", "RemapUidSize", "UserNS", "Group", "User",
    "Gateway", "IPRange", "Subnet", "Type", "Device", "Options", "Driver", "ImageTag", "Yaml", "File",
    "SetWorkingDirectory", "Pod", "ContainerName", "PodName", "NetworkName", "VolumeName", "Copy", "Artifact",
}  # fmt: skip
_WORDS = ["plain", "two-words", "x=y", "%i", "a:b", "10", "ünicode", "/path/to"]


def make(folder: Path, count: int, seed: int) -> None:
    """Writes `count` valid files, which refer to one another, with drop-ins and instances among them."""
    chance = random.Random(seed)
    folder.mkdir(parents=True)
    (folder / "data.volume").write_text("[Volume]\nLabel=made=first\n")
    (folder / "net.network").write_text("[Network]\nSubnet=10.5.0.0/16\n")
    (folder / "base.image").write_text("[Image]\nImage=localhost/base:1\n")
    (folder / "made.build").write_text("[Build]\nImageTag=localhost/made:1\nSetWorkingDirectory=unit\n")
    (folder / "group.pod").write_text("[Pod]\nPublishPort=80:80\n")
    (folder / "other.container").write_text("[Container]\nImage=localhost/x\nContainerName=other\n")
    kinds = ["container"] * 8 + ["volume", "network", "image", "build", "pod", "kube"]
    for number in range(count - 6):
        kind = chance.choice(kinds)
        name = f"{chance.choice(['u', 'u-a', 'u-a-b'])}{number}"
        if kind == "container" and chance.random() < 0.1:
            name += chance.choice(["@", "@one"])
        text = _make(chance, kind)
        if name.endswith("@"):
            # Theirs wants the template itself, of which there is no such unit.
            text = text.replace("Pod=group.pod\n", "")
        if chance.random() < 0.2:
            text = f"[Unit]\nDescription=Number {number}\nAfter=local-fs.target\n\n{text}"
        if chance.random() < 0.2 and kind != "pod":
            text += "\n[Service]\nRestart=always\nTimeoutStartSec=900\n"
        if chance.random() < 0.3:
            text += f"\n[Install]\nWantedBy=default.target multi-user.target\nAlias=other-{number}.service\n"
            text += "DefaultInstance=first\nRequiredBy=x.target\n"
        (folder / f"{name}.{kind}").write_text(text)
        if chance.random() < 0.15:
            drop_in = folder / f"{name}.{kind}.d"
            drop_in.mkdir()
            (drop_in / "10-more.conf").write_text(f"[{kind.capitalize()}]\nPodmanArgs=--from-drop-in\n")
            (drop_in / "readme.txt").write_text("no drop-in\n")
    common = folder / "container.d"
    common.mkdir()
    (common / "50-all.conf").write_text("[Container]\nLabel=every=one\n")


def _make(chance: random.Random, kind: str) -> str:
    section = kind.capitalize()
    lines = [f"[{section}]", "# a comment", ""]
    keys = [
        key
        for key, (_, _, since) in KEYS[section].items()
        if key not in _LEFT_OUT and tuple(int(part) for part in since.split(".")) <= NEWEST
    ]
    if kind == "container":
        image = chance.choice(["localhost/x:1", "quay.io/a/b@sha256:" + "0" * 64, "base.image", "made.build"])
        lines.append(chance.choice([f"Image={image}", f"Image={image}", "Rootfs=/srv/root"]))
        if chance.random() < 0.2:
            lines.append("Pod=group.pod")
            lines += chance.choice([[], ["StartWithPod=no"]])
        if chance.random() < 0.2:
            lines += ["User=1000", *chance.choice([[], ["Group=100"]])]
        if chance.random() < 0.2:
            lines.append(f"ContainerName={chance.choice(['named', 'n-%i', 'my-%N'])}")
    elif kind == "volume":
        if chance.random() < 0.5:
            lines += ["Device=/dev/sdx", "Type=ext4", "Options=ro,noatime", "User=5", "Group=0x10"]
        elif chance.random() < 0.3:
            lines += ["Driver=image", "Image=localhost/vol"]
        lines += chance.choice([[], ["Copy=yes"], ["VolumeName=mine"]])
    elif kind == "network":
        if chance.random() < 0.5:
            lines += ["Subnet=10.7.0.0/16", "Gateway=10.7.0.1", "Subnet=10.8.0.0/16", "IPRange=10.7.1.0/24"]
        lines += chance.choice([[], ["Options=mtu=9000 isolate=true"], ["NetworkName=mine", "Driver=bridge"]])
    elif kind == "image":
        lines += ["Image=localhost/pulled", *chance.choice([[], ["ImageTag=localhost/other"]])]
    elif kind == "build":
        lines += ["ImageTag=localhost/built", "ImageTag=localhost/built:two"]
        lines += chance.choice(
            [
                ["File=/srv/Containerfile"],
                ["SetWorkingDirectory=unit"],
                ["SetWorkingDirectory=/srv/context", "File=rel"],
                ["SetWorkingDirectory=https://github.com/x/y.git"],
                ["File=/srv/sub/Containerfile", "SetWorkingDirectory=file"],
            ]
        )
    elif kind == "kube":
        lines.append(f"Yaml={chance.choice(_VALUES['Yaml'])}")
        lines += chance.choice([[], ["SetWorkingDirectory=yaml"], ["SetWorkingDirectory=unit"]])
    elif kind == "pod":
        lines += chance.choice([[], ["PodName=mine"]])
    if kind in ("container", "pod"):
        lines += chance.choice(
            [
                [],
                [],
                ["UserNS=keep-id"],
                ["RemapUsers=auto", "RemapUidSize=100"],
                ["UIDMap=0:1:10"],
                ["RemapUsers=keep-id", "RemapUid=7"],
            ]
        )
    mapped = any(line.startswith(("UserNS", "Remap", "UIDMap")) for line in lines)
    for key in chance.sample(keys, min(len(keys), chance.randint(0, 14))):
        if mapped and key in ("UIDMap", "GIDMap", "SubUIDMap", "SubGIDMap"):
            continue
        how = KEYS[section][key][0]
        values = _VALUES.get(key) or (
            ["yes", "false", "on", "0"] if how == "flag" else ["7"] if how == "uint" else _WORDS
        )
        if kind == "build" and key == "Network":
            values = ["host", "net.network"]
        for value in chance.sample(
            values, min(len(values), chance.randint(1, 3) if how not in ("text", "flag") else 1)
        ):
            if chance.random() < 0.1 and " " in value and '"' not in value and "'" not in value:
                value = value.replace(" ", " \\\n    ", 1)
            lines.append(f"{key}={value}")
        if chance.random() < 0.05 and how in ("texts", "words", "args", "pairs"):
            lines += [f"{key}=", f"{key}={values[0]}"]
    return "\n".join(lines) + "\n"


def normal_form(text: str) -> dict[str, object]:
    """A generated service in a form in which only differences that matter are left.

    Options of a command line are collected by name, in the order of each; where they stand among others, and whether
    "=" or a blank follows, is all one. Sections for nobody ("X-…") are left out, and so is the order of the keys.
    """
    unit = parse(text)
    found: dict[str, object] = {}
    for entry in unit:
        if entry.section.startswith("X-"):
            continue
        value: object = entry.value
        if entry.section == "Service" and entry.key.startswith("Exec"):
            value = command_form(split(entry.value))
        elif entry.key in ("After", "Wants", "Requires", "BindsTo", "Before", "RequiresMountsFor"):
            value = split(entry.value)
        place = found.setdefault(f"{entry.section}.{entry.key}", [])
        assert isinstance(place, list)
        place.append(value)
    for key, values in found.items():
        if key.startswith("Unit.") and isinstance(values, list) and values and isinstance(values[0], list):
            found[key] = sorted(word for words in values for word in words)
    return found


#: Options without a value in the commands that generators write.
_BARE = frozenset(
    (
        "--rm", "--replace", "-d", "-v", "-f", "-i", "--ignore", "--init", "--env-host", "--read-only", "--force",
        "--read-only-tmpfs", "--all-tags", "--tls-verify", "--disable-dns", "--internal", "--ipv6", "--force-rm",
        "--transient-store", "--syslog", "--from-drop-in",
    )
)  # fmt: skip


def command_form(words: list[str]) -> tuple[dict[str, list[str]], list[str]]:
    """(values by option, positional words) of a command line; the options end where the image or name stands."""
    options: dict[str, list[str]] = {}
    rest: list[str] = []
    verbs = {
        "run",
        "rm",
        "volume",
        "network",
        "create",
        "image",
        "pull",
        "build",
        "pod",
        "start",
        "stop",
        "kube",
        "play",
        "down",
    }
    is_run = "run" in words[:6]
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if not word.startswith("-") or len(word) < 2 or position == 1:
            rest.append(word)
            if is_run and word not in verbs and position > 1:
                rest += words[position:]
                break
            continue
        name, equals, value = word.partition("=")
        bare = name in _BARE and not (name == "-v" and is_run)
        if equals:
            options.setdefault(name, []).append(value)
        elif bare:
            options.setdefault(name, []).append("true")
        else:
            options.setdefault(name, []).append(words[position] if position < len(words) else "")
            position += 1
    return options, rest


def tree(folder: Path) -> tuple[dict[str, dict[str, object]], dict[str, str]]:
    """What a generator left in a folder: services in their normal form, and links."""
    services = {
        path.name: normal_form(path.read_text()) for path in folder.glob("*.service") if not path.is_symlink()
    }
    links = {
        str(path.relative_to(folder)): str(path.readlink()) for path in folder.rglob("*") if path.is_symlink()
    }
    return services, links


def differences(theirs: Path, ours: Path) -> list[str]:
    """What differs between two generators' folders, one line each."""
    (their_services, their_links), (our_services, our_links) = tree(theirs), tree(ours)
    found = [f"only theirs: {name}" for name in sorted(their_services.keys() - our_services.keys())]
    found += [f"only ours: {name}" for name in sorted(our_services.keys() - their_services.keys())]
    for name in sorted(their_services.keys() & our_services.keys()):
        for key in sorted(their_services[name].keys() | our_services[name].keys()):
            their, our = their_services[name].get(key), our_services[name].get(key)
            if their != our:
                found.append(f"{name}: {key}: theirs {their!r}, ours {our!r}")
    for name in sorted(their_links.keys() | our_links.keys()):
        if their_links.get(name) != our_links.get(name):
            found.append(f"link {name}: theirs {their_links.get(name)}, ours {our_links.get(name)}")
    return found
