"""`.container`: a service that runs a container."""

from __future__ import annotations

from ocicore.systemd.quadlet import shared_keys
from ocicore.systemd.quadlet.service import Command, Service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.systemd.quadlet.service import Host
    from ocicore.systemd.quadlet.source import Source
    from ocicore.systemd.unit_file import Entry

#: The label by which auto-update of both programs finds its containers.
AUTO_UPDATE_LABEL = "io.containers.autoupdate"
#: The variable that becomes the label with the unit's name.
UNIT_VARIABLE = "PODMAN_SYSTEMD_UNIT=%n"


def convert(source: Source, host: Host, sources: dict[str, Source]) -> Service:
    """
    Raises:
        QuadletError: the file has no image, or one of its keys makes no sense.
    """
    service = Service(source, host, sources)
    image, rootfs = source.text("Image"), source.text("Rootfs")
    if not image and not rootfs:
        raise source.error("no Image or Rootfs key specified")
    if image and rootfs:
        raise source.error(
            "the Image And Rootfs keys conflict can not be specified together", source.last("Rootfs")
        )
    if image:
        image = shared_keys.image_name(service, sources)
    service.add("Service", "Environment", UNIT_VARIABLE)
    shared_keys.kill_mode(service)
    # What is left when conmon ended badly: ExecStopPost= alone runs when the main process was killed.
    remove = Command(source, host, "rm", "-v", "-f", "-i", "--cidfile=%t/%N.cid")
    service.run("ExecStop", remove)
    service.run("ExecStopPost", remove, may_fail=True)
    name = source.container_name()
    _reload(service, host, name)

    run = Command(source, host, "run")
    run.add("--name", name, origin=source.last("ContainerName"))
    run.add("--cidfile=%t/%N.cid", "--replace", "--rm")
    run.take(source, "LogDriver", "LogOpt")
    service.add("Service", "Delegate", "yes")
    if source.text("CgroupsMode"):
        run.take(source, "CgroupsMode")
    else:
        run.add("--cgroups=split")
    entrypoint = source.text("Entrypoint")
    if entrypoint is not None:
        # Empty, it takes the image's away.
        run.add(f"--entrypoint={entrypoint}", origin=source.last("Entrypoint"))
    run.take(
        source, "Timezone", "PidsLimit", "ShmSize", "WorkingDir", "IP", "IP6", "HostName", "StopSignal", "StopTimeout",
        "Pull", "Memory", "Retry", "RetryDelay", "NetworkAlias", "Ulimit", "DNS", "DNSOption", "DNSSearch", "GroupAdd",
        "AddHost", "Tmpfs", "RunInit", "EnvironmentHost", "HttpProxy", "ReadOnlyTmpfs",
    )  # fmt: skip
    shared_keys.networks(service, run, sources)
    if shared_keys.service_type(service) != "oneshot":
        run.add(f"--sdnotify={_notify(source)}", origin=source.last("Notify"))
        shared_keys.notify(service)
        run.add("-d")
    service.default("Service", "SyslogIdentifier", "%N")
    _security(source, run, host)
    read_only = source.flag("ReadOnly")
    run.take(source, "ReadOnly")
    if source.flag("VolatileTmp") and not read_only:
        run.add("--tmpfs", "/tmp:rw,size=512M,mode=1777", origin=source.last("VolatileTmp"))
    _user(source, run)
    shared_keys.user_namespace(source, run)
    shared_keys.volumes(service, run, sources)
    update = source.text("AutoUpdate")
    if update:
        run.add("--label", f"{AUTO_UPDATE_LABEL}={update}", origin=source.last("AutoUpdate"))
    for entry in source.all("ExposeHostPort"):
        if not _is_port_range(entry.value):
            raise source.error(f"invalid port format '{entry.value}'", entry)
        run.add("--expose", entry.value, origin=entry)
    run.take(source, "PublishPort", "Environment", "Label", "Annotation")
    for word, entry in source.args("Mask"):
        run.add("--security-opt", f"mask={word}", origin=entry)
    for word, entry in source.args("Unmask"):
        run.add("--security-opt", f"unmask={word}", origin=entry)
    for word, entry in source.args("EnvironmentFile"):
        run.add("--env-file", source.absolute(word), origin=entry)
    run.take(source, "Secret")
    for word, entry in source.args("Mount"):
        run.add("--mount", _mount(service, word, entry, sources), origin=entry)
    run.take(
        source, "HealthCmd", "HealthInterval", "HealthOnFailure", "HealthLogDestination", "HealthMaxLogCount",
        "HealthMaxLogSize", "HealthRetries", "HealthStartPeriod", "HealthTimeout", "HealthStartupCmd",
        "HealthStartupInterval", "HealthStartupRetries", "HealthStartupSuccess", "HealthStartupTimeout",
    )  # fmt: skip
    _join_pod(service, run, sources)
    run.take_arguments(source)
    if image:
        run.add(image, origin=source.last("Image"))
    else:
        run.add("--rootfs", rootfs or "", origin=source.last("Rootfs"))
    for word, entry in source.last_args("Exec"):
        run.add(word, origin=entry)
    service.run("ExecStart", run)
    return service


def _notify(source: Source) -> str:
    """Who tells systemd that the service is ready."""
    if (source.text("Notify") or "").lower() == "healthy":
        return "healthy"
    return "container" if source.flag("Notify") else "conmon"


def _reload(service: Service, host: Host, name: str) -> None:
    source = service.source
    words, signal = source.last_args("ReloadCmd"), source.text("ReloadSignal")
    if words and signal:
        raise source.error(
            "ReloadCmd and ReloadSignal are mutually exclusive but both are set", source.last("ReloadSignal")
        )
    if words:
        command = Command(source, host, "exec", name)
        for word, entry in words:
            command.add(word, origin=entry)
        service.run("ExecReload", command)
    elif signal:
        command = Command(source, host, "kill")
        command.add("--signal", signal, origin=source.last("ReloadSignal"))
        command.add(name)
        service.run("ExecReload", command)


def _security(source: Source, run: Command, host: Host) -> None:
    if source.flag("NoNewPrivileges"):
        run.add("--security-opt=no-new-privileges", origin=source.last("NoNewPrivileges"))
    for key, label in (("SecurityLabelDisable", "disable"), ("SecurityLabelNested", "nested")):
        if source.flag(key):
            run.add("--security-opt", f"label={label}", origin=source.last(key))
    for key, start in (
        ("SecurityLabelType", "label=type:"),
        ("SecurityLabelFileType", "label=filetype:"),
        ("SecurityLabelLevel", "label=level:"),
        ("AppArmor", "apparmor="),
    ):
        text = source.text(key)
        if text:
            run.add("--security-opt", start + text, origin=source.last(key))
    for word, entry in source.words("AddDevice"):
        if word.startswith("-"):
            word = word[1:]
            if not host.disk.exists(word.partition(":")[0]):
                continue
        run.add("--device", word, origin=entry)
    profile = source.text("SeccompProfile")
    if profile is not None:
        run.add("--security-opt", f"seccomp={profile}", origin=source.last("SeccompProfile"))
    for key, option in (("DropCapability", "--cap-drop"), ("AddCapability", "--cap-add")):
        for word, entry in source.words(key):
            run.add(option, word.lower(), origin=entry)
    run.take(source, "Sysctl")


def _user(source: Source, run: Command) -> None:
    user, group = source.text("User"), source.text("Group")
    if group and not user:
        raise source.error("invalid Group set without User", source.last("Group"))
    if user:
        run.add("--user", f"{user}:{group}" if group else user, origin=source.last("User"))


def _is_port_range(text: str) -> bool:
    """80, 80-90, 80/udp"""
    ports, slash, protocol = text.partition("/")
    first, dash, last = ports.partition("-")
    numbers = (first, last) if dash else (first,)
    return all(number.isascii() and number.isdigit() for number in numbers) and (
        not slash or protocol in ("tcp", "udp", "sctp")
    )


def _join_pod(service: Service, run: Command, sources: dict[str, Source]) -> None:
    source = service.source
    entry, name = source.last("Pod"), source.text("Pod")
    if not name:
        return
    if not name.endswith(".pod"):
        raise source.error(f"pod {name} is not Quadlet based", entry)
    target = service.find(name, entry, sources, f"quadlet pod unit {name} does not exist")
    run.add("--pod-id-file", f"%t/{target.unit.removesuffix('.service')}.pod-id", origin=entry)
    service.require(target, entry, binding=True)
    # A template is no service that could be started.
    if source.flag("StartWithPod") is not False and not source.is_template:
        target.source.members.append(service.file_name)


def _mount(service: Service, text: str, entry: Entry, sources: dict[str, Source]) -> str:
    """A value for --mount, its source resolved."""
    fields = csv_fields(text)
    if fields is None:
        raise service.source.error(f"incorrect mount format: a quotation is not closed in {text!r}", entry)
    kinds = [field[5:] for field in fields if field.startswith("type=")]
    if not kinds:
        raise service.source.error(
            f"incorrect mount format: no type=bind, volume, tmpfs … in {text!r}", entry
        )
    if kinds[0] not in ("volume", "bind", "glob", "image", "artifact"):
        return text
    others = list(fields)
    others.remove(f"type={kinds[0]}")
    at = -1
    for index, field in enumerate(others):
        key, equals, _ = field.partition("=")
        if key in ("source", "src"):
            if not equals:
                raise service.source.error("source parameter does not include a value", entry)
            at = index
    origin = others[at].partition("=")[2] if at >= 0 else ""
    if origin:
        others[at] = "source=" + shared_keys.storage_source(
            service, origin, entry, sources, (".volume", ".image", ".artifact")
        )
    elif kinds[0] != "volume":
        raise service.source.error(f"source parameter is required for mount type {kinds[0]}", entry)
    return csv_text([f"type={kinds[0]}", *others])


def csv_fields(text: str) -> list[str] | None:
    """Fields of one line of comma-separated values (RFC 4180); None when a quotation is not closed."""
    fields = []
    position = 0
    while True:
        if text[position : position + 1] == '"':
            field = ""
            position += 1
            while True:
                end = text.find('"', position)
                if end < 0:
                    return None
                field += text[position:end]
                position = end + 1
                if text[position : position + 1] != '"':
                    break
                field += '"'
                position += 1
            if text[position : position + 1] not in ("", ","):
                return None
        else:
            end = text.find(",", position)
            end = len(text) if end < 0 else end
            field = text[position:end]
            position = end
        fields.append(field)
        if position >= len(text):
            return fields
        position += 1


def csv_text(fields: list[str]) -> str:
    """The line of these fields."""
    return ",".join(
        '"' + field.replace('"', '""') + '"'
        if any(letter in field for letter in ',"\r\n') or field.startswith((" ", "\t"))
        else field
        for field in fields
    )
