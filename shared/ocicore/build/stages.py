"""Stages: splitting a Containerfile at FROM, resolving names, and who needs whom.

A stage depends on another through FROM NAME, COPY --from=NAME and RUN --mount=…,from=NAME. Only what the
target needs is built. Follows the Dockerfile reference ("multi-stage builds", "ARG before FROM").
"""

from __future__ import annotations

from ocicore.build.containerfile import Containerfile, Instruction
from ocicore.build.expand import ExpansionError, expand_word
from ocicore.build.instructions import PREDEFINED_ARGS
from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from ocicore.oci.platform import Platform


class Stage:
    """One stage.

    Attributes:
        index: position among all stages of the file, from 0.
        name: given by AS (lower case), else the index as text.
        base: image or stage name after FROM, variables expanded.
        base_stage: index of the stage it continues, or None for an image.
        platform: text of --platform, or "".
        from_instruction: the FROM.
        instructions: what follows it.
        needs: indexes of the stages it reads from.
        variables: what ENV set in it and its base, as far as that can be told beforehand.
    """

    __slots__ = (
        "alias",
        "base",
        "base_stage",
        "from_instruction",
        "index",
        "instructions",
        "name",
        "needs",
        "platform",
        "variables",
    )

    def __init__(
        self, index: int, from_instruction: Instruction, base: str, name: str, platform: str
    ) -> None:
        self.index = index
        self.from_instruction = from_instruction
        self.base = base
        self.alias = name
        self.name = name or str(index)
        self.platform = platform
        self.base_stage: int | None = None
        self.instructions: list[Instruction] = []
        self.needs: set[int] = set()
        self.variables: dict[str, str] = {}


class Plan:
    """The stages of a build: all of them, and the ones to build, in order."""

    __slots__ = ("build", "heading_args", "stages", "target")

    def __init__(
        self, stages: list[Stage], target: Stage, build: list[Stage], heading_args: dict[str, str]
    ) -> None:
        self.stages = stages
        self.target = target
        self.build = build
        self.heading_args = heading_args

    def find(self, name: str, before: int) -> Stage | None:
        """The stage with this name or number among those before index `before`; the latest wins."""
        return find_stage(self.stages, name, before)


def find_stage(stages: Sequence[Stage], name: str, before: int) -> Stage | None:
    """The stage with this name (any case) or number among those before index `before`."""
    lowered = name.lower()
    for stage in reversed(stages[:before]):
        if stage.alias and stage.alias == lowered:
            return stage
    if name.isdecimal() and int(name) < before:
        return stages[int(name)]
    return None


def platform_arguments(target: Platform, build: Platform) -> dict[str, str]:
    """The automatic platform ARGs (Dockerfile reference, "Automatic platform ARGs in the global scope")."""
    result = {}
    for prefix, platform in (("TARGET", target), ("BUILD", build)):
        text = f"{platform.os}/{platform.architecture}"
        if platform.variant:
            text += f"/{platform.variant}"
        result[prefix + "PLATFORM"] = text
        result[prefix + "OS"] = platform.os
        result[prefix + "ARCH"] = platform.architecture
        result[prefix + "VARIANT"] = platform.variant or ""
    return result


def plan(
    files: Sequence[Containerfile],
    *,
    target: str = "",
    user_args: Mapping[str, str],
    platform_args: Mapping[str, str],
    base_override: str = "",
    contexts: Collection[str] = (),
    skip_unused: bool = True,
    warn: Callable[[str], None] | None = None,
) -> Plan:
    """Order the stages of one or more Containerfiles (those after the first are appended).

    Args:
        target: --target, "" for the last stage.
        user_args: --build-arg.
        contexts: names of --build-context, which are no stages.
        base_override: --from: replaces the image of the first FROM.
        skip_unused: leave out what the target does not need.

    Raises:
        InvalidInput: no FROM, unknown target, unresolvable FROM (with file and line).
    """
    stages: list[Stage] = []
    heading: dict[str, str] = {}
    declared: set[str] = set()
    for parsed in files:
        for instruction in parsed.instructions:
            if instruction.name == "from":
                stages.append(
                    _stage(len(stages), instruction, heading, user_args, platform_args, parsed.escape)
                )
            elif stages:
                stages[-1].instructions.append(instruction)
            elif instruction.name == "arg":
                _heading_arg(instruction, heading, declared, user_args, platform_args, parsed.escape)
            elif warn is not None:
                # As buildah, which says nothing.
                place = f"{instruction.file}:{instruction.line}"
                warn(
                    f"{place}: {instruction.name.upper()} before the first FROM belongs to no stage and is ignored"
                )
    if not stages:
        raise InvalidInput("no FROM statement found", hint="expected: FROM IMAGE [AS NAME]")
    if base_override:
        stages[0].base = base_override
    chosen = _target(stages, target)
    for stage in stages:
        _resolve(stage, stages, heading, user_args, platform_args, contexts)
    needed = _needed(stages, chosen) if skip_unused else stages[: chosen.index + 1]
    if warn is not None:
        unused = [name for name in user_args if name not in _known_args(stages, declared)]
        if unused:
            warn(f"one or more build args were not consumed: [{' '.join(sorted(unused))}]")
    return Plan(stages, chosen, needed, heading)


def _known_args(stages: Sequence[Stage], declared: set[str]) -> set[str]:
    known = set(PREDEFINED_ARGS) | declared
    for stage in stages:
        for instruction in stage.instructions:
            target = instruction.trigger or instruction
            if target.name == "arg":
                known |= {word.partition("=")[0] for word in target.args}
    return known


def _heading_arg(
    instruction: Instruction,
    heading: dict[str, str],
    declared: set[str],
    user_args: Mapping[str, str],
    platform_args: Mapping[str, str],
    escape: str,
) -> None:
    for word in instruction.args:
        try:
            text = expand_word(word, {**platform_args, **heading}, escape)
        except ExpansionError as error:
            raise instruction.problem(str(error)) from error
        name, has_default, default = text.partition("=")
        declared.add(name)
        if name in user_args:
            heading[name] = user_args[name]
        elif has_default:
            heading[name] = default
        elif name in platform_args:
            heading[name] = platform_args[name]


def _stage(
    index: int,
    instruction: Instruction,
    heading: Mapping[str, str],
    user_args: Mapping[str, str],
    platform_args: Mapping[str, str],
    escape: str,
) -> Stage:
    args = instruction.args
    if not (len(args) == 1 or (len(args) == 3 and args[1].lower() == "as" and args[2])):
        raise instruction.problem("FROM requires either one argument, or three: FROM <source> [AS <name>]")
    variables = {**platform_args, **heading}
    try:
        base = expand_word(args[0], variables, escape)
        platform = ""
        for flag in instruction.flags:
            text = expand_word(flag, variables, escape)
            name, _, value = text.partition("=")
            if name != "--platform":
                raise instruction.problem(f"FROM only supports the --platform flag, not {flag}")
            if not value:
                raise instruction.problem("no value specified for --platform=")
            platform = value
    except ExpansionError as error:
        raise instruction.problem(str(error)) from error
    if not base:
        raise instruction.problem(
            "FROM: the image name is empty after variables were replaced: no FROM statement found",
            "ARG NAME=DEFAULT before the first FROM",
        )
    return Stage(index, instruction, base, args[2].lower() if len(args) == 3 else "", platform)


def _target(stages: Sequence[Stage], target: str) -> Stage:
    if not target:
        return stages[-1]
    found = find_stage(stages, target, len(stages))
    if found is None:
        from difflib import get_close_matches

        names = [stage.alias for stage in stages if stage.alias]
        near = get_close_matches(target.lower(), names, n=1)
        hint = f"did you mean {near[0]}?" if near else (f"stages are: {', '.join(names)}" if names else None)
        raise InvalidInput(f'The target "{target}" was not found in the provided Dockerfile', hint=hint)
    return found


def _resolve(
    stage: Stage,
    stages: Sequence[Stage],
    heading: Mapping[str, str],
    user_args: Mapping[str, str],
    platform_args: Mapping[str, str],
    contexts: Collection[str],
) -> None:
    """Find the stages this one reads: what names only the later expansion knows is resolved with ARGs alone."""
    base = None
    if stage.base not in contexts:
        base = find_stage(stages, stage.base, stage.index)
    if base is not None:
        stage.base_stage = base.index
        stage.needs.add(base.index)
        stage.variables.update(base.variables)
    variables = {**platform_args, **heading, **stage.variables}
    for instruction in stage.instructions:
        target = instruction.trigger or instruction
        if target.name == "arg":
            for word in target.args:
                name, has_default, default = word.partition("=")
                if name in user_args:
                    variables[name] = user_args[name]
                elif has_default:
                    variables[name] = _try_expand(default, variables)
        elif target.name == "env":
            for position in range(0, len(target.args) - 1, 2):
                text = _try_expand(target.args[position + 1], variables)
                variables[target.args[position]] = stage.variables[target.args[position]] = text
        for name in _referenced(target):
            wanted = _try_expand(name, variables)
            other = find_stage(stages, wanted, stage.index) if wanted not in contexts else None
            if other is not None and other.alias not in contexts:
                stage.needs.add(other.index)


def _try_expand(text: str, variables: Mapping[str, str]) -> str:
    try:
        return expand_word(text, variables)
    except ExpansionError:
        return text  # reported with its line when the instruction is reached


def _referenced(instruction: Instruction) -> list[str]:
    names = []
    for flag in instruction.flags:
        if instruction.name == "copy" and flag.startswith("--from="):
            names.append(flag.removeprefix("--from="))
        elif instruction.name == "run" and flag.startswith("--mount="):
            for field in flag.removeprefix("--mount=").split(","):
                key, _, value = field.strip().partition("=")
                if key == "from":
                    names.append(value)
    return names


def _needed(stages: Sequence[Stage], target: Stage) -> list[Stage]:
    found: set[int] = set()
    waiting = [target.index]
    while waiting:
        index = waiting.pop()
        if index not in found:
            found.add(index)
            waiting += stages[index].needs
    return [stage for stage in stages if stage.index in found]
