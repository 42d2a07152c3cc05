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
    from ocicore.files import quick_json

    if config_file:
        try:
            with open(config_file, "rb") as stream:
                value = quick_json.loads(stream.read())
        except (OSError, ValueError) as error:
            raise InvalidInput(f"reading configuration {config_file}: {error}") from error
        if not isinstance(value, dict):
            raise InvalidInput(f"reading configuration {config_file}: not a JSON object")
        draft.config.update({key: item for key, item in value.items() if item not in (None, "", [], {})})
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
