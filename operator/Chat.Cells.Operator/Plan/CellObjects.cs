using System.Globalization;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Hosting;
using Chat.Cells.Operator.Observe;

namespace Chat.Cells.Operator.Plan;

/// <summary>The objects of an embedded cell: two services and a StatefulSet of one pod.</summary>
internal static class CellObjects
{
    public static IEnumerable<DesiredObject> Make(Observed observed, int number, OperatorOptions options)
    {
        var cell = observed.Cell;
        yield return DesiredObject.From(Service(cell, cell.Metadata.Name!, "public", Naming.PublicPort), observed.PublicService);
        yield return DesiredObject.From(Service(cell, Naming.InternalService(cell.Metadata.Name!), "internal", Naming.InternalPort), observed.InternalService);
        yield return DesiredObject.From(StatefulSet(cell, number, options), observed.StatefulSet);
    }

    private static V1ObjectMeta Metadata(ChatCell cell, string name) => new()
    {
        Namespace = cell.Metadata.Namespace,
        Name = name,
        Labels = Naming.Labels(Naming.CellSelector(cell.Metadata.Name!), cell.Metadata.Name!),
        OwnerReferences = [Naming.OwnedBy(cell)],
    };

    private static V1Service Service(ChatCell cell, string name, string port, int number) => new()
    {
        Metadata = Metadata(cell, name),
        Spec = new V1ServiceSpec
        {
            Type = "ClusterIP",
            Selector = Naming.CellSelector(cell.Metadata.Name!),
            Ports = [new V1ServicePort { Name = port, Port = number, TargetPort = port, Protocol = "TCP" }],
        },
    };

    private static V1StatefulSet StatefulSet(ChatCell cell, int number, OperatorOptions options)
    {
        var name = cell.Metadata.Name!;
        return new V1StatefulSet
        {
            Metadata = Metadata(cell, name),
            Spec = new V1StatefulSetSpec
            {
                Replicas = 1,
                ServiceName = Naming.InternalService(name),
                PodManagementPolicy = "OrderedReady",
                UpdateStrategy = new V1UpdateStrategy { Type = "RollingUpdate" },
                Selector = new V1LabelSelector { MatchLabels = Naming.CellSelector(name) },
                Template = new V1PodTemplateSpec
                {
                    Metadata = new V1ObjectMeta { Labels = Naming.Labels(Naming.CellSelector(name), name) },
                    Spec = Pods.Hardened(
                        Container(cell, number, options),
                        terminationGracePeriodSeconds: 60,
                        new V1Volume { Name = "map", ConfigMap = new V1ConfigMapVolumeSource { Name = Naming.MapName } },
                        new V1Volume { Name = "secrets", Secret = new V1SecretVolumeSource { SecretName = Naming.CellSecret(name) } }),
                },
                VolumeClaimTemplates =
                [
                    new V1PersistentVolumeClaim
                    {
                        Metadata = new V1ObjectMeta { Name = "data" },
                        Spec = new V1PersistentVolumeClaimSpec
                        {
                            AccessModes = ["ReadWriteOnce"],
                            StorageClassName = cell.Spec.Storage.StorageClassName,
                            Resources = new V1ResourceRequirements { Requests = new Dictionary<string, Quantity> { ["storage"] = cell.Spec.Storage.Size } },
                        },
                    },
                ],
            },
        };
    }

    private static V1Container Container(ChatCell cell, int number, OperatorOptions options)
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
            "--log", "embedded",
            "--store", "embedded",
            "--state", "embedded",
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
                new V1VolumeMount { Name = "data", MountPath = Naming.DataPath },
                new V1VolumeMount { Name = "map", MountPath = Naming.MapPath, ReadOnly = true },
                new V1VolumeMount { Name = "secrets", MountPath = Naming.SecretsPath, ReadOnly = true },
                Pods.ScratchMount,
            ],
            // Recovery of a long log takes its time: ten minutes before the pod is given up.
            StartupProbe = Pods.Probe("/healthz", "internal", period: 2, failures: 300),
            LivenessProbe = Pods.Probe("/healthz", "internal", period: 10, failures: 6),
            ReadinessProbe = Pods.Probe("/readyz", "internal", period: 2, failures: 3),
            SecurityContext = Pods.Restricted,
        };
    }
}
