"""`.pod` and `.kube`: services that run several containers together."""

from __future__ import annotations

from ocicore.systemd.quadlet import shared_keys
from ocicore.systemd.quadlet.container import AUTO_UPDATE_LABEL, UNIT_VARIABLE
from ocicore.systemd.quadlet.service import Command, Service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.systemd.quadlet.service import Host
    from ocicore.systemd.quadlet.source import Source


def convert_pod(source: Source, host: Host, sources: dict[str, Source]) -> Service:
    """The pod's service starts its infra container; `source.members` are known by now.

    Raises:
        QuadletError
    """
    service = Service(source, host, sources)
    for member in source.members:
        service.add("Unit", "Wants", member)
        service.add("Unit", "Before", member)
    service.default("Service", "SyslogIdentifier", "%N")
    id_file = "--pod-id-file=%t/%N.pod-id"
    service.run("ExecStart", Command(source, host, "pod", "start", id_file))
    stop = Command(source, host, "pod", "stop", id_file, "--ignore")
    stop.add(f"--time={source.text('StopTimeout') or '10'}", origin=source.last("StopTimeout"))
    service.run("ExecStop", stop)
    service.run("ExecStopPost", Command(source, host, "pod", "rm", id_file, "--ignore", "--force"))

    create = Command(source, host, "pod", "create", "--infra-conmon-pidfile=%t/%N.pid", id_file)
    create.add(f"--exit-policy={source.text('ExitPolicy') or 'stop'}", origin=source.last("ExitPolicy"))
    create.add("--replace")
    shared_keys.user_namespace(source, create)
    create.take(source, "PublishPort", "Label")
    shared_keys.networks(service, create, sources)
    create.take(
        source, "IP", "IP6", "ShmSize", "NetworkAlias", "DNS", "DNSOption", "DNSSearch", "AddHost", "HostName"
    )
    shared_keys.volumes(service, create, sources)
    create.add("--infra-name", f"{source.resource}-infra")
    create.add("--name", source.resource, origin=source.last("PodName"))
    create.take_arguments(source)
    service.run("ExecStartPre", create)
    service.add("Service", "Environment", UNIT_VARIABLE)
    service.set("Service", "Type", "forking")
    service.default("Service", "Restart", "on-failure")
    service.set("Service", "PIDFile", "%t/%N.pid")
    return service


def convert_kube(source: Source, host: Host, sources: dict[str, Source]) -> Service:
    """
    Raises:
        QuadletError
    """
    service = Service(source, host, sources)
    files = [(source.absolute(word), entry) for word, entry in source.words("Yaml")]
    if not files:
        raise source.error("no Yaml key specified")
    shared_keys.kill_mode(service)
    service.add("Service", "Environment", UNIT_VARIABLE)
    if shared_keys.service_type(service) != "oneshot":
        shared_keys.notify(service)
    service.default("Service", "SyslogIdentifier", "%N")
    play = Command(source, host, "kube", "play", "--replace", "--service-container=true")
    propagation = source.text("ExitCodePropagation")
    if propagation:
        play.add(f"--service-exit-code-propagation={propagation}", origin=source.last("ExitCodePropagation"))
    play.take(source, "LogDriver")
    for word, entry in source.words("LogOpt"):
        play.add("--log-opt", word, origin=entry)
    shared_keys.user_namespace(source, play, manual=False)
    shared_keys.networks(service, play, sources)
    for word, entry in source.words("AutoUpdate"):
        container, slash, policy = word.partition("/")
        label = f"{AUTO_UPDATE_LABEL}/{container}={policy}" if slash else f"{AUTO_UPDATE_LABEL}={word}"
        play.add(f"--annotation={label}", origin=entry)
    for word, entry in source.words("ConfigMap"):
        play.add("--configmap", source.absolute(word), origin=entry)
    play.take(source, "PublishPort")
    play.take_arguments(source)
    down = Command(source, host, "kube", "down")
    force = source.flag("KubeDownForce")
    if force is not None:
        down.flag("--force", force, source.last("KubeDownForce"))
    for path, entry in files:
        play.add(path, origin=entry)
        down.add(path, origin=entry)
    service.run("ExecStart", play)
    service.run("ExecStopPost", down)
    shared_keys.working_directory(service)
    return service
