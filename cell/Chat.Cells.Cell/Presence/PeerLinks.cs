using System.Collections.Concurrent;
using Chat.Cells.Cell.Hosting;

namespace Chat.Cells.Cell.Presence;

/// <summary>This server's streams to other cells, one for each that has users who are viewed here, or members to tell of typing.</summary>
internal sealed class PeerLinks(CellIdentity identity, CurrentCellMap map, SecretsFolder secrets, TimeProvider time, ILoggerFactory loggers) : IHostedService
{
    private static readonly HashSet<string> None = [];

    private readonly ConcurrentDictionary<string, PeerLink> links = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource stopping = new();

    /// <summary>Called with what another cell says of a user.</summary>
    public Action<string, PresenceSnapshot> Told { get; set; } = static (_, _) => { };

    /// <summary>These users of another cell are viewed here now.</summary>
    public void Watch(string cell, IReadOnlyList<string> userIds) => Of(cell).Watch(userIds);

    /// <summary>Tells another cell that one of our users types.</summary>
    public void Type(string cell, string channelId, string userId, bool isTyping) => Of(cell).Type(new PeerTyping(channelId, userId, isTyping));

    /// <summary>Makes each stream's users those that are viewed, and returns the cells that could not be reached for longer than <paramref name="patience"/>.</summary>
    public IReadOnlyList<string> Reconcile(IReadOnlyDictionary<string, HashSet<string>> viewed, TimeSpan patience)
    {
        List<string>? lost = null;
        foreach (var (cell, users) in viewed)
        {
            var link = Of(cell);
            link.Reconcile(users);
            if (link.LostFor > patience) (lost ??= []).Add(cell);
        }
        foreach (var (cell, link) in links)
        {
            if (!viewed.ContainsKey(cell)) link.Reconcile(None);
        }
        return lost ?? [];
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await stopping.CancelAsync();
        await Task.WhenAll(links.Values.Select(l => l.Ended)).WaitAsync(cancellationToken);
    }

    private PeerLink Of(string cell) => links.GetOrAdd(cell, static (name, all) => all.Make(name), this);

    private PeerLink Make(string cell) => new(
        identity.Cell,
        cell,
        () => map.Current?.Find(cell)?.Endpoints.Internal,
        () => secrets.Current.TokenTo(cell),
        snapshot => Told(cell, snapshot),
        time,
        loggers.CreateLogger<PeerLink>(),
        stopping.Token);
}
