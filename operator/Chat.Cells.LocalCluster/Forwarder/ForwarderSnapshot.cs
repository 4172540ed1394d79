using System.Net;
using Chat.Cells.LocalCluster.Processes;

namespace Chat.Cells.LocalCluster.Forwarder;

/// <summary>The routes on disk, so that a forwarder that starts while the API is down knows them.</summary>
public sealed class ForwarderSnapshot(string path, ILogger logger)
{
    /// <summary>Saves the routes; a failure is logged, forwarding does not depend on it.</summary>
    public void Save(IReadOnlyList<ServiceRoute> routes)
    {
        try
        {
            DurableFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(routes.Select(route =>
                new Row(route.Service, route.Address.ToString(), [.. route.Endpoints.Select(endpoint => endpoint.ToString())])).ToArray()));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            logger.SnapshotFailed(path, e.Message);
        }
    }

    /// <summary>The routes as last saved; none when there are none, or they cannot be read.</summary>
    public IReadOnlyList<ServiceRoute> Load()
    {
        try
        {
            return !File.Exists(path) ? [] : [.. (JsonSerializer.Deserialize<Row[]>(File.ReadAllBytes(path)) ?? []).Select(row =>
                new ServiceRoute(row.Service, IPEndPoint.Parse(row.Address), [.. row.Endpoints.Select(IPEndPoint.Parse)]))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or FormatException)
        {
            logger.SnapshotFailed(path, e.Message);
            return [];
        }
    }

    private sealed record Row(string Service, string Address, string[] Endpoints);
}
