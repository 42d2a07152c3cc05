"""What a stage has got so far: its image, the working container its steps are performed in, and how images come from that."""

from __future__ import annotations

import os

from ocicore.build import commit as commits
from ocicore.build import working
from ocicore.build.draft import ImageDraft
from ocicore.build.instructions import StageState
from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.build.executor import Executor
    from ocicore.build.stages import Stage
    from ocicore.build.working import WorkingContainer
    from ocicore.image.local import LocalImage


class StageImage:
    """The image and the container of one stage; `StageBuild` performs its steps.

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
        self._base: LocalImage | None = None

    @property
    def last(self) -> bool:
        """Whether this is the stage the build is for."""
        return self.stage is self.executor.plan.target

    def say(self, text: str) -> None:
        """One progress line, labelled with the stage when there are several."""
        label = f"[{self.position}/{self.total}] " if self.total > 1 else ""
        self.executor.say(label + text)

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

    def _container(self) -> WorkingContainer:
        """The working container, made on the current image when there is none."""
        if self.container is None:
            executor = self.executor
            options = executor.options
            self.container = executor.containers.create(
                self.image,
                **self._description(),
                isolation="oci",
                options=options.run_settings or None,
                capabilities=options.capabilities or working.DEFAULT_CAPABILITIES,
                id_maps=options.id_maps,
            )
            if options.mounts_file:
                self.container.raw["defaultMountsFilePath"] = options.mounts_file
            for name, host, path in options.namespaces:
                self.container.set_namespace(name, host=host, path=path)
            self.container.save()
            self._annotate(self.container)
            if self.container.draft.config.get("Volumes") and not options.layers:
                self.mounted()  # Their folders belong into the one layer, whatever the steps do.
        return self.container

    def _description(self) -> dict[str, Any]:
        """What `working.describe` is to know of the stage, container or not."""
        platform = self.executor.platform(self.stage.platform)
        return {
            "image_name": self._image_name(),
            "architecture": platform.architecture,
            "os_name": platform.os,
            "variant": platform.variant or "",
            "format": self.executor.options.format,
            "keep_base_annotations": self.stage.base_stage is not None or self.image is not self._base,
        }

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
            self.executor.containers.discard(self.container, mounted=bool(self.root), keep=keep)
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
        if (
            empty
            and not squash
            and self.container is None
            and not executor.containers.keeps_step(final=final)
        ):
            container = working.describe(executor.environment.store, self.image, **self._description())
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
