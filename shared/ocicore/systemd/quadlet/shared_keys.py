"""Keys that several kinds of Quadlet files share: images, networks, volumes, user namespaces, working directory."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.systemd.quadlet.service import Command, Service
    from ocicore.systemd.quadlet.source import Source
    from ocicore.systemd.unit_file import Entry


def image_name(service: Service, sources: dict[str, Source]) -> str:
    """The image of `Image=`, which may be a .image or .build file.

    Raises:
        QuadletError: there is no such file, or it names no image.
    """
    entry = service.source.last("Image")
    name = service.source.text("Image") or ""
    if not name.endswith((".image", ".build")):
        return name
    target = service.find(name, entry, sources, f"requested Quadlet image {name} was not found")
    if not target.resource:
        key = "ImageTag" if name.endswith(".build") else "Image"
        raise service.source.error(f"{name} names no image: it needs {key}=", entry)
    service.require(target, entry)
    return target.resource


def networks(service: Service, command: Command, sources: dict[str, Source]) -> None:
    """`Network=`: a .network file, a .container file whose network is joined, or a value for --network.

    Raises:
        QuadletError
    """
    source = service.source
    for entry in source.all("Network"):
        value = entry.value
        name, colon, options = value.partition(":")
        if name.endswith((".network", ".container")):
            target = service.find(name, entry, sources, f"requested Quadlet unit {name} was not found")
            if not target.resource:
                raise source.error(f"cannot get the resource name of {name}", entry)
            service.require(target, entry)
            value = target.resource
            if name.endswith(".container"):
                if colon:
                    raise source.error(
                        "extra options are not supported when joining another container's network", entry
                    )
                value = f"container:{value}"
            elif colon:
                value = f"{value}:{options}"
        command.add("--network", value, origin=entry)


def volumes(service: Service, command: Command, sources: dict[str, Source]) -> None:
    """`Volume=[SOURCE:]PLACE[:OPTIONS]`; the source may be a .volume file.

    Raises:
        QuadletError
    """
    for entry in service.source.all("Volume"):
        parts = entry.value.split(":", 2)
        if not parts[0] and len(parts) == 3:
            raise service.source.error(f"Volume={entry.value}: options need a source", entry)
        if len(parts) == 1 or not parts[0]:
            command.add("-v", parts[-1], origin=entry)
            continue
        parts[0] = storage_source(service, parts[0], entry, sources, (".volume",))
        command.add("-v", ":".join(parts), origin=entry)


def storage_source(
    service: Service, name: str, entry: Entry, sources: dict[str, Source], kinds: tuple[str, ...]
) -> str:
    """A path on the host, made absolute, whose file system must be mounted; or what a Quadlet file of one of these
    kinds makes; else the name itself.

    Raises:
        QuadletError
    """
    if name.startswith("."):
        name = service.source.absolute(name)
    if name.startswith("/"):
        service.mounts_for(name)
        return name
    if not name.endswith(kinds):
        return name
    target = service.find(name, entry, sources, f"requested Quadlet source {name} was not found")
    if not target.resource:
        raise service.source.error(f"cannot get the resource name of {name}", entry)
    service.require(target, entry)
    return target.resource


def user_namespace(source: Source, command: Command, *, manual: bool = True) -> None:
    """`UserNS=`, `UIDMap=` and their like, or the older `Remap…=`.

    Args:
        manual: RemapUsers=manual is possible.

    Raises:
        QuadletError
    """
    before = len(command.words)
    keys = ("UserNS", "UIDMap", "GIDMap", "SubUIDMap", "SubGIDMap") if manual else ("UserNS",)
    command.take(source, *keys)
    remap = source.last("RemapUsers")
    if len(command.words) > before:
        for key in ("RemapUsers", "RemapUid", "RemapGid"):
            entry = source.last(key)
            if entry is not None:
                raise source.error(
                    f"deprecated Remap keys are set along with explicit mapping keys: {key}", entry
                )
        return
    uids, gids = source.words("RemapUid"), source.words("RemapGid")
    how = remap.value if remap is not None else ""
    if not how:
        for key, found in (("RemapUid", uids), ("RemapGid", gids)):
            if found:
                raise source.error(f"{key} set without RemapUsers", found[0][1])
    elif how == "manual":
        if not manual:
            raise source.error("RemapUsers=manual is not supported", remap)
        for option, found in (("--uidmap", uids), ("--gidmap", gids)):
            for word, entry in found:
                command.add(option, word, origin=entry)
    elif how == "auto":
        options = [f"uidmapping={word}" for word, _ in uids] + [f"gidmapping={word}" for word, _ in gids]
        size = source.uint("RemapUidSize")
        if size:
            options.append(f"size={size}")
        command.add("--userns", _with_options("auto", options), origin=remap)
    elif how == "keep-id":
        options = []
        for name, found in (("uid", uids), ("gid", gids)):
            if len(found) > 1:
                raise source.error(
                    f"RemapUsers=keep-id supports only a single value for {name.upper()} mapping", found[1][1]
                )
            options += [f"{name}={word}" for word, _ in found]
        command.add("--userns", _with_options("keep-id", options), origin=remap)
    else:
        raise source.error(f"unsupported RemapUsers option '{how}'", remap)


def _with_options(kind: str, options: list[str]) -> str:
    return kind + (":" + ",".join(options) if options else "")


def kill_mode(service: Service) -> None:
    """conmon has to do its work when the service stops: only two values of KillMode= let it.

    Raises:
        QuadletError
    """
    given = service.get("Service", "KillMode")
    if given is None:
        service.add("Service", "KillMode", "mixed")
    elif given not in ("mixed", "control-group"):
        raise service.source.error(f"invalid KillMode '{given}'", service.source.last("KillMode", "Service"))


def service_type(service: Service) -> str | None:
    """Type= of a container's or kube file's service; anything but oneshot becomes notify.

    Raises:
        QuadletError
    """
    given = service.get("Service", "Type")
    if given not in (None, "notify", "oneshot"):
        raise service.source.error(f"invalid service Type '{given}'", service.source.last("Type", "Service"))
    return given


def notify(service: Service) -> None:
    service.set("Service", "Type", "notify")
    service.set("Service", "NotifyAccess", "all")


def oneshot(service: Service, *, remain: bool = True) -> None:
    """A service that makes something and is done."""
    service.default("Service", "SyslogIdentifier", "%N")
    service.default("Service", "Type", "oneshot")
    if remain:
        service.default("Service", "RemainAfterExit", "yes")


def is_url(text: str) -> bool:
    at = text.find("github.com/")
    return text.startswith(("http", "git://")) or (at >= 0 and at + len("github.com/") < len(text))


def working_directory(service: Service) -> str:
    """`SetWorkingDirectory=` as WorkingDirectory= of the service, unless it has one.

    Returns:
        The build context that is meant by it, or "".

    Raises:
        QuadletError
    """
    source = service.source
    entry = source.last("SetWorkingDirectory")
    value = source.text("SetWorkingDirectory")
    if not value:
        return ""
    context, beside = "", None
    word = value.lower()
    of_kind = {"yaml": ("kube", "Yaml"), "file": ("build", "File")}
    if word in of_kind:
        kind, key = of_kind[word]
        if source.kind != kind:
            raise source.error(f"SetWorkingDirectory={value} is only supported in .{kind} files", entry)
        names = [name for name, _ in source.words(key)] if key == "Yaml" else [source.text(key) or ""]
        if not names or not names[0]:
            raise source.error(f"no {key} key specified", entry)
        beside = names[0]
    elif word == "unit":
        beside = source.path
    elif source.kind != "build":
        raise source.error(f"unsupported value for SetWorkingDirectory: {value}", entry)
    else:
        context = value
        if not context.startswith("/") and not is_url(context):
            beside = source.path
    if beside is not None:
        if source.text("WorkingDirectory", "Service"):
            return ""
        service.add("Service", "WorkingDirectory", os.path.dirname(source.absolute(beside)))
    return context
