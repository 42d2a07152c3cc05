"""`pypod container runlabel`: run the command that a label of an image holds."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pypod.options.registry import REGISTRY, SIGNATURE_POLICY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine
    from ocicore.image.local import LocalImage

COMMAND = Command(
    "Execute the command described by an image label",
    description="Executes the command that a label of an image holds; IMAGE, NAME and a few variables in it are filled in.",
    options=(
        *REGISTRY,
        Option("display", help="Preview the command that the label would run"),
        Option("name", "n", kind="string", help="Assign a name to the container"),
        Option("opt1", kind="string", hidden=True, help="Optional parameter to pass for install"),
        Option("opt2", kind="string", hidden=True, help="Optional parameter to pass for install"),
        Option("opt3", kind="string", hidden=True, help="Optional parameter to pass for install"),
        Option("pull", default=True, hidden=True, help="Pull the image if it does not exist locally"),
        Option("quiet", "q", help="Suppress output information when installing images"),
        Option("replace", help="Replace existing container with a new one from the image"),
        SIGNATURE_POLICY,
    ),
    arguments=(
        Argument("label", metavar="LABEL"),
        Argument("image", metavar="IMAGE", completer="pypod.complete:images"),
        Argument("words", min=0, max=None, metavar="[ARG...]", completer="file"),
    ),
    interspersed=False,
    examples=(("pypod container runlabel --display run myimage", "show what would be run"),),
)


def run(args: Args, ctx: Context) -> int:
    import os
    import sys

    from ocicore.engine import run_label
    from ocicore.linux import spawn
    from pypod.session import open_engine, self_command

    engine = open_engine(ctx)
    image = _image(args, ctx, engine)
    text = run_label.find(image, args.label, args.image)
    options = {"OPT1": args.opt1, "OPT2": args.opt2, "OPT3": args.opt3}
    program = [*self_command(ctx), *engine.options.global_words]
    words = run_label.words(
        text,
        program=program,
        image=image,
        asked=args.image,
        name=args.name,
        extra=args.words,
        variables={**options, "PWD": os.getcwd(), "HOME": engine.user.home},
    )
    if args.display:
        ours = words[: len(program)] == program
        shown = [sys.argv[0], *words[len(program) :]] if ours else words
        ctx.print("command: " + " ".join(shown))
        return 0
    if args.replace:
        _remove_named(engine, words)
    ctx.stdout.flush()
    environ = {**ctx.environ, **{key: value for key, value in options.items() if value}}
    path = words[0] if "/" in words[0] else spawn.find(words[0], ctx.environ.get("PATH", "").split(":"))
    if not path:
        from ocicore.errors import NotFound

        raise NotFound(f'exec: "{words[0]}": executable file not found in $PATH')
    silent = os.open("/dev/null", os.O_RDWR) if args.quiet else -1
    descriptors = {0: silent, 1: silent, 2: silent} if args.quiet else {}
    status = spawn.run([path, *words[1:]], {**environ, "PODMAN_RUNLABEL_NESTED": "1"}, descriptors)
    return status if status >= 0 else 128 - status


def _image(args: Args, ctx: Context, engine: Engine) -> LocalImage:
    from ocicore.cli import progress
    from ocicore.engine import image_choice

    policy = "missing" if args.pull else "never"
    with progress.shown(ctx.stderr, quiet=args.quiet) as shown:
        return image_choice.pull(engine, args.image, args, policy=policy, wanted=None, progress=shown)[0]


def _remove_named(engine: Engine, words: list[str]) -> None:
    from ocicore.engine import remove
    from ocicore.errors import NotFound

    for index, word in enumerate(words[:-1]):
        if word == "--name":
            try:
                remove.remove(engine, engine.state.containers.find(words[index + 1]), force=True)
            except NotFound:
                pass
            return
