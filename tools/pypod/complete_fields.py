"""Fields of what commands print, for the completion of --format; a dot at the end says that there are fields below."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocicore.cli.context import Context

_VERSION = "APIVersion BuildOrigin Version GoVersion GitCommit BuiltTime Built OsArch Os"
_PROGRAM = "Package Path Version"

#: Kind -> fields; "kind Field." -> the fields below.
FIELDS: dict[str, str] = {
    "container": (
        "AppArmorProfile Args BoundingCaps Config. ConmonPidFile Created Dependencies Driver EffectiveCaps ExecIDs "
        "GraphDriver. HostConfig. HostnamePath HostsPath ID Image ImageDigest ImageName IsInfra IsService LockNumber "
        "MountLabel Mounts Name Namespace NetworkSettings. OCIConfigPath OCIRuntime Path PidFile Pod ProcessLabel "
        "ResolvConfPath RestartCount Rootfs SizeRootFs SizeRw State. StaticDir"
    ),
    "container State.": (
        "CgroupPath CheckpointedAt Checkpointed ConmonPid Dead Error ExitCode FinishedAt Health. OOMKilled OciVersion "
        "Paused Pid Restarting Restored RestoredAt Running StartedAt Status StoppedByUser"
    ),
    "container State.Health.": "FailingStreak Log Status",
    "container Config.": (
        "Annotations AttachStderr AttachStdin AttachStdout Cmd CreateCommand Domainname Entrypoint Env "
        "HealthLogDestination HealthMaxLogCount HealthMaxLogSize Healthcheck. HealthcheckOnFailureAction Hostname "
        "Image Labels OnBuild OpenStdin Passwd Secrets StdinOnce StopSignal StopTimeout SystemdMode Timeout Tty Umask "
        "User Volumes WorkingDir"
    ),
    "container Config.Healthcheck.": "Interval Retries Test Timeout",
    "container HostConfig.": (
        "Annotations AutoRemove AutoRemoveImage Binds BlkioDeviceReadBps BlkioDeviceReadIOps BlkioDeviceWriteBps "
        "BlkioDeviceWriteIOps BlkioWeight BlkioWeightDevice CapAdd CapDrop Cgroup CgroupConf CgroupManager CgroupMode "
        "CgroupParent Cgroups ConsoleSize ContainerIDFile CpuCount CpuPercent CpuPeriod CpuQuota CpuRealtimePeriod "
        "CpuRealtimeRuntime CpuShares CpusetCpus CpusetMems Devices DiskQuota Dns DnsOptions DnsSearch ExtraHosts "
        "GroupAdd IOMaximumBandwidth IOMaximumIOps Init IpcMode Isolation KernelMemory Links LogConfig. Memory "
        "MemoryReservation MemorySwap MemorySwappiness NanoCpus NetworkMode OomKillDisable OomScoreAdj PidMode "
        "PidsLimit PortBindings Privileged PublishAllPorts ReadonlyRootfs RestartPolicy. Runtime SecurityOpt ShmSize "
        "Tmpfs UTSMode Ulimits UsernsMode VolumeDriver VolumesFrom"
    ),
    "container HostConfig.LogConfig.": "Config Path Size Tag Type",
    "container HostConfig.RestartPolicy.": "MaximumRetryCount Name",
    "container NetworkSettings.": (
        "Bridge EndpointID Gateway GlobalIPv6Address GlobalIPv6PrefixLen HairpinMode IPAddress IPPrefixLen "
        "IPv6Gateway LinkLocalIPv6Address LinkLocalIPv6PrefixLen MacAddress Networks Ports SandboxID SandboxKey"
    ),
    "container GraphDriver.": "Data Name",
    "image": (
        "Annotations Architecture Author Comment Config. Created Digest GraphDriver. HealthCheck History ID Labels "
        "ManifestType NamesHistory Os Parent RepoDigests RepoTags RootFS. Size User Version VirtualSize"
    ),
    "image Config.": "Cmd Entrypoint Env ExposedPorts Labels StopSignal User Volumes WorkingDir",
    "image GraphDriver.": "Data Name",
    "image RootFS.": "Layers Type",
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
    "pod InfraConfig.": (
        "CPUPeriod CPUQuota CPUSetCPUs DNSOption DNSSearch DNSServer HostAdd HostNetwork Networks NoManageHostname "
        "NoManageHosts NoManageResolvConf PidNS PortBindings StaticIP StaticMAC UserNS UtsNS"
    ),
    "volume": (
        "Anonymous CreatedAt Driver Labels LockNumber MountCount Mountpoint Name NeedsChown NeedsCopyUp Options Scope "
        "Status StorageID Timeout UID GID"
    ),
    "volumes": (
        "Anonymous CreatedAt Driver GID Labels LockNumber MountCount Mountpoint Name NeedsChown NeedsCopyUp Options "
        "Scope Status StorageID Timeout UID"
    ),
    "networks": (
        "Created DNSEnabled Driver ID IPAMOptions IPv6Enabled Internal Labels Name NetworkDNSServers NetworkInterface "
        "Options Routes Subnets"
    ),
    "secret": "CreatedAt ID SecretData Spec. UpdatedAt",
    "secret Spec.": "Driver. Labels Name",
    "secret Spec.Driver.": "Name Options",
    "ps": (
        "AutoRemove CGROUPNS CIDFile Cgroup Command Created CreatedAt CreatedHuman ExitCode Exited ExitedAt "
        "ExposedPorts ID IPC Image ImageID IsInfra Labels MNT Mounts NET Names Namespaces Networks PIDNS Pid Pod "
        "PodName Ports Restarts RunningFor Size StartedAt State Status USERNS UTS"
    ),
    "images": (
        "Arch Containers Created CreatedAt CreatedSince CreatedTime Dangling Digest History ID Id IsDangling "
        "IsManifestList IsReadOnly Labels Names Os ParentId ReadOnly RepoDigests RepoTags Repository SharedSize Size Tag VirtualSize"
    ),
    "history": "Comment Created CreatedAt CreatedBy CreatedSince ID Size Tags",
    "pods": (
        "Cgroup ContainerIds ContainerNames ContainerStatuses Containers Created ID InfraID Labels Name Namespace "
        "Id InfraId Networks NumberOfContainers Restarts Status"
    ),
    "secrets": "CreatedAt Driver ID Name UpdatedAt",
    "search": "Automated Description Index Name Official Stars Tag",
    "stats": (
        "AVGCPU AvgCPU BlockIO BlockInput BlockOutput CPU CPUNano CPUPerc CPUSystemNano ContainerID Duration ID "
        "MemLimit MemPerc MemUsage MemUsageBytes Name NetIO Network PIDS PIDs PerCPU SystemNano Up UpTime"
    ),
    "pod stats": "BlockIO CID CPU Mem MemUsage MemUsageBytes Name NetIO PIDS Pod",
    "events": (
        "Attributes ContainerExitCode ContainerInspectData Details. Error HealthStatus ID Image Name Network PodID "
        "Status Time TimeNano Type"
    ),
    "events Details.": "Attributes ContainerInspectData PodID",
    "df": "Active RawReclaimable RawSize Reclaimable Size Total Type",
    "connections": "Default Identity IsMachine Name ReadWrite URI",
    "artifacts": "Digest Repository Size Tag",
    "quadlets": "App Name Path Pod Status UnitName",
    "auto-update": "Container ContainerID ContainerName Image Policy Unit Updated",
    "version": "Client. Server.",
    "version Client.": _VERSION,
    "version Server.": _VERSION,
    "info": "Host. Plugins. Registries Store. Version.",
    "info Host.": (
        "Arch BuildahVersion CPUUtilization. CPUs CgroupControllers CgroupManager CgroupsVersion Conmon. DatabaseBackend Distribution. "
        "EventLogger FreeLocks Hostname IDMappings. Kernel Linkmode LogDriver MemFree MemTotal NetworkBackend "
        "NetworkBackendInfo. OCIRuntime. OS Pasta. RemoteSocket. RootlessNetworkCmd RuntimeInfo Security. ServiceIsRemote "
        "Slirp4NetNS. SwapFree SwapTotal Uptime Variant"
    ),
    "info Host.Conmon.": _PROGRAM,
    "info Host.CPUUtilization.": "IdlePercent SystemPercent UserPercent",
    "info Host.Distribution.": "Codename Distribution Variant Version",
    "info Host.IDMappings.": "GIDMap UIDMap",
    "info Host.NetworkBackendInfo.": f"Backend DNS. {_PROGRAM}",
    "info Host.NetworkBackendInfo.DNS.": _PROGRAM,
    "info Host.OCIRuntime.": f"Name {_PROGRAM}",
    "info Host.Pasta.": "Executable Package Version",
    "info Host.RemoteSocket.": "Exists Path",
    "info Host.Security.": (
        "AppArmorEnabled DefaultCapabilities Rootless SECCOMPEnabled SECCOMPProfilePath SELinuxEnabled"
    ),
    "info Host.Slirp4NetNS.": "Executable Package Version",
    "info Plugins.": "Authorization Log Network Volume",
    "info Store.": (
        "ConfigFile ContainerStore. GraphDriverName GraphOptions GraphRoot GraphRootAllocated GraphRootUsed "
        "GraphStatus ImageCopyTmpDir ImageStore. RunRoot TransientStore VolumePath"
    ),
    "info Store.ContainerStore.": "Number Paused Running Stopped",
    "info Store.ImageStore.": "Number",
    "info Version.": _VERSION,
}

#: Command -> what it prints.
_PRINTED = {
    "artifact ls": "artifacts",
    "auto-update": "auto-update",
    "container list": "ps",
    "container stats": "stats",
    "events": "events",
    "history": "history",
    "image history": "history",
    "image inspect": "image",
    "image list": "images",
    "image search": "search",
    "images": "images",
    "info": "info",
    "network inspect": "network",
    "network ls": "networks",
    "pod inspect": "pod",
    "pod ps": "pods",
    "pod stats": "pod stats",
    "ps": "ps",
    "quadlet list": "quadlets",
    "search": "search",
    "secret inspect": "secret",
    "secret ls": "secrets",
    "stats": "stats",
    "system connection list": "connections",
    "system df": "df",
    "system events": "events",
    "system info": "info",
    "version": "version",
    "volume inspect": "volume",
    "volume ls": "volumes",
}


def templates(kind: str, incomplete: str = "") -> Iterator[str]:
    """What the end of a template may become: "json" where nothing is typed, then "{{.Name}}", and "{{.State." where more
    follows.

    Args:
        incomplete: what is typed; fields are offered for its last "{{.".
    """
    lead, braces, typed = incomplete.rpartition("{{")
    if not braces:
        if "json".startswith(incomplete):
            yield "json"
        return
    blanks = typed[: len(typed) - len(typed.lstrip())]
    path, dot, _ = typed.strip().rpartition(".")
    if not dot:
        return
    above = f"{path[1:]}." if path else ""
    for name in FIELDS.get(f"{kind} {above}" if above else kind, "").split():
        end = "" if name.endswith(".") else "}}"
        yield f"{lead}{braces}{blanks}.{above}{name}{end}"
    yield ":nospace"


def printed(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """--format of a command that always prints the same kind of thing."""
    return templates(_PRINTED.get(" ".join(ctx.path), ""), incomplete)


def inspected(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """--format of `inspect`: fields of what the first name means, a container's where there is none."""
    return templates(_kind(words[0], ctx) if words else "container", incomplete)


def _kind(name: str, ctx: Context) -> str:
    """What begins with the name: a container before an image, a volume, a pod and a network."""
    from ocicore.engine import network_setup
    from pypod.complete import opened

    engine = opened(ctx)
    tags = [tag for image in engine.images.list() for tag in image.repo_tags]
    kinds = {
        "container": [word for c in engine.state.containers.all() for word in (c.name, c.id)],
        "image": [*tags, *(tag.removeprefix("localhost/") for tag in tags)],
        "volume": [volume.name for volume in engine.state.volumes.all()],
        "pod": [word for pod in engine.state.pods.names().items() for word in pod],
        "network": [network["name"] for network in network_setup.definitions(engine).list()],
    }
    for kind, names in kinds.items():
        if any(known.startswith(name) for known in names):
            return kind
    return "container"
