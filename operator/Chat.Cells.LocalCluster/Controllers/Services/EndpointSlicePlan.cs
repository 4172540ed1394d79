using System.Globalization;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.LocalCluster.Controllers.Workloads;

namespace Chat.Cells.LocalCluster.Controllers.Services;

/// <summary>Works out the EndpointSlices of a Service from the pods that it selects. Pure.</summary>
internal static class EndpointSlicePlan
{
    public const string ServiceNameLabel = "kubernetes.io/service-name";
    public const string ManagedByLabel = "endpointslice.kubernetes.io/managed-by";
    public const string ManagedBy = "endpointslice-controller.k8s.io";

    /// <summary>The slices: one for each way in which the ports' names resolve, in practice one. None for a Service without a selector.</summary>
    public static IReadOnlyList<V1EndpointSlice> Make(V1Service service, IEnumerable<V1Pod> pods)
    {
        var spec = service.Spec;
        if (spec?.Selector is not { Count: > 0 } selector || string.Equals(spec.Type, "ExternalName", StringComparison.Ordinal) || service.Metadata.DeletionTimestamp is not null)
        {
            return [];
        }

        var selected = pods.Where(pod => string.Equals(pod.Metadata.Namespace, service.Metadata.Namespace, StringComparison.Ordinal)
            && LabelSelectors.Matches(selector, pod.Metadata.Labels) && !pod.IsOver() && !string.IsNullOrEmpty(pod.Status?.PodIP));
        var groups = selected.GroupBy(pod => string.Join(',', (spec.Ports ?? []).Select(port => Resolve(port, pod)?.ToString(CultureInfo.InvariantCulture) ?? "-")), StringComparer.Ordinal)
            .OrderBy(group => group.Key, StringComparer.Ordinal).ToList();
        return groups.Count == 0 ? [Slice(service, spec, 0, [])] : [.. groups.Select((group, index) => Slice(service, spec, index, [.. group.OrderBy(pod => pod.Metadata.Name, StringComparer.Ordinal)]))];
    }

    private static V1EndpointSlice Slice(V1Service service, V1ServiceSpec spec, int index, IReadOnlyList<V1Pod> pods) => new()
    {
        Metadata = new V1ObjectMeta
        {
            Name = string.Create(CultureInfo.InvariantCulture, $"{service.Metadata.Name}-{index}"),
            Namespace = service.Metadata.Namespace,
            Labels = new Dictionary<string, string>(StringComparer.Ordinal) { [ServiceNameLabel] = service.Metadata.Name!, [ManagedByLabel] = ManagedBy },
            OwnerReferences = [PodFacts.OwnedBy(service)],
        },
        AddressType = "IPv4",
        Ports = [.. (spec.Ports ?? []).Select(port => (Port: port, Number: pods.Count > 0 ? Resolve(port, pods[0]) : Number(port))).Where(entry => entry.Number is not null).Select(entry => new V1EndpointPort
        {
            Name = entry.Port.Name ?? "", Protocol = entry.Port.Protocol ?? "TCP", Port = entry.Number, AppProtocol = entry.Port.AppProtocol,
        })],
        Endpoints = [.. pods.Select(pod => Endpoint(spec, pod))],
    };

    private static V1Endpoint Endpoint(V1ServiceSpec spec, V1Pod pod)
    {
        var serving = pod.IsReady() || spec.PublishNotReadyAddresses == true;
        return new V1Endpoint
        {
            Addresses = [pod.Status!.PodIP!],
            Conditions = new V1EndpointConditions { Ready = spec.PublishNotReadyAddresses == true || (serving && !pod.IsTerminating()), Serving = serving, Terminating = pod.IsTerminating() },
            NodeName = pod.Spec?.NodeName,
            TargetRef = new V1ObjectReference { Kind = "Pod", Name = pod.Metadata.Name, Namespace = pod.Metadata.Namespace, Uid = pod.Metadata.Uid },
        };
    }

    private static int? Number(V1ServicePort port) =>
        port.TargetPort?.ToString() is not { Length: > 0 } text ? port.Port
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static int? Resolve(V1ServicePort port, V1Pod pod) => Number(port)
        ?? pod.Spec?.Containers.SelectMany(container => container.Ports ?? []).FirstOrDefault(candidate => string.Equals(candidate.Name, port.TargetPort?.ToString(), StringComparison.Ordinal))?.ContainerPort;
}
