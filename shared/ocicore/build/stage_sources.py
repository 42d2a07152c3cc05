"""What stages build on and read: base images, files of other stages, images and contexts, agents behind --ssh.

Images are found (and pulled) once a build, and mounted once a build; `close` takes it all down.
"""

from __future__ import annotations

import os
import threading

from ocicore.build import copy_context, leftovers
from ocicore.errors import Error, InvalidInput, NotFound
from ocicore.image.local import LocalImages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.build.agents import Agents
    from ocicore.build.environment import BuildEnvironment
    from ocicore.build.options import BuildOptions
    from ocicore.build.remote import RemoteOptions
    from ocicore.build.source_policy import SourcePolicy
    from ocicore.build.stages import Plan, Stage
    from ocicore.image.local import LocalImage


class Sources:
    """The sources of one build.

    Args:
        plan: its stages.
        ignored: patterns of the ignore file.
        stage_root: the files of a stage by its index, once it is finished.
        say: receives a line of progress.
        scratch: folder for what is temporary.
    """

    def __init__(
        self,
        options: BuildOptions,
        environment: BuildEnvironment,
        plan: Plan,
        *,
        ignored: list[str],
        stage_root: Callable[[int], str],
        say: Callable[[str], None],
        scratch: str,
    ) -> None:
        self.options = options
        self.environment = environment
        self.plan = plan
        self.images = LocalImages(environment.store)
        self._ignored = ignored
        self._stage_root = stage_root
        self._say = say
        self._scratch = scratch
        self._lock = threading.RLock()
        self._pulled: dict[tuple[str, str], LocalImage] = {}
        self._mounted: dict[str, str] = {}
        self._empty = ""
        self._agents: Agents | None = None
        self._policy: SourcePolicy | None = None
        if options.source_policy:
            from ocicore.build import source_policy

            self._policy = source_policy.load(options.source_policy)

    def close(self) -> None:
        """Unmount images, end agents."""
        with self._lock:
            for image_id in self._mounted:
                try:
                    self.environment.store.unmount_image(image_id)
                except Error as error:
                    self.environment.warn(f"unmounting image {image_id[:12]}: {error.message}")
            self._mounted.clear()
            if self._agents is not None:
                self._agents.close()
                self._agents = None
            if self._empty:
                os.rmdir(self._empty)
                self._empty = ""

    def find_image(self, name: str, platform: str) -> LocalImage:
        """A base image by name, pulled as --pull says; asked for once a build."""
        with self._lock:
            found = self._pulled.get((name, platform))
            if found is None:
                if self._policy is not None:
                    from ocicore.image import names

                    wanted = self._policy.image(
                        names.normalise(name) if not name.startswith("sha256:") else name
                    )
                    if wanted != names.normalise(name):
                        self._say(f"source policy: {name} is {wanted}")
                        return self.find_image_as(name, wanted, platform)
                try:
                    found = self.environment.find_image(name, self.options.pull, platform)
                except NotFound as error:
                    error.message = f"creating build container: {error.message}"
                    raise
                self._pulled[(name, platform)] = found
            return found

    def find_image_as(self, name: str, wanted: str, platform: str) -> LocalImage:
        """Another image in the place of `name`, as the source policy says."""
        found = self.environment.find_image(wanted, self.options.pull, platform)
        self._pulled[(name, platform)] = found
        return found

    def image_by_id(self, image_id: str) -> LocalImage:
        """An image of the store."""
        found = self.images.by_id(image_id)
        if found is None:
            raise NotFound(f"{image_id[:12]}: image not known", hint="it was removed while the build ran")
        return found

    def source_root(self, name: str, reader: Stage, verb: str) -> str:
        """The files behind --from=NAME: a build context, an earlier stage, or an image."""
        if not name:
            raise InvalidInput(f"{verb} --from= points to an empty value")
        name = self._context_of(name, reader)
        context = self.options.build_contexts.get(name)
        if context is not None and context[0] == "directory":
            return context[1]
        if context is None:
            found = self.plan.find(name, reader.index)
            if found is not None:
                try:
                    return self._stage_root(found.index)
                except NotFound as error:
                    raise NotFound(f"{verb} --from={name}: {error.message}", hint=error.hint) from error
        try:
            image = self.find_image(context[1] if context is not None else name, self.options.platform)
        except Error as error:
            near = [stage.alias for stage in self.plan.stages[: reader.index] if stage.alias]
            hint = f"stages before it: {', '.join(near)}" if near else error.message
            raise NotFound(
                f"{verb} --from={name}: no stage or image found with that name", hint=hint
            ) from error
        return self.root_of_image(image)

    def _context_of(self, name: str, reader: Stage) -> str:
        """The build context that takes the place of a stage named by its number, else the name as it is."""
        if not name.isdecimal() or name in self.options.build_contexts:
            return name
        found = self.plan.find(name, reader.index)
        return found.alias if found is not None and found.alias in self.options.build_contexts else name

    def root_of_image(self, image: LocalImage) -> str:
        """Mount an image once a build and give the path."""
        with self._lock:
            path = self._mounted.get(image.id)
            if path is not None:
                return path
            if not image.layer:
                # An image without layers is an empty root; there is nothing to mount.
                if not self._empty:
                    import tempfile

                    self._empty = tempfile.mkdtemp(prefix="empty-", dir=self._scratch)
                return self._empty
            # For prune, should this process be killed: it takes the mount down.
            with open(os.path.join(self._scratch, f"{leftovers.MOUNTED}{image.id}"), "wb"):
                path = self.environment.store.mount_image(image.id)
            self._mounted[image.id] = path
            return path

    def ssh_socket(self, identity: str) -> str:
        """The socket behind an id of --ssh, "" for an unknown one; for keys an agent is started."""
        paths = self.options.ssh.get(identity)
        if not paths:
            return ""
        import stat

        if stat.S_ISSOCK(os.stat(paths[0]).st_mode):
            return paths[0]
        with self._lock:
            if self._agents is None:
                from ocicore.build.agents import Agents

                self._agents = Agents(self._scratch, self.environment.environ)
            return self._agents.socket(paths)

    def mount_checksum(self, fields: dict[str, str], reader: Stage) -> str:
        """What a bind mount contributes to the cache's key: an image's digest or a digest of the files."""
        name = fields.get("from", "")
        if name:
            if name not in self.options.build_contexts and self.plan.find(name, reader.index) is not None:
                return ""
            context = self.options.build_contexts.get(name)
            if context is None or context[0] == "image":
                image = self.find_image(context[1] if context is not None else name, self.options.platform)
                return image.digest or ""
        root = self.source_root(name, reader, "RUN") if name else self.options.context
        return self._tree_digest(root, fields.get("source") or ".")

    def _tree_digest(self, root: str, path: str) -> str:
        from ocicore.build.ignore import IgnorePatterns
        from ocicore.build.transfer import Ownership

        options = copy_context.AddOptions(
            root,
            "/",
            Ownership(owner=(0, 0)),
            patterns=IgnorePatterns(self._ignored) if self._ignored else None,
        )
        return ":".join(copy_context.add("/proc/self/fdinfo/..", [path], options, write=False))

    def remote_options(self) -> RemoteOptions:
        """How ADD fetches."""
        from ocicore.build.remote import RemoteOptions

        return RemoteOptions(
            tls_verify=self.options.tls_verify is not False,
            cert_dir=self.options.cert_dir,
            retry=self.options.retry,
            scratch=self._scratch,
            environ=self.environment.environ,
            retry_delay=self.options.retry_delay,
            warn=self.environment.warn,
        )
