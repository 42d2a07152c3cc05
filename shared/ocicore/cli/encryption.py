"""What --encryption-key, --encrypt-layer and --decryption-key say, for the programs that copy images."""

from __future__ import annotations

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.image.image_copy import Encryption


def read(args: Args) -> Encryption:
    """The options a command has of the three, as a copy takes them.

    Raises:
        InvalidInput: they contradict each other, or a key cannot be used.
    """
    from ocicore.image.image_copy import Encryption

    public: list[str] = list(getattr(args, "encryption_key", ()))
    private: list[str] = list(getattr(args, "decryption_key", ()))
    layers: tuple[int, ...] = tuple(getattr(args, "encrypt_layer", ()))
    if not all(public) or (not public and args.given("encryption-key")):
        # A variable that was empty: what was to be encrypted must not go out in the clear.
        raise InvalidInput(
            "--encryption-key: invalid recipient format", hint="expected jwe:FILE or pkcs7:FILE, not nothing"
        )
    if public and private:
        raise InvalidInput("--encryption-key and --decryption-key cannot be specified together")
    if layers and not public:
        raise InvalidInput("--encrypt-layer can only be used with --encryption-key")
    if not public and not private:
        return Encryption()
    from ocicore.image import encryption_keys

    if private:
        return Encryption(keys=encryption_keys.decryption_keys(private))
    return Encryption(encryption_keys.recipients(public), layers)
