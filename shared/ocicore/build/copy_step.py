"""COPY and ADD of a Containerfile: where the sources come from, and the digest for the cache."""

from __future__ import annotations

import os

from ocicore.build import copy_context
from ocicore.build.ignore import IgnorePatterns
from ocicore.build.transfer import Ownership
from ocicore.errors import Error, InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.build.containerfile import Instruction
    from ocicore.build.instructions import CopyRequest
    from ocicore.build.stage_run import StageBuild


class CopyStep:
    """One COPY or ADD in one stage."""

    def __init__(self, build: StageBuild, instruction: Instruction, request: CopyRequest) -> None:
        self.build = build
        self.instruction = instruction
        self.request = request
        self._digest = ""

    def digest(self) -> str:
        """The content's digest ("dir:…"), without writing anything."""
        self._digest = self._transfer(write=False)
        return self._digest

    def perform(self) -> str:
        """Copy; the content's digest."""
        return self._transfer(write=True)

    def _transfer(self, *, write: bool) -> str:
        request = self.request
        parts: list[tuple[str, str]] = []
        try:
            if request.sources:
                parts.append(self._sources(write=write))
            if request.inline:
                parts.append(self._inline(write=write))
        except (Error, OSError) as error:
            raise self.build.executor.step_error(self.instruction, error) from error
        from ocicore.build import content

        kind, digest = content.summarise(parts)
        return f"{kind}:{digest}" if kind else digest

    def _target(self, *, write: bool) -> str:
        """The root to copy into; a digest alone needs it only to look users up."""
        if write or (self.request.chown and not self.request.chown.replace(":", "").isdecimal()):
            return self.build.mounted()
        return self.build.root or "/proc/self/fdinfo/.."

    def _sources(self, *, write: bool) -> tuple[str, str]:
        build = self.build
        request = self.request
        executor = build.executor
        patterns = list(request.excludes)
        ignore_file = ""
        from_elsewhere = bool(request.source_stage)
        if from_elsewhere:
            context = executor.sources.source_root(request.source_stage, build.stage, "COPY")
            if request.source_stage in executor.options.build_contexts:
                own, ignore_file = copy_context.load_patterns(context, "")
                patterns = [*own, *patterns]
        else:
            context = executor.options.context
            patterns = [*executor.ignore_patterns, *patterns]
            ignore_file = executor.ignore_file
        return self._add(
            context,
            request.sources,
            write=write,
            patterns=patterns,
            ignore_file=ignore_file,
            preserve_owner=from_elsewhere,
        )

    def _add(
        self,
        context: str,
        sources: list[str],
        *,
        write: bool,
        patterns: list[str],
        ignore_file: str,
        preserve_owner: bool,
    ) -> tuple[str, str]:
        build = self.build
        request = self.request
        root = self._target(write=write)
        owner = copy_context.resolve_owner(request.chown, root)
        if owner is None and not preserve_owner:
            owner = (0, 0)
        maps = build.executor.options.id_maps
        ownership = Ownership(
            owner=owner,
            mode=copy_context.parse_mode(request.chmod),
            strip_setid=not preserve_owner,
            mtime=None if preserve_owner else build.copy_time(),
            uid_map=maps[0] if maps else None,
            gid_map=maps[1] if maps else None,
        )
        options = copy_context.AddOptions(
            context,
            request.destination,
            ownership,
            extract=request.add if request.unpack is None else request.unpack,
            patterns=IgnorePatterns(patterns) if patterns else None,
            ignore_file=ignore_file,
            checksum=request.checksum,
            parents=request.parents,
            keep_git_dir=request.keep_git_dir,
            working_dir=build.state.draft.text("WorkingDir") or "/",
            in_user_namespace=build.executor.environment.rootless,
            remote=build.executor.sources.remote_options() if request.add else None,
        )
        if request.checksum and not any(copy_context.is_url(source) for source in sources):
            raise InvalidInput("checksum flag is not supported for local sources")
        return copy_context.add(root, sources, options, write=write)

    def _inline(self, *, write: bool) -> tuple[str, str]:
        """Here-documents: files made beside the build, then copied like any other."""
        import tempfile

        request = self.request
        with tempfile.TemporaryDirectory(prefix="heredoc-", dir=self.build.executor.scratch) as folder:
            names = []
            for name, text in request.inline:
                base = os.path.basename(name)
                if not base or base in (".", ".."):
                    raise NotFound(f'here-document "{name}": is no file name')
                path = os.path.join(folder, base)
                with open(path, "w", encoding="utf-8", errors="surrogateescape") as stream:
                    stream.write(text)
                os.chmod(path, 0o644)
                names.append(base)
            return self._add(folder, names, write=write, patterns=[], ignore_file="", preserve_owner=False)
