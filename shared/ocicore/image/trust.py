"""Whether an image may be used: policy.json evaluated for a source (containers-policy.json(5))."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from ocicore.config import policy as policies
from ocicore.errors import Error, InvalidInput
from ocicore.image.types import ImageSource, SystemContext
from ocicore.oci.manifest import manifest_digest
from ocicore.oci.reference import Reference, parse_normalized


class Rejected(Error):
    """The policy forbids the image."""


def load_policy(context: SystemContext) -> policies.Policy:
    """The policy in force."""
    if context.insecure_policy:
        return policies.insecure()
    return policies.load(context.policy_path or policies.default_path(context.paths, context.environ))


def check(context: SystemContext, source: ImageSource, manifest: bytes, instance: str | None) -> None:
    """Check a source's manifest against the policy.

    Args:
        manifest: bytes of the manifest or list that will be copied.
        instance: its digest in the source's list, None outside a list.

    Raises:
        Rejected: the policy forbids it.
        InvalidInput: the policy is malformed.
    """
    policy = load_policy(context)
    reference = source.reference
    requirements = policy.requirements(reference.transport, reference.policy_scopes())
    if context.require_signed and all(item.type == "insecureAcceptAnything" for item in requirements):
        raise Rejected(
            f"Source image rejected: no signature of {reference} was verified, but --require-signed asks for one",
            hint=f"have the policy {policy.source} require one (signedBy, sigstoreSigned)",
        )
    signatures: list[bytes] | None = None
    for requirement in requirements:
        if requirement.type == "insecureAcceptAnything":
            continue
        if requirement.type == "reject":
            raise Rejected(
                f"Source image rejected: Running image {reference} is rejected by policy.",
                hint=f"the policy is {policy.source}",
            )
        if signatures is None:
            signatures = source.signatures(instance)
        if requirement.type == "signedBy":
            _signed_by(requirement.fields, reference.docker_reference, manifest, signatures)
        else:
            from ocicore.image import sigstore

            sigstore.check(source, requirement.fields, manifest, signatures)


def _signed_by(
    fields: dict[str, Any], docker_reference: str | None, manifest: bytes, signatures: list[bytes]
) -> None:
    from ocicore.image import simple_signing

    if fields.get("keyType") != "GPGKeys":
        raise Rejected(f'Source image rejected: "Unknown/unsupported keyType value "{fields.get("keyType")}"')
    signatures = [signature for signature in signatures if not signature.startswith(b"\x00sigstore-json\n")]
    if not signatures:
        raise Rejected("Source image rejected: A signature was required, but no signature exists")
    keys = read_keys(fields, ("keyPath", "keyPaths"), ("keyData",))
    reasons = []
    digest = manifest_digest(manifest)
    for signature in signatures:
        try:
            signed = simple_signing.verify(signature, keys)
        except simple_signing.InvalidSignature as exc:
            reasons.append(exc.message)
            continue
        if signed.manifest_digest != digest:
            reasons.append(f"Signature for digest {signed.manifest_digest} does not match {digest}")
        elif not identity_matches(fields.get("signedIdentity"), docker_reference, signed.docker_reference):
            reasons.append(f'Signature for identity "{signed.docker_reference}" is not accepted')
        else:
            return
    raise Rejected(f"Source image rejected: {'; '.join(reasons)}")


def read_keys(fields: dict[str, Any], path_keys: tuple[str, ...], data_keys: tuple[str, ...]) -> list[bytes]:
    """Key files and inline (base64) keys of a requirement."""
    found = []
    for key in path_keys:
        value = fields.get(key) or []
        for path in [value] if isinstance(value, str) else value:
            try:
                with open(path, "rb") as file:
                    found.append(file.read())
            except OSError as exc:
                raise InvalidInput(f"reading key {path}: {(exc.strerror or str(exc)).lower()}") from exc
    for key in data_keys:
        value = fields.get(key) or []
        for text in [value] if isinstance(value, str) else value:
            try:
                found.append(base64.b64decode(text, validate=True))
            except binascii.Error as exc:
                raise InvalidInput(f"policy: {key} is not base64") from exc
    return found


def identity_matches(rule: dict[str, Any] | None, image: str | None, signed: str) -> bool:
    """Whether the name that was signed is one the policy accepts for the image's name."""
    kind = rule["type"] if rule else "matchRepoDigestOrExact"
    rule = rule or {}
    try:
        there = parse_normalized(signed)
        if kind == "exactReference":
            return str(there) == str(parse_normalized(rule["dockerReference"]))
        if kind == "exactRepository":
            return there.name == parse_normalized(rule["dockerRepository"]).name
        if image is None:
            return False
        here = parse_normalized(image)
    except InvalidInput:
        return False
    if kind == "remapIdentity":
        here = _remap(here, rule["prefix"], rule["signedPrefix"])
        kind = "matchRepoDigestOrExact"
    if kind == "matchRepository":
        return here.name == there.name
    if kind == "matchRepoDigestOrExact" and here.digest is not None:
        return here.name == there.name
    return (here.tag is not None or here.digest is not None) and str(here) == str(there)


def _remap(named: Reference, prefix: str, signed_prefix: str) -> Reference:
    name = named.name
    if name == prefix or name.startswith(prefix + "/"):
        changed = parse_normalized(signed_prefix + name[len(prefix) :])
        return Reference(changed.domain, changed.path, named.tag, named.digest)
    return named
