"""`pypod build`, `pypod image build`: an image from a Containerfile, with the engine's store."""

from __future__ import annotations

from ocicore.build.declared import DECLARATION
from ocicore.cli.build_settings import RUN_SETTINGS
from ocicore.cli.declare import Argument, Command, Option
from pypod.options.registry import REGISTRY, RETRY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.build.environment import BuildEnvironment
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine
    from ocicore.image.local import LocalImage

_FORCE_RM = Option(
    "force-rm", default=True, help="Always remove working containers, also that of a step that failed"
)
_TAKEN = frozenset(option.long for option in (*RUN_SETTINGS, *REGISTRY, *RETRY, _FORCE_RM))

COMMAND = Command(
    "Build an image using instructions from Containerfiles",
    description="Builds an image from a Containerfile and the files of a context: a directory, an archive, a repository or a URL.",
    options=(
        *(Option(long, short, **settings) for long, short, settings in DECLARATION if long not in _TAKEN),
        Option(
            "decryption-key",
            kind="strings",
            metavar="KEY[:PASSPHRASE]",
            help="Private key for an encrypted image",
            completer="file",
        ),
        Option(
            "sign-by",
            kind="string",
            metavar="FINGERPRINT",
            help="Sign with the GnuPG key that has this fingerprint",
        ),
        Option("signature-policy", kind="path", hidden=True, help="Path of the signature policy file"),
        _FORCE_RM,
        Option("squash-all", help="Write everything, the base image too, as a single layer"),
        Option(
            "load", hidden=True, help="Docker's option to bring the image into the store, where it always is"
        ),
        Option("layers", default=True, help="Keep one image a step, and use them as a cache"),
        *RUN_SETTINGS,
        *REGISTRY,
        *RETRY,
    ),
    arguments=(Argument("context", min=0, metavar="[CONTEXT]", completer="file"),),
    exclusive=(("pull", "pull-always", "pull-never"),),
    examples=(
        ("pypod build .", "from ./Containerfile"),
        ("pypod build -t imageName -f Containerfile.simple .", "another file, and a name"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    import contextlib
    import os

    from ocicore.build import executor, flags
    from ocicore.build.inputs import Inputs
    from ocicore.build.remote import RemoteOptions
    from ocicore.cli import build_settings, build_view, interrupt, user_namespace
    from ocicore.cli.signers import sign_stored
    from ocicore.errors import InvalidInput
    from pypod.session import open_engine

    if args.squash and args.squash_all:
        raise InvalidInput("cannot specify --squash-all with --squash")
    engine = open_engine(ctx)
    environment = _environment(engine, args, ctx)
    if engine.options.runtime:
        _check_runtime(environment, engine.options.runtime)
    elif engine.config.engine.runtime:
        environment.runtime()
    with interrupt.ending(environment.interrupt), contextlib.closing(environment):
        scratch = os.path.join(environment.scratch(), "context")
        os.mkdir(scratch, 0o700)
        inputs = Inputs(
            environ=engine.environ,
            stdin=lambda: ctx.stdin_bytes,
            scratch=scratch,
            remote=lambda: RemoteOptions(
                tls_verify=args.tls_verify is not False,
                cert_dir=args.cert_dir,
                retry=args.retry,
                scratch=scratch,
                environ=engine.environ,
            ),
        )
        layers = flags.uses_layers(args, engine.environ, default=True) and not (
            args.squash or args.squash_all
        )
        options = flags.read(args, args.context or _folder_of_file(args.file), inputs, layers=layers)
        options.mounts_file = engine.options.default_mounts_file
        own_user = user_namespace.decide(args, engine.store, rootless=engine.rootless)
        build_settings.fill(options, args, build_settings.decide(args, engine.config), own_user)
        # --squash makes one layer of what is new, --squash-all of everything.
        options.squash = args.squash_all
        log = open(args.logfile, "w", encoding="utf-8", errors="surrogateescape") if args.logfile else None
        stream = log or ctx.stdout

        def write(text: str) -> None:
            stream.write(text + "\n")
            stream.flush()

        try:
            with build_view.shown(args.progress, stream, write, environment, quiet=options.quiet) as progress:
                result = executor.build(
                    options,
                    environment,
                    progress=progress,
                    flush=stream.flush,
                    command_stdout=log.fileno() if log else 1,
                    command_stderr=log.fileno() if log else 2,
                    log_file=args.logfile if args.logsplit else "",
                )
            for name in result.names if args.sign_by else ():
                sign_stored(engine.images.find(result.image_id), name, args.sign_by, ctx)
        finally:
            if log is not None:
                log.close()
    from ocicore.engine import events

    events.write(engine, "image", "build", ID=result.image_id, Name=result.names[0] if result.names else "")
    if not options.iid_file and args.progress != "json":
        ctx.print(result.image_id)
    return 0


def _check_runtime(environment: BuildEnvironment, name: str) -> None:
    """One that is not there is said before anything is built, whether a RUN follows or not."""
    from ocicore.errors import InvalidInput, MissingProgram, NotFound

    try:
        environment.runtime()
    except (InvalidInput, MissingProgram, NotFound) as error:
        raise InvalidInput(f'default OCI runtime "{name}" not found: invalid argument') from error


def _folder_of_file(files: list[str]) -> str:
    """The context where none is named: the folder of the first Containerfile that is no URL.

    Raises InvalidInput: there is no file either.
    """
    import os

    from ocicore.errors import InvalidInput

    for name in files:
        if not name.startswith(("http://", "https://")):
            return os.path.dirname(os.path.abspath(name))
    raise InvalidInput(
        "no context directory and no Containerfile specified", hint="for the folder you are in: build ."
    )


def _environment(engine: Engine, args: Args, ctx: Context) -> BuildEnvironment:
    from ocicore.build.environment import BuildEnvironment

    def find_image(name: str, policy: str, platform: str) -> LocalImage:
        return _find_image(
            engine, args, ctx, name, policy, platform, quiet=made.quiet_pulls or bool(args.quiet)
        )

    def push_image(image_id: str, destination: str) -> None:
        from ocicore.build import flags
        from ocicore.engine import image_choice
        from ocicore.image import push

        context = image_choice.system_context(engine, args)
        push.push(engine.images, image_id, destination, context=context, options=flags.cache_copy(args))

    def platforms_of(name: str) -> list[str]:
        from ocicore.engine import image_choice
        from ocicore.image import pull

        return pull.offered_platforms(image_choice.system_context(engine, args), name)

    conf = engine.config.engine
    made = BuildEnvironment(
        engine.store,
        paths=engine.user,
        rootless=engine.rootless,
        environ=engine.environ,
        warn=engine.warn,
        find_image=find_image,
        runtime=engine.options.runtime,
        runtime_flags=engine.options.runtime_flags,
        runtimes=conf.runtimes,
        configured_runtime=conf.runtime,
        cgroup_manager=engine.cgroup_manager,
        containers_conf=engine.config,
        hooks_dirs=engine.options.hooks_dirs or conf.hooks_dir,
        push_image=push_image,
        platforms_of=platforms_of,
        debug=lambda text: ctx.log("debug", text),
        network_config_dir=engine.options.network_config_dir,
    )
    return made


def _find_image(
    engine: Engine, args: Args, ctx: Context, name: str, policy: str, platform: str, *, quiet: bool
) -> LocalImage:
    from ocicore.cli import progress
    from ocicore.engine import image_choice
    from ocicore.errors import NotFound
    from ocicore.oci import platform as platforms

    wanted = platforms.parse(platform) if platform else None
    policy = image_choice.check_policy(policy)
    if policy in ("missing", "never"):
        try:
            return engine.images.find(name, wanted)
        except NotFound:
            if policy == "never":
                raise
    with progress.shown(ctx.stderr, quiet=quiet) as shown:
        return image_choice.pull(engine, name, args, policy=policy, wanted=wanted, progress=shown)[0]
