"""RUN of a Containerfile: environment, mounts, and what of them belongs into the cache's key."""

from __future__ import annotations

import os

from ocicore.build import run as runs
from ocicore.build import run_mounts
from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.build.containerfile import Instruction
    from ocicore.build.instructions import RunRequest
    from ocicore.build.stage_run import StageBuild
    from ocicore.build.working import WorkingContainer

_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")


class RunStep:
    """One RUN in one stage."""

    def __init__(self, build: StageBuild, instruction: Instruction, request: RunRequest) -> None:
        self.build = build
        self.instruction = instruction
        self.request = request

    def reads_executed_stage(self) -> bool:
        """Whether it mounts from a stage that was not wholly found in the cache."""
        for text in self.request.mounts:
            name = run_mounts.parse_fields(text).get("from")
            if name and self.build.executor.stage_was_executed(name, self.build.stage):
                return True
        return False

    def checksums(self) -> str:
        """Digests of what bind mounts show, each after a colon."""
        result = ""
        for text in self.request.mounts:
            fields = run_mounts.parse_fields(text)
            if fields["type"] != "bind":
                continue
            found = self.build.executor.sources.mount_checksum(fields, self.build.stage)
            if found:
                result += ":" + found
        return result

    def perform(self) -> None:
        """Run the command; raises CommandFailed with its status."""
        import tempfile

        build = self.build
        executor = build.executor
        options = executor.options
        request = self.request
        root = build.mounted()
        container = build.container
        if container is None:
            raise Error("running a command: the working container is gone")
        container.draft.config.update(
            {
                key: value
                for key, value in build.state.draft.config.items()
                if key in ("Hostname", "Domainname")
            }
        )
        command = runs.RunOptions(request.args)
        command.env = {**self._proxies(), **build.state.variables()}
        command.user = build.state.draft.text("User")
        command.working_dir = build.working_dir()
        command.network = request.network or options.network
        command.hostname = executor.hostname
        self._check_network(command.network)
        command.cap_add = list(options.cap_add)
        command.cap_drop = list(options.cap_drop)
        command.devices = list(options.devices)
        command.group_add = list(options.group_add)
        command.security_options = list(options.security_options)
        command.isolation = options.isolation
        command.builtin_volumes = list(build.state.draft.config.get("Volumes") or ())
        command.cdi_config_dir = options.cdi_config_dir
        command.privileged = request.security == "insecure"
        command.no_hosts = options.no_hosts
        command.no_hostname = options.no_hostname
        if options.hooks_dirs:
            container.options["OCIHooksDir"] = list(options.hooks_dirs)
        command.stdin = 0 if options.pass_stdin else executor.null
        with tempfile.TemporaryDirectory(prefix="run-", dir=executor.scratch) as scratch:
            sources = run_mounts.MountSources(
                context=options.context,
                stage_root=lambda name: executor.sources.source_root(name, build.stage, "RUN"),
                secrets=options.secrets,
                ssh=executor.sources.ssh_socket,
                id_maps=options.id_maps,
                scratch=scratch,
                fill_cache=executor.fill_cache if options.cache_mounts else None,
                note_cache=executor.note_cache,
            )
            try:
                prepared = run_mounts.prepare(
                    [*options.mounts, *request.mounts],
                    sources=sources,
                    environment=executor.environment,
                    working_dir=command.working_dir,
                )
            except Error as error:
                raise executor.step_error(self.instruction, error) from error
            command.mounts = prepared
            try:
                if options.compat_volumes:
                    runs.make_volumes(container, root, command.builtin_volumes)
                    self._protect_volumes(root, scratch, prepared)
                if request.script is not None:
                    self._use_script(scratch, command, prepared)
                build.ensure_working_dir()
                executor.flush()
                status = self._watched(container, root, command)
            except Error as error:
                raise executor.step_error(self.instruction, error) from error
            finally:
                prepared.close()
        if status:
            executor.containers.step_failed = True
            raise runs.CommandFailed(
                status,
                f'building at STEP "{self.instruction.message}": while running runtime: exit status {status}',
            )

    def _watched(self, container: WorkingContainer, root: str, command: runs.RunOptions) -> int:
        """Run the command, what it writes going to whoever watches."""
        executor = self.build.executor
        place = self.build.place
        assert place is not None
        given = executor.command_stdout, executor.command_stderr
        with executor.progress.streams(place, *given) as (command.stdout, command.stderr):
            return runs.run(container, root, command, executor.environment)

    def _check_network(self, mode: str) -> None:
        """--network of a RUN is one of three words, or a namespace."""
        if (
            not self.request.network
            or mode in ("none", "host", "default", "private")
            or mode.startswith("ns:")
        ):
            return
        raise self.build.executor.step_error(
            self.instruction,
            InvalidInput(f'unsupported value "{mode}" for RUN --network', hint="default, none or host"),
        )

    def _protect_volumes(self, root: str, scratch: str, prepared: run_mounts.Prepared) -> None:
        """--compat-volumes: the command sees copies of the volumes, so that its changes there are lost."""
        from ocicore.linux import archive, resolve

        for number, path in enumerate(sorted(self.build.state.draft.config.get("Volumes") or ())):
            source = resolve.resolve_in_root(root, path, missing_ok=True)
            if not os.path.isdir(source):
                continue
            copy = os.path.join(scratch, f"volume-copy-{number}")
            os.mkdir(copy)
            status = os.stat(source)
            os.chown(copy, status.st_uid, status.st_gid)
            os.chmod(copy, status.st_mode & 0o7777)
            descriptors = [
                os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for name in (source, copy)
            ]
            try:
                archive.copy_tree(*descriptors, in_user_namespace=self.build.executor.environment.rootless)
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
            prepared.mounts.append(
                {"type": "bind", "source": copy, "destination": path, "options": ["rbind", "rprivate"]}
            )

    def _proxies(self) -> dict[str, str]:
        if not self.build.executor.options.run_settings.get("HTTPProxy", True):
            return {}
        environ = self.build.executor.environment.environ
        names = [*_PROXIES, *(name.upper() for name in _PROXIES)]
        return {name: environ[name] for name in names if environ.get(name)}

    def _use_script(self, scratch: str, command: runs.RunOptions, prepared: run_mounts.Prepared) -> None:
        """A here-document with `#!`: the text becomes an executable file in the container."""
        name, text = self.request.script or ("", "")
        path = os.path.join(scratch, "script")
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
        os.chmod(path, 0o755)
        command.args = [f"/dev/pipes/{os.path.basename(name)}"]
        prepared.mounts.append(
            {
                "type": "bind",
                "source": path,
                "destination": command.args[0],
                "options": ["bind", "rprivate", "ro"],
            }
        )
