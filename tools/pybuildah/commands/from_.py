"""`pybuildah from`: make a working container from an image, or from nothing."""

from __future__ import annotations

from ocicore.cli.build_settings import RUN_SETTINGS
from ocicore.cli.declare import Argument, Command, Option
from pybuildah.options.shared import (
    BLOB_CACHE,
    DECRYPTION_KEY,
    NO_OPTIONS_AFTER,
    PULL_SYNONYMS,
    QUIET,
    REGISTRY,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.build.working import WorkingContainer
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.storage.records import IdMaps

COMMAND = Command(
    "Create a working container based on an image",
    description="Makes a working container from an image, pulled when it is not there, or from scratch, and prints its name.",
    options=(
        Option("name", kind="string", help="Name for the working container"),
        Option(
            "pull",
            kind="string",
            default="missing",
            bare="missing",
            help="Pull the image: always, missing, never, newer",
        ),
        *PULL_SYNONYMS,
        Option("cidfile", kind="path", help="Write the container ID to the file"),
        Option(
            "format",
            "f",
            kind="string",
            help="Format of the image to be committed: oci or docker",
            env="BUILDAH_FORMAT",
        ),
        Option("arch", kind="string", help="Architecture of the image to choose"),
        Option("os", kind="string", help="Operating system of the image to choose"),
        Option("variant", kind="string", help="Variant of the architecture"),
        Option(
            "platform", kind="string", metavar="OS/ARCH[/VARIANT]", help="Platform of the image to choose"
        ),
        Option("suffix", kind="string", hidden=True, help="What derived names end in"),
        BLOB_CACHE,
        DECRYPTION_KEY,
        QUIET,
        *REGISTRY,
        *RUN_SETTINGS,
    ),
    arguments=(Argument("image", metavar="IMAGE"),),
    interspersed=False,
    no_options_after=NO_OPTIONS_AFTER,
    too_few='an image name (or "scratch") must be specified',
    too_many="too many arguments specified",
    exclusive=(("pull", "pull-always", "pull-never"),),
    examples=(
        ("pybuildah from scratch", "an empty container; prints its name"),
        ("ctr=$(pybuildah from alpine)", "a container on an image"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    """Print the new container's name."""
    from ocicore.build import working
    from ocicore.cli import build_settings
    from pybuildah.session import Session

    session = Session(ctx)
    platform = args.platform
    if not platform and (args.arch or args.os or args.variant):
        from ocicore.oci import platform as platforms

        host = platforms.host()
        variant = f"/{args.variant}" if args.variant else ""
        platform = f"{args.os or host.os}/{args.arch or host.architecture}{variant}"
    settings = build_settings.decide(args, session.conf)
    image = None
    if args.image != "scratch":
        image = session.find_image(args.image, chosen_pull_policy(args), platform, args, quiet=args.quiet)
    from ocicore.oci import platform as platforms

    target = platforms.parse(platform) if platform else platforms.host()

    own_user = session.user_namespace(args, image.record if image is not None else None)

    def make(id_maps: IdMaps | None) -> WorkingContainer:
        return working.create(
            session.store,
            image,
            name=args.name,
            image_name=working.spoken_name(image, args.image) if image is not None else "",
            suffix=args.suffix,
            architecture=target.architecture,
            os_name=target.os,
            variant=target.variant or "",
            format=image_format(args.format),
            isolation=settings.isolation or ("rootless" if session.user.rootless else "oci"),
            options=settings.options,
            capabilities=settings.capabilities,
            devices=settings.devices,
            id_maps=id_maps,
            created=_now(),
        )

    if own_user.choose is not None:
        with session.store.choosing_ids():
            container = make(own_user.choose())
    else:
        container = make(own_user.id_maps)
    try:
        for kind, shared, path in settings.namespaces:
            container.set_namespace(kind, host=shared, path=path)
        container.set_namespace("user", host=own_user.host, path=own_user.path)
        if settings.configure_network is not None:
            container.raw["ConfigureNetwork"] = settings.configure_network
        for key, value in (
            ("CNIConfigDir", args.cni_config_dir),
            ("CNIPluginPath", args.cni_plugin_path),
            ("CDIConfigDir", args.cdi_config_dir),
            ("defaultMountsFilePath", ctx.globals.default_mounts_file),
        ):
            if value:
                container.raw[key] = value
        if settings.group_add:
            container.raw["GroupAdd"] = settings.group_add
        container.save()
        if container.draft.config.get("OnBuild"):
            from pybuildah import on_build

            on_build.perform(session, container, args)
            container.save()
    except BaseException:
        container.delete()
        raise
    if args.cidfile:
        with open(args.cidfile, "w", encoding="utf-8") as stream:
            stream.write(container.id)
    ctx.print(container.name)
    return 0


def _now() -> str:
    from ocicore.build.commit import now_text

    return now_text()


def chosen_pull_policy(args: Args) -> str:
    """--pull, or one of the options that stand for it. Raises InvalidInput."""
    if args.pull_always:
        return "always"
    return "never" if args.pull_never else pull_policy(args.pull)


def pull_policy(text: str) -> str:
    """--pull with the synonyms buildah takes."""
    from ocicore.errors import InvalidInput

    known = {
        "true": "missing",
        "missing": "missing",
        "ifmissing": "missing",
        "notpresent": "missing",
        "always": "always",
        "newer": "newer",
        "ifnewer": "newer",
        "never": "never",
        "false": "never",
    }
    policy = known.get(text.lower())
    if policy is None:
        raise InvalidInput(f'unrecognized pull policy "{text}"', hint="always, missing, never or newer")
    return policy


def image_format(text: str) -> str:
    """--format: "oci" (default) or "docker", or their media types."""
    from ocicore.errors import InvalidInput
    from ocicore.oci import media_types

    if text in ("", "oci", media_types.OCI_MANIFEST):
        return "oci"
    if text in ("docker", media_types.DOCKER_MANIFEST):
        return "docker"
    raise InvalidInput(f'unrecognized image type "{text}"', hint="oci or docker")
