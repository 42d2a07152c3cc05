"""The build: stages in order (or side by side), shared roots, progress lines, and the result.

`build(options, environment, …)` is what `pybuildah build` and `pypod build` call. Output is buildah's, line for
line: STEP, COMMIT, -->, Successfully tagged; the image id comes from the caller.
"""

from __future__ import annotations

import contextlib
import os
import threading

from ocicore.build import build_end, containerfile, copy_context, stages
from ocicore.build.build_containers import BuildContainers
from ocicore.build.cache import BuildCache
from ocicore.build.options import BuildOptions, BuildResult
from ocicore.build.progress import BuildProgress
from ocicore.build.run import CommandFailed
from ocicore.build.stage_run import StageBuild
from ocicore.build.stage_sources import Sources
from ocicore.errors import Error, InvalidInput, NotFound
from ocicore.oci import platform as platforms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.build.containerfile import Instruction
    from ocicore.build.draft import ImageDraft
    from ocicore.build.environment import BuildEnvironment
    from ocicore.build.stages import Stage
    from ocicore.image.local import LocalImage
    from ocicore.oci.platform import Platform

#: Every RUN sees the same host name, whoever builds where: names leak into what commands write.
_HOSTNAME = "build"


def build(
    options: BuildOptions,
    environment: BuildEnvironment,
    *,
    progress: BuildProgress,
    flush: Callable[[], None] | None = None,
    command_stdout: int = 1,
    command_stderr: int = 2,
    log_file: str = "",
) -> BuildResult:
    """Build an image from Containerfiles.

    Args:
        progress: told what is done (nothing when `options.quiet`; of commands only their errors are heard then).
        flush: called before a command writes to the descriptors itself.
        command_stdout, command_stderr: where the output of RUN goes.
        log_file: with several platforms, each writes to LOG_FILE_OS_ARCH instead.

    Raises:
        SyntaxProblem: the Containerfile, with file and line.
        CommandFailed: a RUN failed; its status is the error's exit status.
        Error: anything else, the step named.
    """

    def make(own: BuildOptions, label: str) -> Executor:
        own.label = label
        if label and log_file:
            return _logged(own, environment, log_file)
        return Executor(own, environment, progress, flush, command_stdout, command_stderr)

    if options.choose_id_maps is not None:
        from ocicore.build import reserved_ids

        with reserved_ids.reserved(environment.store, options.choose_id_maps) as options.id_maps:
            options.choose_id_maps = None
            return build(
                options,
                environment,
                progress=progress,
                flush=flush,
                command_stdout=command_stdout,
                command_stderr=command_stderr,
                log_file=log_file,
            )
    executor = make(options, "")
    try:
        chosen = options.platforms
        if options.all_platforms:
            from ocicore.build import many_platforms

            if environment.platforms_of is None:
                raise Error("--all-platforms: this program cannot ask registries")
            chosen = many_platforms.of_base_images(executor.base_names(), environment.platforms_of)
        if len(chosen) > 1 or (options.all_platforms and chosen):
            from ocicore.build import many_platforms

            result, images = many_platforms.build(options, chosen, make)
            return build_end.finish(executor, images, result)
        return executor.run()
    finally:
        executor.close()


def _logged(options: BuildOptions, environment: BuildEnvironment, log_file: str) -> Executor:
    """The build of one platform with a log file of its own (--logsplit)."""
    platform = platforms.parse(options.platform)
    path = f"{log_file}_{platform.os}_{platform.architecture}"
    try:
        stream = open(path, "w", encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise Error(f'opening logfile: "{path}": {(error.strerror or "").lower()}') from error

    def write(text: str) -> None:
        stream.write(text + "\n")

    made = Executor(
        options, environment, BuildProgress(write), stream.flush, stream.fileno(), stream.fileno()
    )
    made.at_end.append(stream.close)
    return made


class Executor:
    """One build in progress; see `build`."""

    def __init__(
        self,
        options: BuildOptions,
        environment: BuildEnvironment,
        progress: BuildProgress,
        flush: Callable[[], None] | None,
        command_stdout: int,
        command_stderr: int,
    ) -> None:
        from time import time_ns

        self.options = options
        self.environment = environment
        self.started = time_ns()
        self.hostname = _HOSTNAME
        self._stage_failed = False
        self.null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        self.command_stdout = self.null if options.quiet else command_stdout
        self.command_stderr = command_stderr
        self.flush = flush or (lambda: None)
        self.progress = BuildProgress(lambda text: None) if options.quiet else progress
        self._usage_lock = threading.Lock()
        self._builds: dict[int, StageBuild] = {}
        self._done: dict[int, threading.Event] = {}
        self._lock = threading.RLock()
        self._warned: set[str] = set()
        #: Folders of the cache mounts that were used, by identity.
        self.cache_mounts: dict[str, str] = {}
        #: Ids of the images written, in order.
        self.made: list[str] = []
        #: Called when the build is over.
        self.at_end: list[Callable[[], None]] = []
        self.containers = BuildContainers(
            environment.store, options, lambda: environment.commands().stopped(), environment.warn
        )
        self.full_names = [_full_name(tag) for tag in options.tags if not is_elsewhere(tag)]
        #: Where the image goes besides: references in other transports.
        self.destinations = [tag for tag in options.tags if is_elsewhere(tag)]
        if not os.path.isdir(options.context):
            raise NotFound(f"build context {options.context}: not a directory")
        self.ignore_patterns, self.ignore_file = copy_context.load_patterns(
            options.context, options.ignore_file, [name for name, _ in options.containerfiles]
        )
        self.cache = BuildCache(
            environment.store,
            format=options.format,
            ttl=options.cache_ttl,
            explain=self.say if options.explain_cache else None,
            debug=environment.debug,
        )
        parsed = [_parsed(number, name, text) for number, (name, text) in enumerate(options.containerfiles)]
        if not any(file.instructions for file in parsed):
            name = options.containerfiles[0][0] if options.containerfiles else "Containerfile"
            raise InvalidInput(f'no contents in "{name}"')
        for file in parsed:
            for warning in file.warnings:
                environment.warn(warning)
        self.escape = parsed[0].escape
        self.plan = stages.plan(
            parsed,
            target=options.target,
            user_args=options.build_args,
            platform_args=self.platform_args(""),
            base_override=options.base,
            contexts=options.build_contexts,
            skip_unused=options.skip_unused_stages,
            warn=self.remark,
        )
        self.scratch = environment.scratch()
        self.sources = Sources(
            options,
            environment,
            self.plan,
            ignored=self.ignore_patterns,
            stage_root=self._stage_root,
            say=self.say,
            scratch=self.scratch,
        )

    # -- running --------------------------------------------------------------------------

    @property
    def cancelled(self) -> bool:
        """No stage is to begin another step: one of them failed, or a signal came."""
        return self._stage_failed or self.environment.commands().stopped()

    def run(self) -> BuildResult:
        """Build every stage the target needs."""
        plan = self.plan.build
        for stage in plan:
            self._done[stage.index] = threading.Event()
        total = len(plan)
        jobs = self.options.jobs or os.cpu_count() or 1
        pending = [(position + 1, stage) for position, stage in enumerate(plan)]
        if jobs == 1 or total == 1:
            for position, stage in pending:
                self._build_stage(stage, position, total)
        else:
            self._run_parallel(pending, total, jobs)
        image = self._builds[self.plan.target.index].image
        if image is None:
            raise Error("build: the target stage left no image")
        image = build_end.complete(self, image)
        return build_end.finish(self, [image], BuildResult(image.id, image.digest or "", list(image.names)))

    def fill_cache(self, identity: str, folder: str) -> None:
        """A cache mount was made: bring its content from a repository of --cache-from."""
        from ocicore.build import cache_exchange

        environment = self.environment
        found = cache_exchange.fill(
            environment.store,
            folder,
            identity,
            self.options.cache_from,
            lambda name: environment.find_image(name, "always", ""),
            in_user_namespace=environment.rootless,
        )
        if found:
            self.say(f"--> Cache mount {identity} pulled from remote {found}")

    def note_cache(self, identity: str, folder: str) -> None:
        """A cache mount is used."""
        with self._lock:
            self.cache_mounts[identity] = folder

    def base_names(self) -> list[str]:
        """Base images that are no stages and no build contexts, full names in the order of use."""
        found = [
            stage.base for stage in self.plan.build if stage.base_stage is None and stage.base != "scratch"
        ]
        contexts = self.options.build_contexts
        named = [contexts[name][1] if name in contexts else name for name in found]
        return list(dict.fromkeys(named))

    def _build_stage(self, stage: Stage, position: int, total: int) -> None:
        running = StageBuild(self, stage, position=position, total=total)
        with self._lock:
            self._builds[stage.index] = running
        try:
            running.build()
        finally:
            self._done[stage.index].set()

    def _run_parallel(self, pending: list[tuple[int, Stage]], total: int, jobs: int) -> None:
        from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

        finished: set[int] = set()
        running: dict[Future[None], Stage] = {}
        problem: BaseException | None = None
        wanted = {stage.index for _, stage in pending}
        with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="stage") as pool:
            while pending or running:
                for entry in list(pending):
                    position, stage = entry
                    if problem is None and (stage.needs & wanted) <= finished and len(running) < jobs:
                        pending.remove(entry)
                        running[pool.submit(self._build_stage, stage, position, total)] = stage
                if not running:
                    break
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    stage = running.pop(future)
                    failure = future.exception()
                    if failure is not None and problem is None:
                        problem = failure
                        self._stage_failed = True
                    finished.add(stage.index)
        if problem is not None:
            raise problem

    def close(self) -> None:
        """Remove working containers and mounts, whatever happened."""
        with contextlib.ExitStack() as undo:
            undo.callback(os.close, self.null)
            while self.at_end:
                undo.callback(self.at_end.pop())
            undo.callback(self.sources.close)
            undo.callback(self.containers.close)

    # -- output ---------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """One progress line."""
        self.progress.say(self.options.label + text)

    def say_usage(self, text: str) -> None:
        """What a step used: to the file of --rusage-logfile, else among the other lines."""
        path = self.options.usage_file
        if not path:
            self.say(text)
            return
        try:
            with self._usage_lock, open(path, "a", encoding="utf-8") as stream:
                stream.write(text + "\n")
        except OSError as error:
            raise Error(f"writing {path}: {(error.strerror or '').lower()}") from error

    def missing_argument(self, name: str) -> None:
        """An ARG that has no value."""
        self.environment.warn(
            f'missing "{name}" build argument. Try adding "--build-arg {name}=<VALUE>" to the command line'
        )

    def remark(self, text: str) -> None:
        """A warning of the build itself."""
        self.say(f"[Warning] {text}")

    def warn_lost(self, draft: ImageDraft, *, final: bool) -> None:
        """Say once what OCI's configuration has no place for."""
        lost = {
            "Healthcheck": "HEALTHCHECK is not supported for OCI image format and will be ignored. Must use `docker` format",
            "OnBuild": "ONBUILD is not supported for OCI image format, {} will be ignored. Must use `docker` format",
            "Shell": "SHELL is not supported for OCI image format, {} will be ignored. Must use `docker` format",
        }
        for key, text in lost.items():
            value = draft.config.get(key)
            if value and key not in self._warned:
                self._warned.add(key)
                shown = "[" + " ".join(value) + "]" if isinstance(value, list) else ""
                self.environment.warn(text.format(shown))

    def step_error(self, instruction: Instruction, error: Error | OSError) -> Error:
        """The error of a step, with the step and where it is written."""
        self.containers.step_failed = True
        where = f"{instruction.file}:{instruction.line}"
        if isinstance(error, Error):
            message, hint, status = error.message, error.hint, error.exit_status
        else:
            message = ": ".join(
                part for part in (str(error.filename or ""), (error.strerror or str(error)).lower()) if part
            )
            hint, status = None, None
        hint = f"{hint}; {where}" if hint else where
        return Error(f'building at STEP "{instruction.message}": {message}', hint=hint, status=status)

    # -- what stages ask for --------------------------------------------------------------

    def platform(self, text: str) -> Platform:
        """The platform a stage is built for: that of the whole build, else what its FROM says."""
        chosen = self.options.platform or text
        return platforms.parse(chosen) if chosen else platforms.host()

    def platform_args(self, text: str) -> dict[str, str]:
        """TARGETPLATFORM and its relatives."""
        del text  # --platform of a FROM changes the base, not what the build is for
        target = self.options.platform
        return stages.platform_arguments(
            platforms.parse(target) if target else platforms.host(), platforms.host()
        )

    def stage_image(self, index: int) -> LocalImage | None:
        """The image of a finished stage; None for an empty one."""
        self._wait(index)
        return self._builds[index].image

    def _stage_root(self, index: int) -> str:
        self._wait(index)
        running = self._builds.get(index)
        if running is None:
            # Only a base image's ONBUILD, or its environment, can name what the plan did not see.
            raise NotFound(
                "the stage was left out, since no instruction was seen to need it",
                hint="--skip-unused-stages=false builds all of them",
            )
        return running.root_path()

    def _wait(self, index: int) -> None:
        event = self._done.get(index)
        if event is not None:
            event.wait()
        if self.cancelled:
            raise Error("build was cancelled because another stage failed")

    def needs_image(self, stage: Stage) -> bool:
        """Whether a later stage is built on this one."""
        return any(other.base_stage == stage.index for other in self.plan.build)

    def needs_root(self, stage: Stage) -> bool:
        """Whether a later stage reads this one's files."""
        return any(stage.index in other.needs for other in self.plan.build)

    def stage_was_executed(self, name: str, reader: Stage) -> bool:
        """Whether the stage `name` had steps that were not in the cache."""
        found = self.plan.find(name, reader.index)
        if found is None or name in self.options.build_contexts:
            return False
        self._wait(found.index)
        running = self._builds.get(found.index)
        return running is not None and running.executed

    def label_instructions(self) -> list[Instruction]:
        """--label as an instruction at the end of the last stage."""
        if not self.options.labels:
            return []
        words = []
        for text in self.options.labels:
            key, _, value = text.partition("=")
            if not key:
                raise InvalidInput(f'--label "{text}": the name is empty', hint="expected KEY=VALUE")
            words.append(f"{_quoted(key)}={_quoted(value)}")
        line = "LABEL " + " ".join(words)
        parsed = containerfile.parse_line(line, "--label", 1)
        # The values are literal: nothing in them is a variable.
        parsed.args = [
            "'" + word.replace("'", "'\"'\"'") + "'"
            for text in self.options.labels
            for word in text.partition("=")[::2]
        ]
        return [parsed]


def is_elsewhere(tag: str) -> bool:
    """Whether a --tag is a reference in a transport, such as dir:PATH."""
    scheme, separator, _ = tag.partition(":")
    return bool(separator) and scheme in (
        "dir",
        "oci",
        "oci-archive",
        "docker-archive",
        "docker-daemon",
        "docker",
    )


def _full_name(tag: str) -> str:
    from ocicore.image import names

    try:
        return names.normalise(tag.removeprefix("containers-storage:"))
    except Error as error:
        reason = error.message.partition(": ")[2] or error.message
        raise InvalidInput(f"tag {tag}: {reason}", hint=error.hint) from error


def _parsed(number: int, name: str, text: str) -> containerfile.Containerfile:
    try:
        return containerfile.parse(text, name)
    except containerfile.SyntaxProblem as error:
        if number:
            reason = error.message.removeprefix(f"{name}:").removeprefix(f"{error.line}: ")
            error.message = f"parsing additional Dockerfile {name}: {reason}"
        raise


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


__all__ = ["BuildOptions", "BuildResult", "CommandFailed", "Executor", "build"]
