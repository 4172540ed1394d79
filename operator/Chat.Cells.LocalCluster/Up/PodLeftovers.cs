using System.Net;
using Chat.Cells.LocalCluster.PodRunner.State;

namespace Chat.Cells.LocalCluster.Up;

/// <summary>Pods that run on although the <c>up</c> that started them was killed: their addresses are this cluster's own, not somebody else's.</summary>
public static class PodLeftovers
{
    /// <summary>The addresses that are listened on, without those of this folder's running pods.</summary>
    public static IReadOnlyCollection<IPEndPoint> Without(IReadOnlyCollection<IPEndPoint> listening, ClusterPaths paths)
    {
        var store = new PodRecordStore(paths.Pods);
        var own = store.LoadAll(static (_, _) => { })
            .Where(record => store.Running(record).Count > 0)
            .Select(record => record.PodIP).ToHashSet(StringComparer.Ordinal);
        return own.Count == 0 ? listening : [.. listening.Where(endpoint => !own.Contains(endpoint.Address.ToString()))];
    }
}
