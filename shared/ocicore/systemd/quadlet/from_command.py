"""A `.container` file that makes the same container as a command line did.

What a key says is said with the key; any other option goes into PodmanArgs=. Every word arrives as it was: "%" and "$" are
doubled, since systemd expands them.
"""

from __future__ import annotations

from ocicore.systemd.create_command import CreateCommand
from ocicore.systemd.quadlet.keys import KEYS
from ocicore.systemd.quoting import quote

#: Letters of `run` and `create` in full.
_LETTERS = {
    "e": "env", "v": "volume", "p": "publish", "l": "label", "u": "user", "w": "workdir", "h": "hostname",
    "m": "memory", "c": "cpu-shares", "a": "attach", "t": "tty", "i": "interactive", "d": "detach",
}  # fmt: skip
#: What the generated service says by itself.
_IMPLIED = frozenset(
    (
        "rm",
        "detach",
        "replace",
        "cidfile",
        "cgroups",
        "restart",
        "sdnotify",
        "name",
        "quiet",
        "conmon-pidfile",
    )
)
#: Other names of options.
_SAME = {"net": "network", "dns-opt": "dns-option", "mount": "mount", "network-alias": "network-alias"}
_RESTARTS = {"unless-stopped": "always", "on-failure": "on-failure", "always": "always", "no": "no"}


def container_file(command: CreateCommand, name: str, environment: dict[str, str]) -> tuple[str, list[str]]:
    """The text of the file, and what a reader should know about it.

    Args:
        name: the container's.
        environment: of its process, for options that name a variable only.
    """
    by_option = {
        option: key
        for key, (_, option, _) in KEYS["Container"].items()
        if option
        and option not in ("--security-opt", "--user", "--label", "--sdnotify", "--name", "--cgroups")
    }
    lines: list[str] = []
    extra: list[str] = []
    notes: list[str] = []
    for use in command.options:
        for letter_or_name, text in use.values:
            option = _LETTERS.get(letter_or_name, letter_or_name)
            option = _SAME.get(option, option)
            if option not in _IMPLIED:
                _option(option, text, by_option, environment, lines, extra, notes)
    rest = command.rest[1:] if command.rest[:1] == ["--"] else command.rest
    image, words = rest[0] if rest else "", rest[1:]
    head = [
        f"{'Rootfs' if command.is_set('rootfs') else 'Image'}={_plain(image)}",
        f"ContainerName={_plain(name)}",
    ]
    notify = command.text("sdnotify")
    if notify in ("container", "healthy"):
        head.append(f"Notify={'healthy' if notify == 'healthy' else 'yes'}")
    elif notify == "ignore":
        notes.append("--sdnotify=ignore is left out: the service is ready when the container has started")
    if extra:
        lines.append("PodmanArgs=" + " ".join(quote(word) for word in extra))
    if words:
        lines.append("Exec=" + " ".join(quote(word) for word in words))
    policy = (command.text("restart") or "").partition(":")[0]
    service = [f"Restart={_RESTARTS[policy]}"] if policy in _RESTARTS else []
    if command.is_set("rootfs"):
        lines = [line for line in lines if line != "PodmanArgs=--rootfs"]
    parts = [["[Container]", *head, *lines]]
    if service:
        parts.append(["[Service]", *service])
    parts.append(["[Install]", "WantedBy=default.target"])
    return "\n\n".join("\n".join(part) for part in parts) + "\n", notes


def _option(
    option: str,
    text: str | None,
    by_option: dict[str, str],
    environment: dict[str, str],
    lines: list[str],
    extra: list[str],
    notes: list[str],
) -> None:
    """Adds the assignment for one option, or its words to those without a key."""
    value = text or ""
    if option == "rootfs":
        return
    if option == "env" and "=" not in value and not value.endswith("*"):
        if value not in environment:
            return
        value = f"{value}={environment[value]}"
    if option == "label" and value.startswith("io.containers.autoupdate="):
        lines.append(f"AutoUpdate={_plain(value.partition('=')[2])}")
        return
    if option == "label" and value.startswith("PODMAN_SYSTEMD_UNIT="):
        return
    if option in ("label", "env", "annotation"):
        key = {"label": "Label", "env": "Environment", "annotation": "Annotation"}[option]
        lines.append(f"{key}={quote(value)}")
        return
    if option == "user" and _fits(value):
        user, colon, group = value.partition(":")
        lines.append(f"User={_plain(user)}")
        if colon and group:
            lines.append(f"Group={_plain(group)}")
        return
    if option == "pod":
        notes.append(f"the container was in the pod {value}: make a .pod file for it, whose name Pod= wants")
        lines.append(f"Pod={_plain(value)}.pod")
        return
    if option == "security-opt" and value in ("no-new-privileges", "label=disable", "label=nested"):
        switch = {"label=disable": "SecurityLabelDisable", "label=nested": "SecurityLabelNested"}
        lines.append(f"{switch.get(value, 'NoNewPrivileges')}=yes")
        return
    key_name = by_option.get(f"--{option}")
    kind = KEYS["Container"][key_name][0] if key_name else ""
    if key_name and kind == "flag":
        if text in (None, "true", "1", "t", "T", "TRUE", "True"):
            lines.append(f"{key_name}=yes")
        else:
            lines.append(f"{key_name}=no")
    elif key_name and kind in ("text", "texts") and value and _fits(value):
        lines.append(f"{key_name}={_plain(value)}")
    elif key_name and kind == "args":
        lines.append(f"{key_name}={quote(value)}")
    elif key_name and kind == "words" and value and not any(letter in value for letter in " \t\n\"'\\"):
        lines.append(f"{key_name}={_plain(value)}")
    elif text is None:
        extra.append(f"--{option}")
    else:
        extra.append(f"--{option}={text}")


def _plain(text: str) -> str:
    return text.replace("%", "%%").replace("$", "$$")


def _fits(text: str) -> bool:
    """Whether a value survives on a line of its own: nothing there is cut off, joined or unquoted."""
    return (
        text == text.strip()
        and text.isprintable()
        and not text.endswith("\\")
        and not (text.startswith('"') and text.endswith('"'))
    )
