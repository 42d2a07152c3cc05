"""Building one stage: every step looked up, performed and committed in turn.

With layers each step becomes an image (buildah's scheme, so that caches are shared); without, one working
container takes all steps and one image is written at the end – if anybody needs it.
"""

from __future__ import annotations

import os
from time import monotonic

from ocicore.build import commit as commits
from ocicore.build import usage, working
from ocicore.build.cache import created_by_text
from ocicore.build.containerfile import Instruction, parse
from ocicore.build.copy_step import CopyStep
from ocicore.build.draft import ImageDraft
from ocicore.build.instructions import PREDEFINED_ARGS, CopyRequest, RunRequest, StageState
from ocicore.build.progress import Place
from ocicore.build.run_step import RunStep
from ocicore.errors import Error, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.build.executor import Executor
    from ocicore.build.stages import Stage
    from ocicore.build.working import WorkingContainer
    from ocicore.image.local import LocalImage

_LAYERED = ("add", "copy", "run")


class StageBuild:
    """One stage being built.

    Attributes:
        image: the stage's image so far; with layers, after every step.
        container: the working container steps are performed in, made when first needed.
        root: where it is mounted, "" before.
    """

    def __init__(self, executor: Executor, stage: Stage, *, position: int, total: int) -> None:
        self.executor = executor
        self.stage = stage
        self.position = position
        self.total = total
        self.image: LocalImage | None = None
        self.container: WorkingContainer | None = None
        self.root = ""
        self.state: StageState
        self.base_created = ""
        self._checking = executor.options.layers and executor.options.use_cache
        self._base: LocalImage | None = None
        self._images_root = ""
        #: Where the build is.
        self.place: Place | None = None
        self._began = 0.0
        #: VOLUME makes its folders only at the end or where a command may look for them, as buildah has it.
        self._volumes_made = False
        #: A step of this stage was performed, not found in the cache.
        self.executed = False

    @property
    def last(self) -> bool:
        """Whether this is the stage the build is for."""
        return self.stage is self.executor.plan.target

    def say(self, text: str) -> None:
        """One progress line, labelled with the stage when there are several."""
        label = f"[{self.position}/{self.total}] " if self.total > 1 else ""
        self.executor.say(label + text)

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
                if self.executor.keeps_failed():
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

    def _draft_of(self, image: LocalImage | None) -> ImageDraft:
        if image is not None:
            from ocicore.files import quick_json

            return ImageDraft.from_raw(quick_json.loads(image.config_bytes()))
        platform = self.executor.platform(self.stage.platform)
        variant = platform.variant
        typed = (self.executor.options.platform or self.stage.platform).split("/")
        if len(typed) == 3:
            variant = typed[
                2
            ]  # "v8" is what arm64 means anyway, but an image from scratch says what was asked for
        return ImageDraft.from_scratch(platform.architecture, platform.os, variant)

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
        created_by = self._created_by(instruction, content)
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
            created_by = self._created_by(instruction, content, run_step)
            found = self.executor.cache.find(self.image, created_by, adds_layer=adds_layer)
            if found is None:
                found = self._pull_cache(created_by, adds_layer=adds_layer)
            else:
                local = True
                assert self.place is not None
                self.executor.progress.cached(self.place, found)
        if found is not None:
            from ocicore.build import cache_budget

            cache_budget.note_use(self.executor.environment.store, found)
            keep = self.executor.keeps_step(final=final)
            if keep:
                self._container()
            self._forget_container(keep=keep)
            self.image = self.executor.sources.image_by_id(found)
            if final and self.last:
                self._log_commit()
                if squash:
                    self.image = self._commit(
                        created_by=self._created_by(instruction, content, run_step),
                        empty=False,
                        final=True,
                        squash=True,
                    )
                else:
                    self._tag(self.image)
            if local:
                # It may have come to be in a build that pushed nothing.
                self._push_cache(
                    self.executor.sources.image_by_id(found), base, created_by, adds_layer=adds_layer
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
                self.ensure_working_dir()
            created_by = self._created_by(instruction, content, run_step)
            if final and self.last:
                self._log_commit()
            self.image = self._commit(
                created_by=created_by,
                empty=not adds_layer,
                final=final,
                squash=squash,
                consume=copy_step is not None and not squash and not self.executor.keeps_step(final=final),
            )
            self._push_cache(self.image, base, created_by, adds_layer=adds_layer)
            self._forget_container(keep=self.executor.keeps_step(final=final))
        self._say_image(self.image)

    def _pull_cache(self, created_by: str, *, adds_layer: bool) -> str | None:
        """Id of the step's image from a cache at a registry, None where no cache has it."""
        executor = self.executor
        sources = executor.options.cache_from
        if not sources:
            return None
        from ocicore.build import remote_cache

        tag = remote_cache.key(self.image, created_by, adds_layer=adds_layer)
        environment = executor.environment
        found = remote_cache.pull(sources, tag, lambda name: environment.find_image(name, "newer", ""))
        if found is None:
            return None
        # What was pulled is only believed when it is the image this step makes.
        known = executor.cache.find(self.image, created_by, adds_layer=adds_layer, fresh=True)
        if known is None:
            return None
        where = next((name for name in found.names if name.endswith(tag)), tag)
        executor.say(f"--> Cache pulled from remote {where}")
        return known

    def _push_cache(
        self, image: LocalImage, base: LocalImage | None, created_by: str, *, adds_layer: bool
    ) -> None:
        """Put the step's image into the caches at registries."""
        executor = self.executor
        targets = executor.options.cache_to
        send = executor.environment.push_image
        if not targets:
            return
        from ocicore.build import remote_cache

        if send is None:
            raise Unsupported("--cache-to: this program pushes no images")

        tag = remote_cache.key(base, created_by, adds_layer=adds_layer)
        executor.say(f"--> Pushing cache [{' '.join(targets)}]:{tag}")
        remote_cache.push(image, targets, tag, send)

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
            self.ensure_working_dir()
        return content

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

    def working_dir(self) -> str:
        """Where commands begin, cleaned: in "/a/../b" there may be no "a"."""
        return os.path.normpath(self.state.draft.text("WorkingDir") or "/")

    def ensure_working_dir(self) -> bool:
        """Make the working directory where it is missing; whether that changed the files."""
        from ocicore.build.copy_context import make_folders
        from ocicore.build.transfer import to_host
        from ocicore.linux import resolve

        wanted = self.working_dir()
        if wanted == "/":
            return False
        root = self.mounted()
        path = resolve.resolve_in_root(root, wanted, missing_ok=True)
        if os.path.isdir(path):
            return False
        owner = (0, 0)
        user = self.state.draft.text("User")
        if user:
            from ocicore.runtime import users

            try:
                resolved = users.resolve(user, root)
                owner = (resolved.uid, resolved.gid)
            except Error:
                owner = (0, 0)  # the user may be made by a later step
        maps = self.executor.options.id_maps
        if maps is not None:
            owner = (to_host(owner[0], maps[0]), to_host(owner[1], maps[1]))
        make_folders(root, path, owner)
        return True

    def _created_by(self, instruction: Instruction, content: str, run_step: RunStep | None = None) -> str:
        name = instruction.name
        if name in ("add", "copy"):
            return created_by_text(
                name, instruction.original, content=content, destination=instruction.args[-1]
            )
        if name == "arg":
            names = sorted(self.state.arguments())
            return created_by_text(name, instruction.original, declared=" ".join(names))
        if name == "run":
            env = self.state.draft.env()
            arguments = {
                key: env.get(key, value)
                for key, value in self.state.arguments().items()
                if key not in PREDEFINED_ARGS or key in self.state.declared or key in env
            }
            bodies = "".join("\n" + doc.content.strip() for doc in instruction.heredocs)
            mounts = run_step.checksums() if run_step is not None else ""
            return created_by_text(
                name, instruction.original, arguments=arguments, heredocs=bodies, mounts=mounts
            )
        return created_by_text(name, instruction.original)

    # -- container and image --------------------------------------------------------------

    def _container(self) -> WorkingContainer:
        """The working container, made on the current image when there is none."""
        if self.container is None:
            executor = self.executor
            options = executor.options
            platform = executor.platform(self.stage.platform)
            intermediate = self.stage.base_stage is not None or self.image is not self._base
            self.container = working.create(
                executor.environment.store,
                self.image,
                image_name=self._image_name(),
                architecture=platform.architecture,
                os_name=platform.os,
                variant=platform.variant or "",
                format=options.format,
                isolation="oci",
                options=options.run_settings or None,
                capabilities=options.capabilities or working.DEFAULT_CAPABILITIES,
                id_maps=options.id_maps,
                keep_base_annotations=intermediate,
            )
            if options.mounts_file:
                self.container.raw["defaultMountsFilePath"] = options.mounts_file
            for name, host, path in options.namespaces:
                self.container.set_namespace(name, host=host, path=path)
            executor.register(self.container)
            self._annotate(self.container)
            if self.container.draft.config.get("Volumes") and not options.layers:
                self.mounted()  # Their folders belong into the one layer, whatever the steps do.
        return self.container

    def _image_name(self) -> str:
        """The name history and annotations give the base; ids for images of this build."""
        if self.image is None:
            return ""
        if self.image is self._base and self.stage.base_stage is None:
            found = self.image.found_as
            return (
                found
                if found != self.image.id
                else (self.image.names[0] if self.image.names else self.image.id)
            )
        return self.image.id

    def _stage_base(self) -> str:
        """What --stage-labels names as the stage's base."""
        if self.stage.base_stage is not None:
            return self._base.id if self._base is not None else ""
        return self.stage.base if self._base is None else (self._base.found_as or self._base.id)

    def _annotate(self, container: WorkingContainer) -> None:
        if not self.executor.options.inherit_annotations and self.image is self._base:
            kept = (working.BASE_NAME, working.BASE_DIGEST)
            container.annotations = {key: container.annotations.get(key, "") for key in kept}
        for text in self.executor.options.annotations if self.last else ():
            key, _, value = text.partition("=")
            container.annotations[key] = value
        if self.executor.options.created_annotation and self.last:
            container.annotations["org.opencontainers.image.created"] = self._times().created

    def mounted(self) -> str:
        """The root of the working container."""
        container = self._container()
        if not self.root:
            self.root = container.mount()
            if container.draft.config.get("Volumes"):
                from ocicore.build.run import make_volumes

                make_volumes(container, self.root, ())
        return self.root

    def _forget_container(self, *, keep: bool = False) -> None:
        if self.container is not None:
            self.executor.discard(self.container, mounted=bool(self.root), keep=keep)
            self.container = None
            self.root = ""

    def _times(self) -> commits.Times:
        executor = self.executor
        options = executor.options
        return commits.choose_times(
            timestamp=options.timestamp,
            source_date_epoch=options.source_date_epoch,
            reproducible=options.reproducible,
            base_created=self.base_created,
            started=executor.started,
            rewrite=options.rewrite_timestamp,
        )

    def copy_time(self) -> int | None:
        """Seconds that files of the build context get, None for their own times."""
        return self._times().seconds

    def _commit(
        self, *, created_by: str, empty: bool, final: bool, squash: bool, consume: bool = False
    ) -> LocalImage:
        executor = self.executor
        options = executor.options
        names = executor.full_names if final and self.last else []
        if empty and not squash and self.container is None and not executor.keeps_step(final=final):
            platform = executor.platform(self.stage.platform)
            container = working.describe(
                executor.environment.store,
                self.image,
                image_name=self._image_name(),
                architecture=platform.architecture,
                os_name=platform.os,
                variant=platform.variant or "",
                format=options.format,
                keep_base_annotations=self.stage.base_stage is not None or self.image is not self._base,
            )
            self._annotate(container)
        else:
            container = self._container()
        base = container.draft
        container.draft = self.state.draft.copy()
        container.draft.history = base.history
        container.draft.diff_ids = base.diff_ids
        request = commits.CommitOptions(self._times(), format=options.format)
        request.names = names
        request.squash = squash
        request.consume = consume
        request.compress = options.compress
        request.blob_cache = options.blob_cache
        request.empty_layer = empty
        request.created_by = created_by
        request.identity_label = options.identity_label
        request.omit_history = options.omit_history
        request.layer_labels = options.layer_labels if not (final and self.last) else {}
        if options.stage_labels and final:
            labels = container.draft.mapping("Labels")
            labels["io.buildah.stage.name"] = self.stage.alias or str(self.stage.index)
            labels["io.buildah.stage.base"] = self._stage_base()
        if final and self.last:
            if options.os_version:
                container.draft.top["os.version"] = options.os_version
            for text in options.os_features:
                features = [
                    name for name in container.draft.top.get("os.features") or () if name != text.rstrip("-")
                ]
                container.draft.top["os.features"] = features if text.endswith("-") else [*features, text]
            request.unset_env = options.unset_env
            request.unset_labels = options.unset_labels
            request.unset_annotations = options.unset_annotations
        if options.format == "oci":
            executor.warn_lost(self.state.draft, final=final and self.last)
        made = commits.commit(container, request)
        executor.made.append(made.id)
        executor.environment.debug(f'created new image ID "{made.id}"')
        return made

    def _tag(self, image: LocalImage) -> None:
        store = self.executor.environment.store
        if self.executor.full_names:
            store.add_names("image", image.id, self.executor.full_names)
            self.image = self.executor.sources.image_by_id(image.id)

    def _log_commit(self) -> None:
        tags = self.executor.options.tags
        self.say(f"COMMIT {tags[0]}" if tags else "COMMIT")

    def root_path(self) -> str:
        """The stage's files, for other stages to copy or mount from."""
        if self.root:
            return self.root
        if self.container is not None:
            return self.mounted()
        if self.image is not None:
            return self.executor.sources.root_of_image(self.image)
        return self.mounted()

    def close(self) -> None:
        """Delete the working container."""
        self._forget_container()


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
