"""kube play: what a file of Kubernetes YAML describes is made and started."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import yaml

from ocicore.engine import create, network_verbs, pod_verbs, pods, secrets, service_container, volumes
from ocicore.engine.create_options import CreateOptions
from ocicore.errors import Error, InvalidInput
from ocicore.kube import documents, notify, pod_options, pod_volumes, pull_policies, service
from ocicore.kube.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ocicore.engine.context import Engine
    from ocicore.engine.pod_table import Pod
    from ocicore.engine.records import Container, Volume
    from ocicore.image.local import LocalImage

    Json = dict[str, Any]
    #: (image, pull policy) -> the image, found, pulled or built.
    FindImage = Callable[[str, str], LocalImage]

NETWORK = "podman-default-kube-network"
_IMPORT = "volume.podman.io/import-source"
_VOLUME_OPTIONS = {
    "volume.podman.io/device": "device",
    "volume.podman.io/type": "type",
    "volume.podman.io/mount-options": "o",
}
_MAX_ANNOTATIONS = 256 * 1024


class PlayOptions:
    """What the command line adds.

    Attributes:
        values: options by attribute name: network, publish, publish_all, ip, mac_address, no_hosts, no_hostname,
            userns, log_driver, log_opt, replace, start, no_pod_prefix.
        annotations: for every pod; config_maps: further ConfigMap objects; create_command: words.
        service: make a container that lives as long as the pods, for a service manager.
        exit_codes: how that one ends when containers fail, see engine/service_container.py.
    """

    __slots__ = ("annotations", "config_maps", "create_command", "exit_codes", "service", "values")

    def __init__(
        self,
        values: Mapping[str, Any],
        *,
        annotations: Mapping[str, str],
        config_maps: Sequence[Json],
        create_command: list[str],
        service: bool = False,
        exit_codes: str = "none",
    ) -> None:
        self.values = values
        self.annotations = dict(annotations)
        self.config_maps = list(config_maps)
        self.create_command = create_command
        self.service = service
        self.exit_codes = exit_codes or "none"
        if self.exit_codes not in service_container.POLICIES:
            raise InvalidInput(f'unsupported exit-code propagation "{exit_codes}"')


class PlayedPod:
    """One pod that was made: pod, containers (without infra), errors of containers that did not start."""

    __slots__ = ("containers", "errors", "pod", "proxies")

    def __init__(self, pod: Pod) -> None:
        self.pod = pod
        self.proxies: list[tuple[Container, notify.Proxy]] = []
        self.containers: list[Container] = []
        self.errors: list[str] = []


class Report:
    """What was made: volumes (names), secrets (ids), pods, the id of the service container, its exit status where play waited."""

    __slots__ = ("exit_code", "pods", "secrets", "service_id", "volumes")

    def __init__(self) -> None:
        self.volumes: list[str] = []
        self.secrets: list[str] = []
        self.pods: list[PlayedPod] = []
        self.service_id = ""
        self.exit_code = 0


def play(
    engine: Engine, objects: Sequence[Json], options: PlayOptions, *, find_image: FindImage, text: bytes
) -> Report:
    """Make and start what the objects describe.

    Args:
        objects: from documents.load.
        find_image: finds, pulls or builds an image.
        text: the file, whose hash names the service container.

    Raises:
        InvalidInput: nothing that can be played. Error: something could not be made; what was made before stays,
            but the pod in which it failed goes.
    """
    report = Report()
    player = _Player(engine, options, find_image, report)
    supported = player.collect(objects)
    if not supported:
        if player.config_maps:
            raise InvalidInput(
                "ConfigMaps in podman are not a standalone object and must be used in a container"
            )
        raise InvalidInput("YAML document does not contain any supported kube kind")
    if options.service and any(value["kind"] in _PODS for value in supported):
        player.service = service.create(engine, text, options.exit_codes)
        report.service_id = player.service.id
    try:
        try:
            for value in supported:
                player.make(value)
        except BaseException:
            if player.service is not None and not report.pods:
                service.remove(engine, player.service)
            raise
        if player.service is not None:
            proxied = any(played.proxies for played in report.pods)
            report.exit_code = service.announce(engine, player.service, started=_ran(report), stay=proxied)
    finally:
        for played in report.pods:
            for _, proxy in played.proxies:
                proxy.close()
    return report


def _ran(report: Report) -> bool:
    """Did any container start?"""
    return any(len(played.errors) < len(played.containers) for played in report.pods)


_PODS = ("Pod", "Deployment", "DaemonSet", "Job")


class _Player:
    def __init__(self, engine: Engine, options: PlayOptions, find_image: FindImage, report: Report) -> None:
        self.engine = engine
        self.options = options
        self.find_image = find_image
        self.report = report
        self.config_maps: dict[str, Json] = {}
        self.service: Container | None = None
        self._addresses = list(options.values.get("ip") or ())
        self._macs = list(options.values.get("mac_address") or ())

    def collect(self, objects: Sequence[Json]) -> list[Json]:
        """Take the ConfigMaps out; the objects that can be made. Raises InvalidInput for a name used twice."""
        supported = []
        for value in objects:
            if value["kind"] == "ConfigMap":
                self.config_maps[documents.name_of(value, "configmap")] = value
            elif value["kind"] in (*_PODS, "PersistentVolumeClaim", "Secret"):
                supported.append(value)
        for value in self.options.config_maps:
            name = documents.name_of(value, "configmap")
            if name in self.config_maps:
                raise InvalidInput(
                    f"ambiguous configuration: the same config map {name} is present in YAML and in a "
                    "--configmap file"
                )
            self.config_maps[name] = value
        return supported

    def make(self, value: Json) -> None:
        """One object."""
        kind = value["kind"]
        if kind == "Secret":
            self._secret(value)
        elif kind == "PersistentVolumeClaim":
            self._claim(value)
        elif kind == "Pod":
            self._pod(documents.name_of(value, "pod"), value)
        else:
            name = documents.name_of(value, kind.lower())
            where = f"{kind.lower()} {name}"
            if not name:
                raise InvalidInput(f"{kind.lower()} does not have a name")
            spec = documents.mapping(value, "spec", where)
            if kind == "Deployment" and (documents.number(spec, "replicas", where) or 1) > 1:
                self.engine.warn("Limiting replica count to 1, more than one replica is not supported")
            self._pod(f"{name}-pod", documents.mapping(spec, "template", where))

    def _secret(self, value: Json) -> None:
        name = documents.name_of(value, "secret")
        if not name:
            raise InvalidInput("secret does not have a name")
        if documents.flag(value, "immutable", f"secret {name}"):
            self.engine.debug(f"secret {name}: immutable has no meaning here")
        from ocicore.kube.sources import secret_data

        secret_data(value, name)  # refused now, not when it is used
        if any("/" in key for key in (*(value.get("data") or {}), *(value.get("stringData") or {}))):
            raise InvalidInput(f"secret {name}: keys must not contain '/'")
        data = yaml.safe_dump(value, sort_keys=False).encode()
        labels = documents.string_map(documents.mapping(value, "metadata", name), "labels", f"secret {name}")
        replace = bool(self.options.values.get("replace"))
        self.report.secrets.append(secrets.create(self.engine, name, data, labels=labels, replace=replace))

    def _claim(self, value: Json) -> None:
        name = documents.name_of(value, "persistent volume claim")
        if not name:
            raise InvalidInput("persistent volume claim name can not be empty")
        where = f"persistent volume claim {name}"
        metadata = documents.mapping(value, "metadata", where)
        annotations = {**documents.string_map(metadata, "annotations", where), **self.options.annotations}
        wanted = {option: annotations[key] for key, option in _VOLUME_OPTIONS.items() if annotations.get(key)}
        ids: dict[str, int | None] = {}
        for key, word in (("volume.podman.io/uid", "uid"), ("volume.podman.io/gid", "gid")):
            number = annotations.get(key, "")
            if number and not number.isdigit():
                raise InvalidInput(f"cannot convert {word} {number} to integer")
            ids[word] = int(number) if number else None
        driver = annotations.get("volume.podman.io/driver", "local")
        if driver == "image" and annotations.get("volume.podman.io/image"):
            raise InvalidInput(f"{where}: volumes of the image driver are not supported")
        volume = self.engine.state.volumes.get(name)
        if volume is None:
            volume = volumes.create(
                self.engine,
                name,
                labels=documents.string_map(metadata, "labels", where),
                options=wanted,
                driver=driver,
                uid=ids["uid"],
                gid=ids["gid"],
            )
        self.report.volumes.append(volume.name)
        if annotations.get(_IMPORT):
            self._import(volume, annotations[_IMPORT])

    def _import(self, volume: Volume, path: str) -> None:
        """Fill a volume from a tar file."""
        from ocicore.engine import tar_stream

        try:
            source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise Error(f"open {path}: {(error.strerror or '').lower()}") from error
        volumes.mount(self.engine, volume)
        try:
            tar_stream.read_tree(source, volume.mountpoint, rootless=self.engine.rootless)
            self.engine.state.volumes.update(volume, needs_copy_up=False, needs_chown=False)
        finally:
            volumes.unmount(self.engine, volume)
            os.close(source)

    def _pod(self, name: str, template: Json) -> None:
        if not name:
            raise InvalidInput("pod does not have a name")
        engine, options = self.engine, self.options
        where = f"pod {name}"
        annotations = {**pod_options.annotations_of(template, where), **options.annotations}
        _check_annotations(annotations)
        spec = documents.mapping(template, "spec", where)
        containers = documents.objects(spec, "containers", where)
        inits = documents.objects(spec, "initContainers", where)
        names = pod_options.names_of([*inits, *containers], f'pod "{name}"')
        sources = Sources(engine, self.config_maps)
        values = pod_options.pod_values(name, template, publish_all=bool(options.values.get("publish_all")))
        self._add_command_line(values, names)
        if options.values.get("replace"):
            try:
                pod_verbs.remove(engine, engine.state.pods.find(name), force=True)
            except Error as error:
                engine.debug(f"replacing pod {name}: {error.message}")
        for config in (*inits, *containers):
            self._image_of(config, where)
        prepared = pod_volumes.prepare(engine, spec, sources, name, find_image=self.find_image)
        if self.service is not None:
            values["service"] = self.service.id

        def resolve(image: str, wanted: CreateOptions) -> LocalImage:
            return self.find_image(image, wanted.pull if "pull" in wanted.given else "missing")

        pod = pods.create(
            engine, pods.PodOptions(values), create_command=options.create_command, resolve=resolve
        )
        played = PlayedPod(pod)
        try:
            for config in (*inits, *containers):
                init = config in inits
                container = self._container(
                    pod, template, config, prepared, sources, annotations, resolve, init=init
                )
                if not init:
                    played.containers.append(container)
                    if container.config["sdnotify"] != "ignore":
                        self._proxy(played, container)
        except BaseException:
            for _, proxy in played.proxies:
                proxy.close()
            pod_verbs.remove(engine, pod, force=True)
            raise
        self.report.pods.append(played)
        if options.values.get("start", True):
            try:
                pod_verbs.start(engine, pod)
            except pod_verbs.PodFailure as error:
                played.errors += [
                    f"starting container {identifier}: {failure.message}"
                    for identifier, failure in error.failures
                ] or [error.message]
            for container, proxy in played.proxies:
                engine.state.containers.refresh(container)
                proxy.wait(container)

    def _proxy(self, played: PlayedPod, container: Container) -> None:
        """A socket for the container, on which it says that it is ready."""
        proxy = notify.Proxy()
        played.proxies.append((container, proxy))
        config = {**container.config, "sdnotify_proxy": proxy.path, "sdnotify_socket": proxy.path}
        self.engine.state.containers.update(container, config=config)

    def _image_of(self, config: Json, where: str) -> str:
        """The image is there before anything is made."""
        image = documents.text(config, "image", where)
        if not image:
            name = documents.text(config, "name", where)
            raise InvalidInput(f"{where}: container {name}: it needs an image")
        policy = documents.text(config, "imagePullPolicy", where)
        self.find_image(image, pull_policies.read(policy, "imagePullPolicy", image, where))
        return image

    def _container(
        self,
        pod: Pod,
        template: Json,
        config: Json,
        prepared: dict[str, pod_volumes.PodVolume],
        sources: Sources,
        annotations: dict[str, str],
        resolve: create.Resolve,
        *,
        init: bool,
    ) -> Container:
        options = self.options.values
        where = f"pod {pod.name}"
        own = documents.text(config, "name", where)
        values, words = pod_options.container_values(
            self.engine,
            template,
            config,
            pod_name=pod.name,
            full_name=own if options.get("no_pod_prefix") else f"{pod.name}-{own}",
            volumes=prepared,
            sources=sources,
            annotations=annotations,
            facts=_facts(pod, template, config, where),
            seccomp_root=str(options.get("seccomp_profile_root") or ""),
            init=init,
        )
        values["pull"] = "missing"
        values["sdnotify"] = "ignore" if init else notify.policy_of(annotations, own)
        values["replace"] = bool(options.get("replace"))  # one of buildah may have taken the name
        for key in ("log_driver", "log_opt"):
            if options.get(key):
                values[key] = options[key]
        from ocicore.engine import pod_joining

        inside = pod_joining.options_in(self.engine, CreateOptions(values), pod, made=False)
        return create.create(
            self.engine,
            inside,
            documents.text(config, "image", where),
            words,
            create_command=self.options.create_command,
            resolve=resolve,
            pod=pod,
        )

    def _add_command_line(self, values: Json, names: list[str]) -> None:
        options = self.options.values
        for key in ("no_hosts", "no_hostname"):
            if options.get(key):
                values[key] = True
        if values.get("no_hosts") and values.get("add_host"):
            raise InvalidInput("HostAliases in yaml file will not work with --no-hosts")
        networks = list(options.get("network") or ())
        if networks:
            values["network"] = networks
        elif "network" not in values:
            network_verbs.create(self.engine, {"name": NETWORK, "dns_enabled": True}, ignore=True)
            values["network"] = [NETWORK]
        bridge = all(word.partition(":")[0] not in _MODES for word in values["network"])
        if bridge:
            # Containers find each other under the names that the file gives them.
            values["network_alias"] = names
        for key, left in (("ip", self._addresses), ("mac_address", self._macs)):
            if not left:
                continue
            if not bridge:
                raise InvalidInput(
                    "static addresses can only be set when the network mode is bridge: invalid argument"
                )
            values[key] = left.pop(0)
        if options.get("publish"):
            values["publish"] = _merged(values["publish"], options["publish"])
        if options.get("userns"):
            values["userns"] = options["userns"]
        if values.get("userns") in ("host", ""):
            values.pop("userns", None)


_MODES = ("host", "none", "private", "slirp4netns", "pasta", "ns", "container", "bridge")


def _merged(own: list[str], given: Sequence[str]) -> list[str]:
    """Ports of the command line replace the file's for the same container port."""

    def inside(text: str) -> str:
        last = text.rpartition(":")[2]
        return last if "/" in last else f"{last}/tcp"

    replaced = {inside(text) for text in given}
    return [*(text for text in own if inside(text) not in replaced), *given]


def _check_annotations(annotations: Mapping[str, str]) -> None:
    """Kubernetes' rules: "[PREFIX/]NAME", 256 KiB in all. Raises InvalidInput."""
    import re

    total = 0
    for key, value in annotations.items():
        prefix, slash, name = key.rpartition("/")
        named = re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", name)
        if not named or (slash and not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9./-]*[A-Za-z0-9])?", prefix)):
            raise InvalidInput(f"annotation key {key!r} is invalid")
        total += len(key) + len(value)
    if total > _MAX_ANNOTATIONS:
        raise InvalidInput(f"annotations size {total} is larger than limit {_MAX_ANNOTATIONS}")


def _facts(pod: Pod, template: Json, config: Json, where: str) -> dict[str, str]:
    """What environment variables may refer to."""
    from ocicore.kube import quantities

    metadata = documents.mapping(template, "metadata", where)
    facts = {"metadata.name": pod.name, "metadata.uid": pod.id}
    for key in ("labels", "annotations"):
        for name, value in documents.string_map(metadata, key, where).items():
            facts[f"metadata.{key}['{name}']"] = value
    resources = documents.mapping(config, "resources", where)
    for kind in ("limits", "requests"):
        values = documents.mapping(resources, kind, where)
        cpus = os.cpu_count() or 1
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        facts[f"{kind}.cpu"] = str(-(-quantities.milli(values.get("cpu", cpus), where) // 1000))
        facts[f"{kind}.memory"] = str(quantities.whole(values.get("memory", pages), where))
    return facts
