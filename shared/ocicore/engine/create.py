"""Making a container: image, configuration, root layer, volumes, record – or nothing at all.

Order: the record is written first (it owns the name), then the layer; when anything fails both go again. What is
kept in the record's `config`:

    runtime      see create_runtime.py; what only start knows (namespaces, mounts) is not in it
    image        {id, name, digest}; rootfs, rootfs_overlay: for --rootfs
    entrypoint, cmd, create_command      words
    namespaces   kind -> mode as typed, containers by id (options/namespaces.py)
    network      see create_network.py
    mounts       list of MountSpec (options/volumes.py), volumes by name
    log, health, restart, stop_signal, stop_timeout, timeout, stdin, secrets, labels …
    asked        options which only `inspect` and `clone` read, as they were typed
"""

from __future__ import annotations

import os
import time

from ocicore.engine import (
    cdi,
    create_mounts,
    create_namespaces,
    create_network,
    create_process,
    create_runtime,
    events,
    names,
)
from ocicore.engine.errors import NameTaken
from ocicore.engine.options import restart
from ocicore.errors import Conflict, Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.create_options import CreateOptions
    from ocicore.engine.pod_table import Pod
    from ocicore.engine.records import Container
    from ocicore.image.local import LocalImage
    from ocicore.oci.config import ImageConfig
    from ocicore.runtime.oci import OCIRuntime
    from ocicore.runtime.types import ContainerConfig

    #: name, options -> the image, pulled when the policy says so.
    Resolve = Callable[[str, CreateOptions], LocalImage]

#: Options whose values create_checks looks at.
_CHECKED = (
    "add_host arch decryption_key dns dns_search health_log_destination health_startup_cmd ip ip6 mac_address os pull "
    "retry_delay seccomp_policy sysctl tz umask variant"
).split()
#: Options that only mattered while the container was made; what else was typed is kept for `inspect` and `clone`.
_NOT_KEPT = frozenset(
    (
        "attach authfile cert_dir creds decryption_key detach detach_keys disable_content_trust platform pull quiet "
        "retry retry_delay sig_proxy signature_policy tls_verify variant"
    ).split()
)


def create(
    engine: Engine,
    options: CreateOptions,
    image_name: str,
    command: list[str],
    *,
    create_command: list[str],
    resolve: Resolve,
    pod: Pod | None = None,
    infra: bool = False,
) -> Container:
    """Make a container and return its record (status "configured").

    Args:
        options: what was asked for.
        image_name: image, or root directory with --rootfs.
        command: words after the image.
        create_command: the whole command line, for `inspect` and generated units.
        resolve: finds or pulls the image.
        pod: it is in, instead of what --pod names.
        infra: it holds that pod's namespaces.

    Raises:
        NameTaken, InvalidInput, NotFound, Error: nothing is left behind.
    """
    if pod is None and (options.pod or options.pod_id_file):
        return _in_pod(engine, options, image_name, command, create_command, resolve)
    name = _name(engine, options)
    image: LocalImage | None = None
    image_config: ImageConfig | None = None
    if not options.rootfs:
        image = resolve(image_name, options)
        image_config = image.config()
    for _ in range(_NAME_ATTEMPTS):
        plan = _Plan(engine, options, names.random_id(), name, image, image_config, pod, infra=infra)
        try:
            if not create_namespaces.chooses_ids(engine, options):
                plan.fill(image_name, command, create_command)
                return plan.commit()
            with engine.store.choosing_ids():
                plan.fill(image_name, command, create_command)
                return plan.commit()
        except NameTaken:
            if options.name:
                raise
            # Another process drew the same random name between our look and our record.
            name = _name(engine, options)
    raise Conflict(
        "choosing a name for the container: every one drawn was taken", hint="give one with --name"
    )


def _in_pod(
    engine: Engine,
    options: CreateOptions,
    image_name: str,
    command: list[str],
    create_command: list[str],
    resolve: Resolve,
) -> Container:
    """`create` for --pod and --pod-id-file. A pod that was made for it (new:NAME) goes again when it fails."""
    from ocicore.engine import pod_joining, pods

    if options.userns and options.pod and not options.pod.startswith("new:"):
        raise InvalidInput("--userns and --pod cannot be set together")
    pod, made = pods.find_or_make(engine, options, create_command=create_command, resolve=resolve)
    try:
        inside = pod_joining.options_in(engine, options, pod, made=made)
        return create(
            engine, inside, image_name, command, create_command=create_command, resolve=resolve, pod=pod
        )
    except BaseException:
        if made:
            from ocicore.engine import pod_verbs

            pod_verbs.remove(engine, pod, force=True)
        raise


#: Random names tried when others create containers at the same time.
_NAME_ATTEMPTS = 10


def _name(engine: Engine, options: CreateOptions) -> str:
    if options.replace and not options.name:
        raise InvalidInput("cannot replace container without --name being set")
    if not options.name:
        return names.random_name(lambda name: engine.state.containers.name_holder(name) is not None)
    name: str = names.check_name(options.name.removeprefix("/"))
    if options.replace:
        from ocicore.engine import remove
        from ocicore.errors import NotFound

        try:
            remove.remove(engine, engine.state.containers.find(name), force=True)
        except NotFound:
            # One of buildah, or a build that was interrupted.
            try:
                remove.remove_external(engine, name, force=True)
            except NotFound:
                pass
    return name


class _Plan:
    """Collects the decisions about one container and carries them out."""

    def __init__(
        self,
        engine: Engine,
        options: CreateOptions,
        container_id: str,
        name: str,
        image: LocalImage | None,
        image_config: ImageConfig | None,
        pod: Pod | None = None,
        *,
        infra: bool = False,
    ) -> None:
        self.pod = pod
        self.infra = infra
        self.engine = engine
        self.options = options
        self.id = container_id
        self.name = name
        self.image = image
        self.image_config = image_config
        self.created = time.time_ns()
        self.needed: list[str] = []
        self.config: dict[str, Any] = {}
        self.shown_mounts: list[str] = []
        self.mapping = create_namespaces.UserMapping([], [])
        self.image_name = ""

    def fill(self, image_name: str, command: list[str], create_command: list[str]) -> None:
        """Decide everything; changes nothing."""
        engine, options, image_config = self.engine, self.options, self.image_config
        conf = engine.config.containers
        if not options.given.isdisjoint(_CHECKED):
            from ocicore.engine import create_checks

            create_checks.check(engine.environ, options, image_config)
        entry, words = create_process.command_line(options, command, image_config)
        modes, needed = create_namespaces.modes(engine, options)
        self.needed += needed
        self.mapping = create_namespaces.user_mapping(
            engine,
            options,
            modes["user"],
            image=self.image.record if self.image else None,
            user=options.user or (image_config.user if image_config else ""),
        )
        network, needed = create_network.settings(engine, options, image_config)
        self.needed += needed
        mounts, needed, self.shown_mounts = create_mounts.merged(engine, options, image_config)
        self.needed += needed
        if self.pod is not None and self.pod.infra_id and not self.infra:
            # Even without a namespace in common: the pod's containers come and go with it.
            self.needed.append(self.pod.infra_id)
        for other in options.requires:
            self.needed.append(engine.state.containers.find(other).id)
        labels = create_process.all_labels(options, image_config)
        unit = self.engine.environ.get("PODMAN_SYSTEMD_UNIT", "")
        if unit:  # set by generated units; auto-update and the logs look for the label
            labels["PODMAN_SYSTEMD_UNIT"] = unit
        if "io.containers.autoupdate" in labels:
            from ocicore.engine import auto_update

            auto_update.check_name(labels[auto_update.POLICY_LABEL], image_name)
        if network.pop("ignored_ports", None):
            engine.notice(
                "Port mappings have been discarded as one of the Host, Container, Pod, and None "
                "network modes are in use"
            )
        runtime = create_runtime.read(
            engine,
            options,
            image_config,
            [*entry, *words],
            identity=self.id,
            name=self.name,
            created=self.created,
            modes=modes,
            mapping=self.mapping,
            oci_runtime=self._oci_runtime,
        )
        self._check(runtime, {**modes, "net": network["kind"]})
        self.image_name = self._image_name(image_name)
        self.config = {
            "runtime": runtime,
            "image": {
                "id": self.image.id if self.image else "",
                "name": self.image_name,
                "digest": self.image.digest if self.image else "",
            },
            "entrypoint": entry,
            "cmd": words,
            "create_command": create_command,
            "namespaces": modes,
            "network": network,
            "mounts": mounts,
            "labels": labels,
            "log": create_process.log_settings(engine, options),
            "health": create_process.health_check(options, image_config),
            "restart": restart.read(options.restart),
            "stop_signal": create_process.stop_signal(options, image_config),
            "stop_timeout": create_runtime.stop_timeout(engine, options),
            "timeout": options.timeout,
            "stdin": options.interactive,
            "secrets": self._secrets(),
            "auto_remove": options.rm,
            "auto_remove_image": options.rmi,
            "sdnotify": options.sdnotify or "container",
            "sdnotify_socket": engine.environ.get("NOTIFY_SOCKET", "")
            if options.sdnotify != "ignore"
            else "",
            "preserve_fds": options.preserve_fds,
            "conmon_pidfile": options.conmon_pidfile,
            "pidfile": options.pidfile,
            "passwd": options.passwd,
            "tz": options.tz or conf.tz or "",
            "oci_runtime": self._oci_runtime().path,
            "runtime_asked": engine.options.runtime if "/" in engine.options.runtime else "",
            "cidfile": options.cidfile,
            "image_user": image_config.user if image_config else "",
            "workdir_given": bool(options.workdir),
            "cdi": self._cdi_devices(),
            "asked": {key: getattr(options, key) for key in sorted(options.given) if key not in _NOT_KEPT},
        }
        if options.rootfs:
            path, _, flags = image_name.partition(":")
            self.config["rootfs"] = os.path.abspath(path)
            self.config["rootfs_overlay"] = flags == "O"
            if flags.partition("=")[0] == "idmap":
                self.config["rootfs_idmap"] = flags
            elif flags not in ("", "O"):
                raise InvalidInput(f"invalid option for --rootfs: {flags!r}", hint="choose O or idmap")
            if not os.path.isdir(self.config["rootfs"]):
                raise Error(f"checking rootfs {path}: no such directory")
        if options.sdnotify not in ("", "container", "conmon", "ignore", "healthy"):
            raise InvalidInput(
                f'invalid value "{options.sdnotify}" for --sdnotify: choose container, conmon, healthy or ignore'
            )
        if options.sdnotify == "healthy" and not self.config["health"]:
            raise InvalidInput('invalid argument: sdnotify policy "healthy" requires a healthcheck to be set')

    def _image_name(self, typed: str) -> str:
        if self.image is None:
            return ""
        found = self.image.found_as
        if found and found != self.image.id:
            return found
        return self.image.names[0] if self.image.names else self.image.id

    def _cdi_devices(self) -> list[str]:
        """Names of CDI devices, which must be known now. Raises NotFound, InvalidInput."""
        engine, options = self.engine, self.options
        given = (*engine.config.containers.devices, *options.device)
        found = [text for text in given if cdi.is_name(text)] + cdi.gpus(options.gpus)
        if found:
            cdi.Registry(engine.cdi_dirs).edits(found)
        return found

    def _secrets(self) -> list[dict[str, Any]]:
        if not self.options.secret:
            return []
        from ocicore.engine import secret_options

        return secret_options.resolve(self.engine, self.options.secret)

    def _check(self, runtime: ContainerConfig, modes: dict[str, str]) -> None:
        """Unknown capabilities, devices that are not there and the like are refused now, not at the start."""
        from ocicore.runtime import spec

        shared: Any = {
            kind: {"mode": "host"} for kind in ("pid", "ipc", "uts", "net") if modes.get(kind) == "host"
        }
        spec.check({**runtime, "namespaces": shared}, host=self.engine.host)

    def _oci_runtime(self) -> OCIRuntime:
        from ocicore.engine import runtime_choice

        if self.image_config is None:
            return self.engine.runtime()
        return runtime_choice.for_platform(self.engine, self.image_config.os, self.image_config.architecture)

    def commit(self) -> Container:
        """Write the record, make the layer and the volumes, write the id file.

        The lock keeps others from removing the record before the layer is there, which would belong to nobody then.
        """
        with self.engine.lock(self.id):
            return self._commit_locked()

    def _commit_locked(self) -> Container:
        engine = self.engine
        from ocicore.engine import volumes

        made: list[str] = []
        container: Container | None = None
        try:
            used = volumes.provide(engine, self.config["mounts"], made)
            container = engine.state.containers.add(
                id=self.id,
                name=self.name,
                created=self.created,
                image_id=self.config["image"]["id"],
                image_name=self.image_name,
                command=self.config["runtime"]["args"],
                labels=self.config["labels"],
                ports=self._shown_ports(),
                exposed=self.config["network"]["exposed"],
                networks=sorted(self.config["network"]["networks"]),
                mounts=self.shown_mounts,
                config=self.config,
                auto_remove=self.options.rm,
                cidfile=self.options.cidfile,
                pod_id=self.pod.id if self.pod else "",
                is_infra=self.infra,
                dependencies=self.needed,
                volumes=used,
            )
            self._make_layer()
            if engine.config.containers.prepare_volume_on_create:
                from ocicore.engine import prepare

                prepare.fill_volumes(engine, container)
            if self.options.cidfile:
                _write_id_file(self.options.cidfile, self.id)
        except BaseException:
            self._undo(container, made)
            engine.locks.discard(self.id)
            raise
        data: dict[str, Any] = {}
        if engine.config.engine.events_container_create_inspect_data:
            from ocicore.engine import inspecting
            from ocicore.files import quick_json

            data["ContainerInspectData"] = quick_json.dumps(inspecting.inspect(engine, container, size=True))
        events.container(engine, "create", container, **data)
        return container

    def _shown_ports(self) -> list[Any]:
        """What `ps` prints: in another container's network that one's ports."""
        network = self.config["network"]
        if network["kind"] == "container":
            return self.engine.state.containers.find(network["target"]).ports
        ports: list[Any] = network["ports"]
        return ports

    def _make_layer(self) -> None:
        """The container's entry and read-write layer in the store. Raises NameTaken for a name of podman's."""
        import_options: dict[str, Any] = {}
        maps = create_namespaces.storage_maps(self.mapping)
        if maps is not None:
            import_options["id_maps"] = maps
        metadata = {
            "image-name": self.image_name,
            "image-id": self.config["image"]["id"],
            "name": self.name,
            "created-at": self.created // 1_000_000_000,
        }
        from ocicore.files import quick_json

        try:
            self.engine.store.create_container(
                id=self.id,
                names=[self.name],
                image=self.config["image"]["id"] or None,
                metadata=quick_json.dumps(metadata),
                volatile=self.options.rm,
                **import_options,
            )
        except Conflict:
            for other in self.engine.store.containers():
                if self.name in other.names:
                    raise NameTaken(self.name, other.id, external=True) from None
            raise

    def _undo(self, container: Container | None, made: list[str]) -> None:
        from ocicore.engine import volumes
        from ocicore.errors import NotFound

        if container is not None:
            try:
                self.engine.store.delete_container(self.id)
            except NotFound:
                pass
            self.engine.state.containers.remove(container)
        for name in made:
            volumes.remove_record(self.engine, name)


def _write_id_file(path: str, container_id: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        os.write(descriptor, container_id.encode())
        os.close(descriptor)
    except OSError as error:
        raise Error(f"writing container id file {path}: {(error.strerror or '').lower()}") from error
