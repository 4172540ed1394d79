using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Plan;

namespace Chat.Cells.Operator.Observe;

/// <summary>
/// Asks each server of a cell on External engines, at its pod's own address: the Service would answer for one of them, and for none while their engines are away.
/// </summary>
internal sealed class ServerObserver(KubernetesClient client, ICellProbe probe)
{
    /// <summary>Adds what the servers say: each one's own words, users once, connections summed.</summary>
    public async Task<Observed> AskAsync(Observed observed, byte[] token, CancellationToken cancellationToken)
    {
        if (observed.StatefulSet is null)
        {
            return observed;
        }
        var selector = string.Join(',', Naming.CellSelector(observed.Cell.Metadata.Name!).Select(l => $"{l.Key}={l.Value}"));
        var pods = (await client.Of<V1Pod>().ListAsync(observed.Cell.Metadata.Namespace, new ListOptions { LabelSelector = selector }, cancellationToken)).Items
            .Where(p => p.Metadata.DeletionTimestamp is null && p.Status is { Phase: "Running", PodIP.Length: > 0 })
            .OrderBy(p => p.Metadata.Name, StringComparer.Ordinal)
            .ToList();
        var reports = await Task.WhenAll(pods.Select(p => probe.ReadServerAsync(p.Metadata.Name!, CellUrls.Of(p.Status!.PodIP!, Naming.InternalPort), token, cancellationToken)));
        var servers = reports.OfType<ServerReport>().ToList();
        var counts = servers.Select(s => s.Cell).OfType<CellReport>().ToList();
        var isWhole = counts.Count > 0 && pods.Where(IsReady).All(p => servers.Any(s => s.Name == p.Metadata.Name && s.Cell is not null));
        return observed with
        {
            Servers = servers,
            Report = counts.Count == 0 ? null : new CellReport(counts.Max(c => c.Users), isWhole ? counts.Sum(c => c.Connections) : null),
        };
    }

    private static bool IsReady(V1Pod pod) => pod.Status?.Conditions?.Any(c => c is { Type: "Ready", Status: "True" }) == true;
}
