using System.Reflection;
using Chat.Cells.Cell.Connections;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Bridging;

/// <summary>What the operator asks a cell: its users, by what its engines keep what they complete, and of the server that answers its sockets, whether it is ready, and what went over the bridges by it since it started.</summary>
public static class StatusEndpoint
{
    private static readonly string Version = typeof(StatusEndpoint).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";

    public static void MapStatus(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapGet("/internal/v1/status", ReadAsync).RequireInternal(InternalScope.Full).ExcludeFromDescription();

    private static async Task<IResult> ReadAsync(HttpContext http, CellIdentity identity, IAccountStore accounts, Readiness readiness, BridgeStatus bridges, IMessageLog log, IMessageStore store)
    {
        var (ready, _) = await readiness.CheckAsync(http.RequestAborted);
        return Results.Json(new
        {
            cell = identity.Cell,
            number = identity.Number,
            server = identity.ServerId,
            users = await accounts.CountAccountsAsync(http.RequestAborted),
            connections = http.RequestServices.GetService<ConnectionRegistry>()?.Count ?? 0,
            ready,
            version = Version,
            durability = new { log = await ReadDurabilityAsync(log, http.RequestAborted), store = await ReadDurabilityAsync(store, http.RequestAborted) },
            outbound = bridges.Outbound.ToDictionary(b => b.Key, b => new { streamed = b.Value.Streamed, readers = b.Value.Readers }),
            inbound = bridges.Inbound.ToDictionary(b => b.Key, b => new { appended = b.Value.Appended, served = b.Value.Served, refused = b.Value.Refused, repeated = b.Value.Repeated }),
        });
    }

    /// <summary>Null when the engine can't say.</summary>
    private static async Task<EngineDurability?> ReadDurabilityAsync(object engine, CancellationToken cancellationToken) =>
        engine is IDurabilitySource source ? await source.ReadDurabilityAsync(cancellationToken) : null;
}
