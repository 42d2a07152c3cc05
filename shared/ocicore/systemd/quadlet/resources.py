"""`.volume`, `.network`, `.image`, `.build`, `.artifact`: services that make something and are done."""

from __future__ import annotations

from ocicore.systemd.quadlet import shared_keys
from ocicore.systemd.quadlet.service import Command, Service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.systemd.quadlet.service import Host
    from ocicore.systemd.quadlet.source import Source


def convert_volume(source: Source, host: Host, sources: dict[str, Source]) -> Service:
    """
    Raises:
        QuadletError: keys that need each other are not there together.
    """
    service = Service(source, host, sources)
    create = Command(source, host, "volume", "create", "--ignore")
    create.take(source, "UID", "GID", "Driver")
    if source.text("Driver") == "image":
        if source.last("Image") is None:
            raise source.error(
                "the key Image is mandatory when using the image driver", source.last("Driver")
            )
        image = shared_keys.image_name(service, sources)
        create.add("--opt", f"image={image}", origin=source.last("Image"))
    else:
        options = []
        for key, name in (("User", "uid"), ("Group", "gid")):
            number = source.uint(key)
            if number is not None:
                options.append(f"{name}={number}")
        copy = source.flag("Copy")
        if copy is not None:
            create.add("--opt", "copy" if copy else "nocopy", origin=source.last("Copy"))
        device, kind, given = source.text("Device"), source.text("Type"), source.text("Options")
        if device:
            create.add("--opt", f"device={device}", origin=source.last("Device"))
        if kind:
            if not device:
                raise source.error("key Type can't be used without Device", source.last("Type"))
            create.add("--opt", f"type={kind}", origin=source.last("Type"))
            if kind == "bind":
                service.mounts_for(device)
        if given:
            if not device:
                raise source.error("key Options can't be used without Device", source.last("Options"))
            options.append(given)
        if options:
            create.add(
                "--opt", "o=" + ",".join(options), origin=source.last("Options") or source.last("User")
            )
    create.take(source, "Label")
    create.take_arguments(source)
    create.add(source.resource, origin=source.last("VolumeName"))
    service.run("ExecStart", create)
    shared_keys.oneshot(service)
    return service


def convert_network(source: Source, host: Host, sources: dict[str, Source]) -> Service:
    """
    Raises:
        QuadletError: gateways or ranges without a subnet.
    """
    service = Service(source, host, sources)
    if source.flag("NetworkDeleteOnStop"):
        service.run("ExecStopPost", Command(source, host, "network", "rm", source.resource))
    create = Command(source, host, "network", "create", "--ignore")
    create.take(source, "DisableDNS", "Internal", "IPv6", "Driver", "IPAMDriver", "InterfaceName", "DNS")
    subnets, gateways, ranges = source.all("Subnet"), source.all("Gateway"), source.all("IPRange")
    for found, what in ((gateways, "gateways"), (ranges, "ranges")):
        if not subnets and found:
            raise source.error("cannot set gateway or range without subnet", found[0])
        if len(found) > len(subnets):
            raise source.error(f"cannot set more {what} than subnets", found[len(subnets)])
    for index, subnet in enumerate(subnets):
        create.add("--subnet", subnet.value, origin=subnet)
        if index < len(gateways):
            create.add("--gateway", gateways[index].value, origin=gateways[index])
        if index < len(ranges):
            create.add("--ip-range", ranges[index].value, origin=ranges[index])
    create.take(source, "Options", "Label")
    create.take_arguments(source)
    create.add(source.resource, origin=source.last("NetworkName"))
    service.run("ExecStart", create)
    shared_keys.oneshot(service)
    return service


def convert_image(source: Source, host: Host, sources: dict[str, Source]) -> Service:
    """
    Raises:
        QuadletError: no image is named.
    """
    service = Service(source, host, sources)
    name = source.text("Image")
    if not name:
        raise source.error("no Image key specified")
    pull = Command(source, host, "image", "pull")
    pull.take(
        source, "Arch", "AuthFile", "CertDir", "Creds", "DecryptionKey", "OS", "Variant", "Policy", "Retry",
        "RetryDelay", "AllTags", "TLSVerify",
    )  # fmt: skip
    pull.take_arguments(source)
    pull.add(name, origin=source.last("Image"))
    service.run("ExecStart", pull)
    shared_keys.oneshot(service)
    return service


def convert_artifact(source: Source, host: Host, sources: dict[str, Source]) -> Service:
    """
    Raises:
        QuadletError: no artifact is named.
    """
    service = Service(source, host, sources)
    name = source.text("Artifact")
    if not name:
        raise source.error("no Artifact key specified")
    pull = Command(source, host, "artifact", "pull")
    pull.take(
        source, "AuthFile", "CertDir", "Creds", "DecryptionKey", "Retry", "RetryDelay", "Quiet", "TLSVerify"
    )
    pull.take_arguments(source)
    pull.add(name, origin=source.last("Artifact"))
    service.run("ExecStart", pull)
    shared_keys.oneshot(service)
    return service


def convert_build(source: Source, host: Host, sources: dict[str, Source]) -> Service:
    """
    Raises:
        QuadletError: no name for the image, or nothing to build.
    """
    service = Service(source, host, sources)
    if not source.resource:
        raise source.error("no ImageTag key specified")
    build = Command(source, host, "build")
    pull = source.text("Pull")
    if pull:
        # Without "=" the option takes no value.
        build.add(f"--pull={pull}", origin=source.last("Pull"))
    build.take(
        source, "Arch", "AuthFile", "IgnoreFile", "Target", "Variant", "Retry", "RetryDelay", "TLSVerify", "ForceRM",
        "DNS", "DNSOption", "DNSSearch", "GroupAdd", "ImageTag", "BuildArg", "Annotation", "Environment", "Label",
    )  # fmt: skip
    shared_keys.networks(service, build, sources)
    build.take(source, "Secret")
    shared_keys.volumes(service, build, sources)
    context = shared_keys.working_directory(service)
    folder = service.get("Service", "WorkingDirectory") or ""
    file = source.text("File") or ""
    if not context and not folder and not file:
        raise source.error("neither SetWorkingDirectory, nor File key specified")
    if file:
        build.add("--file", file, origin=source.last("File"))
    build.take_arguments(source)
    if context:
        build.add(context, origin=source.last("SetWorkingDirectory"))
    elif not file.startswith("/") and not shared_keys.is_url(file) and source.absolute(file) != file:
        if not folder:
            raise source.error(
                "relative path in File key requires SetWorkingDirectory key to be set", source.last("File")
            )
        build.add(
            folder, origin=source.last("WorkingDirectory", "Service") or source.last("SetWorkingDirectory")
        )
    service.run("ExecStart", build)
    shared_keys.oneshot(service, remain=False)
    return service
