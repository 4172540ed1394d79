using System.Globalization;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Hosting;

namespace Chat.Cells.Operator.Plan;

/// <summary>The container of a cell's server. It is the same on all engines, but for the arguments that name them.</summary>
internal static class CellPods
{
    /// <summary>The volume behind <c>--data</c>.</summary>
    public const string DataName = "data";

    /// <summary>The volume behind <c>--secrets</c>.</summary>
    public const string SecretsName = "secrets";

    public static V1Volume MapVolume { get; } = new() { Name = "map", ConfigMap = new V1ConfigMapVolumeSource { Name = Naming.MapName } };

    public static IReadOnlyList<string> EmbeddedEngines { get; } = ["--log", "embedded", "--store", "embedded", "--state", "embedded"];

    public static V1Container Container(ChatCell cell, int number, OperatorOptions options, IReadOnlyList<string> engines)
    {
        var resources = cell.Spec.Gateways.Resources;
        List<string> args =
        [
            "--cell", cell.Metadata.Name!,
            "--number", number.ToString(CultureInfo.InvariantCulture),
            "--region", cell.Spec.Region,
            "--server-id", "$(POD_NAME)",
            "--roles", "gateway,fanout,delivery",
            "--data", Naming.DataPath,
            "--public", $"http://$(POD_IP):{Naming.PublicPort}",
            "--internal", $"http://$(POD_IP):{Naming.InternalPort}",
            "--cell-map", $"{Naming.MapPath}/{Topology.CellMapFile.FileName}",
            "--secrets", Naming.SecretsPath,
            "--max-connections", cell.Spec.Gateways.MaxConnections.ToString(CultureInfo.InvariantCulture),
            .. engines,
        ];
        if (options.AllowedOrigins.Length > 0)
        {
            args.AddRange(["--allowed-origins", options.AllowedOrigins]);
        }
        return new V1Container
        {
            Name = "cell",
            Image = options.CellImage,
            Args = args,
            Env = Pods.DownwardEnvironment,
            Ports =
            [
                new V1ContainerPort { Name = "public", ContainerPort = Naming.PublicPort, Protocol = "TCP" },
                new V1ContainerPort { Name = "internal", ContainerPort = Naming.InternalPort, Protocol = "TCP" },
            ],
            Resources = resources is null ? null : new V1ResourceRequirements { Requests = resources.Requests, Limits = resources.Limits },
            VolumeMounts =
            [
                new V1VolumeMount { Name = DataName, MountPath = Naming.DataPath },
                new V1VolumeMount { Name = MapVolume.Name, MountPath = Naming.MapPath, ReadOnly = true },
                new V1VolumeMount { Name = SecretsName, MountPath = Naming.SecretsPath, ReadOnly = true },
                Pods.ScratchMount,
            ],
            // Recovery of a long log takes its time, as do a ring's tables: ten minutes before the pod is given up.
            StartupProbe = Pods.Probe("/healthz", "internal", period: 2, failures: 300),
            LivenessProbe = Pods.Probe("/healthz", "internal", period: 10, failures: 6),
            ReadinessProbe = Pods.Probe("/readyz", "internal", period: 2, failures: 3),
            SecurityContext = Pods.Restricted,
        };
    }
}
