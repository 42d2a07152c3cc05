"""The cache as a step sees it: its key, and the images of it that lie at registries (--cache-from, --cache-to)."""

from __future__ import annotations

from ocicore.build.cache import created_by_text
from ocicore.build.instructions import PREDEFINED_ARGS
from ocicore.errors import Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.build.containerfile import Instruction
    from ocicore.build.executor import Executor
    from ocicore.build.instructions import StageState
    from ocicore.build.run_step import RunStep
    from ocicore.image.local import LocalImage


def key(state: StageState, instruction: Instruction, content: str, run_step: RunStep | None = None) -> str:
    """What history says of a step, which is also what it is found by: the instruction, the arguments it sees, a digest of its files.

    Args:
        content: digest text of what COPY or ADD brings.
    """
    name = instruction.name
    if name in ("add", "copy"):
        return created_by_text(name, instruction.original, content=content, destination=instruction.args[-1])
    if name == "arg":
        names = sorted(state.arguments())
        return created_by_text(name, instruction.original, declared=" ".join(names))
    if name == "run":
        env = state.draft.env()
        arguments = {
            key: env.get(key, value)
            for key, value in state.arguments().items()
            if key not in PREDEFINED_ARGS or key in state.declared or key in env
        }
        bodies = "".join("\n" + doc.content.strip() for doc in instruction.heredocs)
        mounts = run_step.checksums() if run_step is not None else ""
        return created_by_text(
            name, instruction.original, arguments=arguments, heredocs=bodies, mounts=mounts
        )
    return created_by_text(name, instruction.original)


def pull(executor: Executor, base: LocalImage | None, created_by: str, *, adds_layer: bool) -> str | None:
    """Id of the step's image from a cache at a registry, None where no cache has it.

    Args:
        base: the stage's image before the step.
        created_by: the step's key, see `key`.
        adds_layer: whether the step has a layer.
    """
    sources = executor.options.cache_from
    if not sources:
        return None
    from ocicore.build import remote_cache

    tag = remote_cache.key(base, created_by, adds_layer=adds_layer)
    environment = executor.environment
    found = remote_cache.pull(sources, tag, lambda name: environment.find_image(name, "newer", ""))
    if found is None:
        return None
    # What was pulled is only believed when it is the image this step makes.
    known = executor.cache.find(base, created_by, adds_layer=adds_layer, fresh=True)
    if known is None:
        return None
    where = next((name for name in found.names if name.endswith(tag)), tag)
    executor.say(f"--> Cache pulled from remote {where}")
    return known


def push(
    executor: Executor, image: LocalImage, base: LocalImage | None, created_by: str, *, adds_layer: bool
) -> None:
    """Put the step's image into the caches at registries."""
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
