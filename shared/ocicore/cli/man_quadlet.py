"""The manual page of Quadlet files, pypod-systemd.unit(5), from the table of their keys.

python -m ocicore.cli.man_quadlet >pypod-systemd.unit.5
"""

from __future__ import annotations

import sys

from ocicore.cli.man import escape, load_program
from ocicore.systemd.quadlet import keys

_KINDS = {
    "text": "The last assignment counts.",
    "texts": "May be given several times.",
    "flag": "A boolean.",
    "uint": "A number.",
    "words": "Words between blanks; may be given several times.",
    "args": "Words, quoted as in a command line; may be given several times.",
    "pairs": "KEY=VALUE words, quoted as in a command line; may be given several times.",
}
#: What each section is converted to: the command that its options belong to.
_COMMANDS = {
    "Container": "run",
    "Pod": "pod create",
    "Volume": "volume create",
    "Network": "network create",
    "Image": "image pull",
    "Build": "build",
    "Kube": "kube play",
    "Artifact": "artifact pull",
}
#: Keys that are more than an option of the command.
_MEANINGS = {
    "Artifact": "The artifact to pull.",
    "DefaultDependencies": "Whether the service waits for the network to be online; on unless set to false.",
    "Exec": "The command of the container and its arguments.",
    "ExitCodePropagation": "How the exit status of the service follows from those of its containers: all, any or none.",
    "GlobalArgs": "Options for the program itself, before its command.",
    "Image": "The image; one whose name ends with .image or .build is that file's, and its service runs first.",
    "ImageTag": "The name under which other files find the image, when it is pulled from an archive or a folder.",
    "LogOpt": "Options of the log driver.",
    "NetworkDeleteOnStop": "Whether the network is removed when the service stops.",
    "NetworkName": "The name of the network instead of systemd-NAME.",
    "PodmanArgs": "Options for the command that no key stands for.",
    "ReloadCmd": "A command to run in the container when the service is reloaded.",
    "ReloadSignal": "A signal to send to the container when the service is reloaded.",
    "RemapGid": "A group id mapping; see RemapUsers.",
    "RemapUid": "A user id mapping; see RemapUsers.",
    "RemapUidSize": "How many ids RemapUsers=auto takes.",
    "RemapUsers": "The user namespace (auto, keep-id or manual); UserNS is the newer key.",
    "ServiceName": "The name of the service, without .service, instead of the file's.",
    "SetWorkingDirectory": "The working directory of the service: yaml or unit (the folder of that file), or a path.",
    "StartWithPod": "Whether the container starts and stops with its pod; on unless set to false.",
    "Type": "The type of the file system on the device.",
    "VolatileTmp": "A tmpfs on /tmp.",
    "VolumeName": "The name of the volume instead of systemd-NAME.",
    "Yaml": "The Kubernetes files to play.",
}
_HEAD = """\
.SH NAME
pypod\\-systemd.unit \\- containers, pods, volumes, networks, images and builds as units of systemd (Quadlet)
.SH SYNOPSIS
\\fINAME\\fR.container, \\fINAME\\fR.pod, \\fINAME\\fR.volume, \\fINAME\\fR.network, \\fINAME\\fR.image, \\fINAME\\fR.build,
\\fINAME\\fR.kube, \\fINAME\\fR.artifact
.SH DESCRIPTION
A file in one of the folders below becomes a service when systemd starts and at every \\fBsystemctl daemon\\-reload\\fR.
\\fIweb\\fR.container becomes \\fIweb\\fR.service, \\fIdata\\fR.volume becomes \\fIdata\\fR\\-volume.service, and likewise for the others.
The sections [Unit], [Service] and [Install] are copied; the section named after the file's ending has the keys listed here.
Services made this way cannot be enabled: their [Install] section is carried out when they are made.
.PP
A file that refers to another one (Volume=data.volume:/data, Network=net.network, Image=app.build, Pod=p.pod) makes its service
start after that one's.
A template \\fIweb\\fR@.container makes \\fIweb\\fR@.service. Drop\\-ins are read from \\fINAME\\fR.container.d/*.conf.
.SH EXAMPLE
.nf
[Unit]
Description=A web server
[Container]
Image=docker.io/library/nginx
PublishPort=8080:80
Volume=data.volume:/usr/share/nginx/html
[Install]
WantedBy=default.target
.fi"""
_FILES = """\
.SH FILES
.TP
/etc/containers/systemd, /usr/share/containers/systemd, /run/containers/systemd
for root
.TP
~/.config/containers/systemd, $XDG_RUNTIME_DIR/containers/systemd
for an ordinary user
.TP
/etc/containers/systemd/users, /etc/containers/systemd/users/\\fIUID\\fR, /usr/share/containers/systemd/users
for every user, or for one
.SH SEE ALSO
\\fBpypod\\-systemd\\fR(1), \\fBpypod\\-run\\fR(1), \\fBsystemd.unit\\fR(5), \\fBsystemd.service\\fR(5)"""


def page() -> str:
    """The whole page."""
    program = load_program("pypod-systemd")
    lines = [
        f'.TH "PYPOD\\-SYSTEMD.UNIT" "5" "" "pypod {escape(program.version)}" "File Formats"',
        _HEAD,
    ]
    for section, table in keys.KEYS.items():
        lines.append(f'.SH "KEYS OF [{section.upper()}]"')
        for name, (kind, option, since) in table.items():
            lines += [".TP", f"\\fB{escape(name)}\\fR=", _meaning(section, name, kind, option, since)]
    lines.append(_FILES)
    return "\n".join(lines) + "\n"


def _meaning(section: str, name: str, kind: str, option: str, since: str) -> str:
    command = _COMMANDS.get(section, "")
    text = f"{escape(option)} of \\fBpypod {escape(command)}\\fR." if option else escape(_MEANINGS[name])
    if section == "Image" and name == "Image":
        text = "The image to pull."
    newer = tuple(int(part) for part in since.split(".")) > (5, 4)
    more = f" Podman has it since {since}." if newer else ""
    return f"{text} {escape(_KINDS[kind])}{more}"


if __name__ == "__main__":
    sys.stdout.write(page())
