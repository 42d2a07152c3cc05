"""`commit --change` and `--config`: last changes to the configuration, in Containerfile words or as JSON."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.build.draft import ImageDraft

_ALLOWED = (
    "cmd",
    "entrypoint",
    "env",
    "expose",
    "healthcheck",
    "label",
    "onbuild",
    "shell",
    "stopsignal",
    "user",
    "volume",
    "workdir",
)


def apply(draft: ImageDraft, instructions: Sequence[str], config_file: str) -> None:
    """Apply a JSON configuration, then instructions.

    Raises:
        InvalidInput: an instruction that changes files, or a malformed file.
    """
    from ocicore.build.containerfile import parse_line
    from ocicore.build.instructions import StageState
    from ocicore.errors import InvalidInput

    if config_file:
        from ocicore.image import config_merge

        config_merge.merge(draft.config, config_merge.read(config_file))
    if not instructions:
        return
    had_path = "PATH" in draft.env()
    state = StageState(draft, user_args={}, heading_args={}, platform_args={}, honour_shell=True)
    if not had_path:
        draft.unset_env("PATH")
    for text in instructions:
        parsed = parse_line(text, "--change", 1)
        if parsed.name not in _ALLOWED:
            raise InvalidInput(f'invalid --change "{text}"', hint=f"one of {', '.join(_ALLOWED).upper()}")
        state.apply(parsed)
