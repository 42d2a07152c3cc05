"""From the global options to a store: what every command that touches it does first.

An ordinary user enters the user namespace shared with podman and pypod before anything is opened. On the hot path.
"""

from __future__ import annotations

import os

from ocicore.config import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from ocicore.build.environment import BuildEnvironment
    from ocicore.cli.bind import Bound
    from ocicore.cli.context import Context
    from ocicore.cli.user_namespace import UserNamespace
    from ocicore.config.containers_conf import ContainersConfig
    from ocicore.config.paths import UserPaths
    from ocicore.image.local import LocalImage, LocalImages
    from ocicore.image.types import SystemContext
    from ocicore.oci.platform import Platform
    from ocicore.storage.records import Image
    from ocicore.storage.store import Store


class Session:
    """One command's view of the world: user, store, images."""

    __slots__ = ("_conf", "_images", "_store", "ctx", "environ", "user")

    def __init__(self, ctx: Context, *, enter: bool = True) -> None:
        self.ctx = ctx
        alias_file = ctx.globals.short_name_alias_conf
        self.environ: Mapping[str, str] = (
            {**ctx.environ, "CONTAINERS_SHORT_NAME_ALIASES_CONF": alias_file} if alias_file else ctx.environ
        )
        self.user: UserPaths = paths.user_paths(ctx.environ)
        self._store: Store | None = None
        self._conf: ContainersConfig | None = None
        self._images: LocalImages | None = None
        if enter:
            enter_namespace(ctx, self.user)

    @property
    def store(self) -> Store:
        """The store the global options name."""
        if self._store is None:
            from ocicore.config import storage_conf
            from ocicore.storage.store import Store

            given = self.ctx.globals
            config = storage_conf.load(
                self.user,
                self.ctx.environ,
                root=given.root or None,
                runroot=given.runroot or None,
                driver=given.storage_driver or None,
                options=given.storage_opt,
                imagestore=given.imagestore or None,
                transient=given.transient_store,
                warn=self.ctx.warn,
            )
            self._store = Store(config, rootless=self.user.rootless, warn=self.ctx.warn)
        return self._store

    @property
    def conf(self) -> ContainersConfig:
        """containers.conf."""
        if self._conf is None:
            from ocicore.config import containers_conf

            self._conf = containers_conf.load(self.user, self.ctx.environ)
        return self._conf

    @property
    def images(self) -> LocalImages:
        """The store's images."""
        if self._images is None:
            from ocicore.image.local import LocalImages

            self._images = LocalImages(self.store, self._short_names)
        return self._images

    def _short_names(self) -> tuple[Mapping[str, str], Sequence[str]]:
        from ocicore.config import registries_conf

        config = registries_conf.load(self.user, self.environ, file=self.ctx.globals.registries_conf or None)
        return config.aliases, config.unqualified_search

    def system_context(self, args: Any = None) -> SystemContext:
        """Credentials, certificates and configuration for talking to registries."""
        from pybuildah.remote import system_context

        return system_context(self, args)

    def find_image(
        self, name: str, policy: str = "missing", platform: str = "", args: Any = None, *, quiet: bool = True
    ) -> LocalImage:
        """An image by name; pulled as the policy says ("always", "missing", "never", "newer")."""
        from ocicore.errors import NotFound

        wanted = None
        if platform:
            from ocicore.oci import platform as platforms

            wanted = platforms.parse(platform)
        from ocicore.oci import digest

        local = name.removeprefix("containers-storage:")
        if local != name or digest.is_valid(name):
            return self.images.find(local, wanted)
        from ocicore.image import transport

        elsewhere = transport.has_transport(name) and not name.startswith("docker://")
        if policy in ("missing", "never", "ifmissing", "false") and not elsewhere:
            try:
                found = self.stored_image(name.removeprefix("docker://"), policy, wanted)
            except NotFound:
                if policy in ("never", "false"):
                    raise
            else:
                if found is not None:
                    return found
                policy = "always"  # the store has it for another platform
        from pybuildah.remote import pull

        pulled = pull(self, name, policy, platform, args, quiet=quiet)[0]
        if wanted is not None:
            warn_platform(pulled, wanted, self.ctx.warn)
        return pulled

    def stored_image(self, name: str, policy: str, wanted: Platform | None) -> LocalImage | None:
        """An image of the store; None when the one there is not of the platform, or not of its variant where one is named.

        What is there has to do when nothing may be pulled and the platform is simply this machine's: too many images say
        something wrong about it.

        Raises:
            NotFound: there is none, or it is for another platform and nothing may be pulled.
        """
        from ocicore.errors import NotFound
        from ocicore.oci import platform as platforms

        if wanted is None:
            return self.images.find(name)
        never = policy in ("never", "false")
        try:
            found = self.images.find(name, wanted)
        except NotFound:
            if not never:
                raise
            found = self.images.find(name)
        config = found.config()
        has = platforms.normalise(platforms.Platform(config.os, config.architecture, config.variant))
        here = platforms.host()
        other = (has.os, has.architecture) != (wanted.os, wanted.architecture)
        # Who names an image by its ID knows which one that is.
        if (other or wanted.variant not in ("", has.variant)) and not found.id.startswith(name):
            if not never:
                return None
            if wanted.variant or (wanted.os, wanted.architecture) != (here.os, here.architecture):
                raise NotFound(
                    f"{name}: image not known",
                    hint=f"the one that is here is for {has}, not for {wanted}, and the pull policy is never",
                )
        warn_platform(found, wanted, self.ctx.warn)
        return found

    def user_namespace(self, args: Any, image: Image | None = None) -> UserNamespace:
        """--userns and its maps, with the defaults of the global options."""
        from ocicore.cli import user_namespace

        given = self.ctx.globals
        return user_namespace.decide(
            args,
            self.store,
            rootless=self.user.rootless,
            uid_maps=given.userns_uid_map,
            gid_maps=given.userns_gid_map,
            image=image,
        )

    def environment(self, args: Any = None) -> BuildEnvironment:
        """What builds and `run` need."""
        from ocicore.build.environment import BuildEnvironment

        conf = self.conf
        engine = conf.engine
        manager = self.ctx.globals.cgroup_manager or "cgroupfs"
        made = BuildEnvironment(
            self.store,
            paths=self.user,
            rootless=self.user.rootless,
            environ=self.ctx.environ,
            warn=self.ctx.warn,
            find_image=lambda name, policy, platform: self.find_image(
                name, policy, platform, args, quiet=made.quiet_pulls or bool(getattr(args, "quiet", True))
            ),
            runtime=getattr(args, "runtime", "") or self.ctx.environ.get("BUILDAH_RUNTIME", ""),
            runtime_flags=getattr(args, "runtime_flag", ()),
            runtimes=engine.runtimes,
            configured_runtime=engine.runtime,
            cgroup_manager=manager,
            containers_conf=conf,
            hooks_dirs=engine.hooks_dir,
            push_image=lambda image_id, destination: self._push(image_id, destination, args),
            platforms_of=lambda name: self._platforms(name, args),
            debug=lambda text: self.ctx.log("debug", text),
            network_config_dir=getattr(args, "cni_config_dir", ""),
        )
        return made

    def leftovers(self) -> Iterator[str]:
        """Remove what killed builds left: ids of containers, paths."""
        from ocicore.build import leftovers

        made = self.environment()
        return leftovers.remove(self.store, made.temporary_root(), os.geteuid(), made.networks())

    def _push(self, image_id: str, destination: str, args: Any) -> None:
        from ocicore.build import flags
        from pybuildah import remote

        options = flags.cache_copy(args)
        options.blob_cache = remote.blob_cache(args, remote.layer_wish(args))
        remote.push(
            self, image_id, destination, args, options=options, layers=remote.layer_wish(args), quiet=True
        )

    def _platforms(self, name: str, args: Any) -> list[str]:
        from ocicore.image import pull

        return pull.offered_platforms(self.system_context(args), name)


def warn_platform(image: LocalImage, wanted: Platform, warn: Callable[[str], None]) -> None:
    """An image without variants, or for another platform, is used, but not silently."""
    from ocicore.oci.platform import Platform, normalise

    config = image.config()
    has = Platform(config.os, config.architecture, config.variant)
    if normalise(has) != normalise(wanted):
        text = f"{config.os}/{config.architecture}" + (f"/{config.variant}" if config.variant else "")
        warn(f"image platform ({text}) does not match the expected platform ({wanted})")


#: Options whose values `argument_checks` looks at.
_CHECKED = (
    "arch",
    "compression_format",
    "creds",
    "decryption_key",
    "encryption_key",
    "format",
    "os",
    "platform",
    "pull",
    "retry_delay",
    "signature_policy",
    "variant",
)


def check_files(bound: Bound, ctx: Context) -> None:
    """Before any command but login: an authentication file that was named must be there, and some options make sense."""
    ctx.log("debug", f"running {' '.join(bound.path)}")
    if bound.globals.cpu_profile or bound.globals.memory_profile:
        from ocicore.cli import profiling

        profiling.begin(bound.globals.cpu_profile, bound.globals.memory_profile)
    path = str(getattr(bound.args, "authfile", "") or "")
    if bound.path[0] == "logout":
        path = path or str(getattr(bound.args, "compat_auth_file", "") or "")
    if path and bound.path[0] != "login" and not os.path.exists(path):
        from ocicore.errors import NotFound

        raise NotFound(f"credential file is not accessible: stat {path}: no such file or directory")
    if not bound.args.given_names().isdisjoint(_CHECKED):
        from pybuildah import argument_checks

        argument_checks.check(bound.args, ctx)


def enter_namespace(ctx: Context, user: UserPaths) -> None:
    """As an ordinary user: become root in the user namespace that podman, pypod and we share."""
    if not user.rootless or os.geteuid() == 0:
        return
    from ocicore.linux import userns

    pause = f"{user.runtime_dir}/libpod/tmp/pause.pid"
    ensured = userns.ensure(pause, user.username, user.uid, user.gid, ctx.warn)
    if ensured.created:
        from ocicore.systemd import scopes

        scopes.keep_pause(ensured.pause_pid, uid=user.uid, runtime_dir=user.runtime_dir)


def namespace_variables(user: UserPaths) -> dict[str, str]:
    """Variables that tell children whose user namespace they are in."""
    if not user.rootless:
        return {}
    return {
        "_CONTAINERS_USERNS_CONFIGURED": "done",
        "_CONTAINERS_ROOTLESS_UID": str(user.uid),
        "_CONTAINERS_ROOTLESS_GID": str(user.gid),
    }
