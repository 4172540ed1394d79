using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Hosting;
using Chat.Cells.Operator.Observe;

namespace Chat.Cells.Operator.Plan;

/// <summary>
/// The objects of a cell: two services and a StatefulSet. Embedded, that is one pod with a volume; on External engines as many pods as wanted, alike, with nothing durable, and a budget
/// for disruptions. A StatefulSet in both: a pod's name is its server's id, which has to be the same after a restart, or its partitions would wander and verdicts would not find it.
/// </summary>
internal static class CellObjects
{
    public static IEnumerable<DesiredObject> Make(Observed observed, int number, OperatorOptions options)
    {
        var cell = observed.Cell;
        yield return DesiredObject.From(Service(cell, cell.Metadata.Name!, "public", Naming.PublicPort), observed.PublicService);
        yield return DesiredObject.From(Service(cell, Naming.InternalService(cell.Metadata.Name!), "internal", Naming.InternalPort), observed.InternalService);
        if (!EngineRules.IsExternal(cell))
        {
            yield return DesiredObject.From(Embedded(cell, number, options), observed.StatefulSet);
            yield break;
        }
        // With one pod too: it then stands in nobody's way, and needs not be taken away again.
        yield return DesiredObject.From(DisruptionBudget(cell), observed.DisruptionBudget);
        if (EngineRules.Of(cell.Spec).All(e => EngineSecretKeys.Fault(e.Name, e.Spec, observed.EngineSecrets) is null))
        {
            yield return DesiredObject.From(External(observed, number, options), observed.StatefulSet);
        }
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

    private static V1StatefulSet Embedded(ChatCell cell, int number, OperatorOptions options)
    {
        var pod = Pods.Hardened(
            CellPods.Container(cell, number, options, CellPods.EmbeddedEngines),
            terminationGracePeriodSeconds: 60,
            CellPods.MapVolume,
            new V1Volume { Name = CellPods.SecretsName, Secret = new V1SecretVolumeSource { SecretName = Naming.CellSecret(cell.Metadata.Name!) } });
        return StatefulSet(cell, replicas: 1, "OrderedReady", pod, new V1PersistentVolumeClaim
        {
            Metadata = new V1ObjectMeta { Name = CellPods.DataName },
            Spec = new V1PersistentVolumeClaimSpec
            {
                AccessModes = ["ReadWriteOnce"],
                StorageClassName = cell.Spec.Storage.StorageClassName,
                Resources = new V1ResourceRequirements { Requests = new Dictionary<string, Quantity> { ["storage"] = cell.Spec.Storage.Size } },
            },
        });
    }

    private static V1StatefulSet External(Observed observed, int number, OperatorOptions options)
    {
        var cell = observed.Cell;
        var pod = Pods.Hardened(
            CellPods.Container(cell, number, options, ExternalEngines.Arguments(cell.Spec)),
            terminationGracePeriodSeconds: 60,
            CellPods.MapVolume,
            ExternalEngines.SecretsVolume(cell, observed.EngineSecrets),
            // A copy of the cell map is all that a server keeps there.
            new V1Volume { Name = CellPods.DataName, EmptyDir = new V1EmptyDirVolumeSource() });
        // In parallel: the servers need not wait for each other, and one that can't start must not keep the others from being mended.
        return StatefulSet(cell, cell.Spec.Gateways.Replicas, "Parallel", pod with { TopologySpreadConstraints = [Spread(cell, "topology.kubernetes.io/zone"), Spread(cell, "kubernetes.io/hostname")] });
    }

    private static V1TopologySpreadConstraint Spread(ChatCell cell, string key) => new()
    {
        MaxSkew = 1,
        TopologyKey = key,
        // A cluster with one node, or with a zone away, runs the cell all the same.
        WhenUnsatisfiable = "ScheduleAnyway",
        LabelSelector = new V1LabelSelector { MatchLabels = Naming.CellSelector(cell.Metadata.Name!) },
    };

    private static V1PodDisruptionBudget DisruptionBudget(ChatCell cell) => new()
    {
        Metadata = Metadata(cell, cell.Metadata.Name!),
        Spec = new V1PodDisruptionBudgetSpec { MaxUnavailable = 1, Selector = new V1LabelSelector { MatchLabels = Naming.CellSelector(cell.Metadata.Name!) } },
    };

    private static V1StatefulSet StatefulSet(ChatCell cell, int replicas, string management, V1PodSpec pod, params V1PersistentVolumeClaim[] claims)
    {
        var name = cell.Metadata.Name!;
        return new V1StatefulSet
        {
            Metadata = Metadata(cell, name),
            Spec = new V1StatefulSetSpec
            {
                Replicas = replicas,
                ServiceName = Naming.InternalService(name),
                PodManagementPolicy = management,
                UpdateStrategy = new V1UpdateStrategy { Type = "RollingUpdate" },
                Selector = new V1LabelSelector { MatchLabels = Naming.CellSelector(name) },
                Template = new V1PodTemplateSpec { Metadata = new V1ObjectMeta { Labels = Naming.Labels(Naming.CellSelector(name), name) }, Spec = pod },
                VolumeClaimTemplates = claims.Length > 0 ? claims : null,
            },
        };
    }
}
