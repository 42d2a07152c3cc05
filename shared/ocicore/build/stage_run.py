"""Building one stage: every step looked up, performed and committed in turn.

With layers each step becomes an image (buildah's scheme, so that caches are shared); without, one working
container takes all steps and one image is written at the end – if anybody needs it.
"""

from __future__ import annotations

from time import monotonic

from ocicore.build import step_cache, usage
from ocicore.build.containerfile import Instruction, parse
from ocicore.build.copy_step import CopyStep
from ocicore.build.instructions import PREDEFINED_ARGS, CopyRequest, RunRequest, StageState
from ocicore.build.progress import Place
from ocicore.build.run_step import RunStep
from ocicore.build.stage_image import StageImage
from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.build.executor import Executor
    from ocicore.build.stages import Stage
    from ocicore.image.local import LocalImage

_LAYERED = ("add", "copy", "run")


class StageBuild(StageImage):
    """One stage being built.

    Attributes:
        place: where the build is.
        executed: a step of this stage was performed, not found in the cache.
    """

    def __init__(self, executor: Executor, stage: Stage, *, position: int, total: int) -> None:
        super().__init__(executor, stage, position=position, total=total)
        self._checking = executor.options.layers and executor.options.use_cache
        self.place: Place | None = None
        self._began = 0.0
        #: VOLUME makes its folders only at the end or where a command may look for them, as buildah has it.
        self._volumes_made = False
        self.executed = False

    # -- the stage ------------------------------------------------------------------------

    def build(self) -> None:
        """Build the stage; `image` and `root_path` are usable afterwards."""
        self._check_cancelled()
        if self.stage.base_stage is None:
            # Before the base is looked for: pulling it may take a while, and may fail.
            written = len(self.stage.instructions) + (1 if self.last and self.executor.options.labels else 0)
            self._at(1, written + 1, _display_from(self.stage, self._context_image()))
            self.executor.flush()
        try:
            instructions = self._begin()
        except Error as error:
            if self.place is not None:
                self.executor.progress.failed(self.place, error.message)
            raise
        steps = len(instructions) + 1
        if self.stage.base_stage is not None:
            alias = f" AS {self.stage.alias}" if self.stage.alias else ""
            base = self._base.id if self._base is not None else self.stage.base
            self._at(1, steps, f"FROM {base}{alias}")
        if not instructions:
            self._no_steps()
            self._ended()
            return
        for number, instruction in enumerate(instructions):
            following = instructions[number + 1 :]
            self._volumes_made = not following or any(later.name == "run" for later in following)
            self._check_cancelled()
            self._at(number + 2, steps, _display(instruction))
            final = number == len(instructions) - 1
            if instruction.name == "arg":
                self._check_arguments(instruction)
            before = usage.now() if self.executor.options.log_usage else None
            try:
                if self.executor.options.layers:
                    self._layered_step(instruction, final=final)
                else:
                    self._plain_step(instruction, final=final)
            except Error as error:
                assert self.place is not None
                self.executor.progress.failed(self.place, error.message)
                if self.executor.containers.keeps_failed():
                    self._container()
                raise
            if before is not None:
                self.executor.say_usage(usage.since(before))
        self._ended()

    def _check_cancelled(self) -> None:
        if self.executor.cancelled:
            raise Error("build was cancelled because another stage failed")

    def _at(self, step: int, steps: int, text: str) -> None:
        """A step begins, and the one before it is done."""
        self._ended()
        self.place = Place(
            self.executor.options.label, self.position, self.total, self.stage.alias or "", step, steps
        )
        self._began = monotonic()
        self.executor.progress.began(self.place, text)

    def _ended(self) -> None:
        if self.place is not None:
            self.executor.progress.ended(self.place, monotonic() - self._began)

    def _say_image(self, image: LocalImage) -> None:
        """The image up to this step; not where its id goes into a file."""
        if not self.executor.options.iid_file and self.place is not None:
            self.executor.progress.made(self.place, image.id)

    def _context_image(self) -> str:
        """The image that --build-context puts in the place of the base, "" for none."""
        kind, value = self.executor.options.build_contexts.get(self.stage.base, ("", ""))
        return value.removeprefix("docker://") if kind == "image" else ""

    def _check_arguments(self, instruction: Instruction) -> None:
        """A word about every ARG that nothing gives a value."""
        executor = self.executor
        known = {
            *executor.options.build_args,
            *executor.plan.heading_args,
            *executor.platform_args(""),
            *PREDEFINED_ARGS,
        }
        for word in instruction.args:
            if "=" not in word and word not in known and word not in self.state.draft.env():
                executor.missing_argument(word)

    def _begin(self) -> list[Instruction]:
        executor = self.executor
        options = executor.options
        stage = self.stage
        if stage.base_stage is not None:
            self._base = executor.stage_image(stage.base_stage)
        elif stage.base != "scratch":
            context = options.build_contexts.get(stage.base)
            name = context[1] if context is not None and context[0] == "image" else stage.base
            self._base = executor.sources.find_image(name, stage.platform or options.platform)
        self.image = self._base
        draft = self._draft_of(self._base)
        if self._base is not None:
            from ocicore.files import quick_json

            self.base_created = str(quick_json.loads(self._base.config_bytes()).get("created") or "")
            if not options.inherit_labels and stage.base_stage is None:
                draft.config.pop("Labels", None)
        if options.platform:
            # What was asked for is what the image says, whatever FROM --platform brought.
            wanted = executor.platform("")
            draft.top.update({"architecture": wanted.architecture, "os": wanted.os})
            draft.top.pop("variant", None)
            if wanted.variant:
                draft.top["variant"] = wanted.variant
        self.state = StageState(
            draft,
            user_args=options.build_args,
            heading_args=executor.plan.heading_args,
            platform_args=executor.platform_args(stage.platform),
            escape=executor.escape,
            honour_shell=options.format == "docker",
            warn=executor.remark,
        )
        for text in options.envs:
            name, separator, value = text.partition("=")
            if not separator:
                value = executor.environment.environ.get(name, "")
            draft.set_env(name, value)
        triggers = draft.command("OnBuild")
        instructions = list(stage.instructions)
        if triggers and stage.base_stage is None:
            draft.set_list("OnBuild", None)
            parsed = parse("\n".join(triggers) + "\n", f"{stage.base} (ONBUILD)")
            instructions = [*parsed.instructions, *instructions]
        if self.last:
            instructions += executor.label_instructions()
        return instructions

    def _no_steps(self) -> None:
        options = self.executor.options
        changes = (
            options.squash or options.annotations or options.unset_env or options.unset_labels or options.envs
        )
        if self._base is not None and not (self.last and changes):
            if self.last:
                self._log_commit()
                self._tag(self._base)
        elif self.last or self.executor.needs_image(self.stage) or self.executor.needs_root(self.stage):
            if self.last:
                self._log_commit()
            # Nothing was done to the files: a new configuration, and for scratch no layer at all.
            self.image = self._commit(
                created_by="/bin/sh", empty=not options.squash, final=True, squash=options.squash
            )
        if self.image is not None:
            self._say_image(self.image)

    # -- steps ----------------------------------------------------------------------------

    def _plain_step(self, instruction: Instruction, *, final: bool) -> None:
        content = self._perform(instruction)
        created_by = step_cache.key(self.state, instruction, content)
        container = self._container()
        self.executed = True
        if not final:
            container.add_history(self._times().created, created_by)
            return
        if self.last or self.executor.needs_image(self.stage) or self.executor.options.save_stages:
            if self.last:
                self._log_commit()
            squash = self.executor.options.squash and self.last
            self.image = self._commit(created_by=created_by, empty=False, final=True, squash=squash)
            self._say_image(self.image)
        container.draft = self.state.draft
        container.save()

    def _layered_step(self, instruction: Instruction, *, final: bool) -> None:
        options = self.executor.options
        adds_layer = instruction.name in _LAYERED
        request = self._apply(instruction)
        content = ""
        copy_step = CopyStep(self, instruction, request) if isinstance(request, CopyRequest) else None
        run_step = RunStep(self, instruction, request) if isinstance(request, RunRequest) else None
        squash = options.squash and final and self.last
        look_up = (
            self._checking
            and not (squash and adds_layer)
            and not (run_step is not None and run_step.reads_executed_stage())
        )
        if copy_step is not None and look_up:
            content = copy_step.digest()
        found = None
        base = self.image
        local = False
        if look_up:
            created_by = step_cache.key(self.state, instruction, content, run_step)
            found = self.executor.cache.find(self.image, created_by, adds_layer=adds_layer)
            if found is None:
                found = step_cache.pull(self.executor, self.image, created_by, adds_layer=adds_layer)
            else:
                local = True
                assert self.place is not None
                self.executor.progress.cached(self.place, found)
        if found is not None:
            from ocicore.build import cache_budget

            cache_budget.note_use(self.executor.environment.store, found)
            keep = self.executor.containers.keeps_step(final=final)
            if keep:
                self._container()
            self._forget_container(keep=keep)
            self.image = self.executor.sources.image_by_id(found)
            if final and self.last:
                self._log_commit()
                if squash:
                    self.image = self._commit(
                        created_by=step_cache.key(self.state, instruction, content, run_step),
                        empty=False,
                        final=True,
                        squash=True,
                    )
                else:
                    self._tag(self.image)
            if local:
                # It may have come to be in a build that pushed nothing.
                step_cache.push(
                    self.executor,
                    self.executor.sources.image_by_id(found),
                    base,
                    created_by,
                    adds_layer=adds_layer,
                )
        else:
            self._checking = False
            self.executed = True
            if copy_step is not None:
                content = copy_step.perform()
            elif run_step is not None:
                run_step.perform()
            if adds_layer:
                # As buildah: a working directory comes to be with the next step that has a layer.
                self._ensure_working_dir(instruction)
            created_by = step_cache.key(self.state, instruction, content, run_step)
            if final and self.last:
                self._log_commit()
            self.image = self._commit(
                created_by=created_by,
                empty=not adds_layer,
                final=final,
                squash=squash,
                consume=copy_step is not None
                and not squash
                and not self.executor.containers.keeps_step(final=final),
            )
            step_cache.push(self.executor, self.image, base, created_by, adds_layer=adds_layer)
            self._forget_container(keep=self.executor.containers.keeps_step(final=final))
        self._say_image(self.image)

    def _apply(self, instruction: Instruction) -> CopyRequest | RunRequest | None:
        return self.state.apply(instruction)

    def _perform(self, instruction: Instruction) -> str:
        """Do what the instruction says in the working container; the digest text of what was copied."""
        request = self._apply(instruction)
        content = ""
        if isinstance(request, CopyRequest):
            content = CopyStep(self, instruction, request).perform()
        elif isinstance(request, RunRequest):
            RunStep(self, instruction, request).perform()
        elif instruction.name == "volume" and self._volumes_made:
            self._make_volumes(instruction)
        if request is not None or instruction.name == "workdir":
            self._ensure_working_dir(instruction)
        return content

    def _ensure_working_dir(self, instruction: Instruction) -> None:
        try:
            self.ensure_working_dir()
        except Error as error:
            raise self.executor.step_error(instruction, error) from error

    def _make_volumes(self, instruction: Instruction) -> None:
        """Volumes are folders from their declaration on, as with buildah 1.39 where a RUN follows or no step does."""
        from ocicore.build.run import make_volumes

        root = self.mounted()
        try:
            make_volumes(self._container(), root, list(self.state.draft.config.get("Volumes") or ()))
        except Error as error:
            paths = " ".join(self.state.draft.config.get("Volumes") or ())
            reason = error.message.rpartition(": ")[2]
            raise self.executor.step_error(
                instruction, Error(f"open {paths}: {reason}", hint=error.hint)
            ) from error


def _display(instruction: Instruction) -> str:
    text = instruction.original.rstrip()
    for heredoc in instruction.heredocs:
        lines = heredoc.content.strip().split("\n")
        text += f" ({lines[0]}{'...' if len(lines) > 1 else ''})"
    return text


def _display_from(stage: Stage, instead: str) -> str:
    base = instead or stage.base
    text = f"FROM {base}"
    if stage.platform:
        text = f"FROM --platform={stage.platform} {base}"
    return f"{text} AS {stage.alias}" if stage.alias else text
