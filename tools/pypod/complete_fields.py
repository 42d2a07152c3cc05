"""Fields of inspected objects, for the completion of --format; a dot at the end says that there are fields below."""

from __future__ import annotations

FIELDS: dict[str, str] = {
    "container": (
        "AppArmorProfile Args BoundingCaps Config. ConmonPidFile Created Dependencies Driver EffectiveCaps ExecIDs "
        "GraphDriver. HostConfig. HostnamePath HostsPath ID Image ImageDigest ImageName IsInfra IsService LockNumber "
        "MountLabel Mounts Name Namespace NetworkSettings. OCIConfigPath OCIRuntime Path PidFile Pod ProcessLabel "
        "ResolvConfPath RestartCount Rootfs SizeRootFs SizeRw State. StaticDir"
    ),
    "image": (
        "Annotations Architecture Author Comment Config. Created Digest GraphDriver. HealthCheck. History ID Labels "
        "ManifestType NamesHistory Os Parent RepoDigests RepoTags RootFS. Size User Version VirtualSize"
    ),
    "network": (
        "Created DNSEnabled Driver ID IPAMOptions IPv6Enabled Internal Labels Name NetworkDNSServers NetworkInterface "
        "Options Routes Subnets"
    ),
    "pod": (
        "BlkioDeviceReadBps BlkioDeviceWriteBps BlkioWeight BlkioWeightDevice CPUPeriod CPUQuota CPUSetCPUs CPUSetMems "
        "CPUShares CgroupParent CgroupPath Containers CreateCgroup CreateCommand CreateInfra Created Devices ExitPolicy "
        "Hostname ID InfraConfig. InfraContainerID Labels LockNumber MemoryLimit MemorySwap Mounts Name Namespace "
        "NumContainers RestartPolicy SecurityOpts SharedNamespaces State VolumesFrom"
    ),
    "volume": (
        "Anonymous CreatedAt Driver Labels LockNumber MountCount Mountpoint Name NeedsChown NeedsCopyUp Options Scope "
        "Status StorageID Timeout UID GID"
    ),
}


def templates(kind: str) -> list[str]:
    """What "{{." may become for a kind of object: "{{.Name}}", and "{{.State." where more follows."""
    return [f"{{{{.{name}" if name.endswith(".") else f"{{{{.{name}}}}}" for name in FIELDS[kind].split()]
