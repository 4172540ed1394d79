using System.Collections.Concurrent;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Presence;

/// <summary>
/// Who views whom on this server. A viewed user of this cell is watched in the cell's state, one of another cell on the stream to it. Changes come as notices; what notices
/// can't tell (that a server died), and what was lost, is found by reading all viewed users again on every tick.
/// </summary>
internal sealed partial class PresenceViews
{
    /// <summary>The most users who are viewed on one server at once.</summary>
    public const int MaxViewed = 100_000;

    /// <summary>How long the first word of another cell is waited for before its users are shown as offline.</summary>
    private static readonly TimeSpan PeerPatience = TimeSpan.FromSeconds(2);

    private readonly CellOptions options;
    private readonly CellIdentity identity;
    private readonly ICellState state;
    private readonly ICellDirectory cells;
    private readonly PeerLinks peers;
    private readonly TimeProvider time;
    private readonly ILogger<PresenceViews> logger;
    private readonly ConcurrentDictionary<string, Viewed> viewed = new(StringComparer.Ordinal);

    public PresenceViews(CellOptions options, CellIdentity identity, ICellState state, ICellDirectory cells, PeerLinks peers, TimeProvider time, ILogger<PresenceViews> logger)
    {
        (this.options, this.identity, this.state, this.cells, this.peers, this.time, this.logger) = (options, identity, state, cells, peers, time, logger);
        peers.Told = Told;
    }

    /// <summary>How many users are viewed.</summary>
    public int Count => viewed.Count;

    /// <summary>How many more users can be viewed.</summary>
    public int Room => Math.Max(0, Most - viewed.Count);

    /// <summary><see cref="MaxViewed"/>, but for tests.</summary>
    internal int Most { get; set; } = MaxViewed;

    /// <summary>Shows a viewer these users from now on. Each is shown once soon, also when nothing can be read.</summary>
    public async Task AddAsync(IPresenceViewer viewer, IReadOnlyList<string> userIds, CancellationToken cancellationToken)
    {
        List<Viewed>? here = null;
        Dictionary<string, List<Viewed>>? elsewhere = null;
        foreach (var userId in userIds)
        {
            var entry = Add(viewer, userId, out var isKnown);
            if (isKnown) continue;
            if (!cells.TryGetHome(userId, out var home)) entry.GiveUp(time.GetTimestamp(), Now);
            else if (home == identity.Cell) (here ??= []).Add(entry);
            else Put(elsewhere ??= new(StringComparer.Ordinal), home, entry);
        }
        if (elsewhere is not null)
        {
            foreach (var (cell, entries) in elsewhere) peers.Watch(cell, [.. entries.Select(e => e.UserId)]);
        }
        if (here is not null) await ReadAsync(here, cancellationToken);
        if (elsewhere is null) return;
        // A stream that is open answers in milliseconds.
        await Task.Delay(PeerPatience, time, cancellationToken);
        foreach (var entry in elsewhere.Values.SelectMany(e => e)) entry.GiveUp(time.GetTimestamp(), Now);
    }

    /// <summary>The viewer doesn't view these users any more. What is watched for nobody runs out by itself.</summary>
    public void Remove(IPresenceViewer viewer, IEnumerable<string> userIds)
    {
        foreach (var userId in userIds)
        {
            if (!viewed.TryGetValue(userId, out var entry) || !entry.Remove(viewer)) continue;
            viewed.TryRemove(new KeyValuePair<string, Viewed>(userId, entry));
            PresenceMetrics.Viewed.Add(-1);
        }
    }

    /// <summary>A change of presence in this cell.</summary>
    public void Notice(PresenceNoticeItem item)
    {
        if (!viewed.TryGetValue(item.Snapshot.UserId, out var entry)) return;
        var now = Now;
        if (entry.Notice(item.Snapshot, time.GetTimestamp(), now) == 0) return;
        // Two servers' clocks may differ: what can't be is not measured.
        if (now - item.Since is >= 0 and < 60_000 and var took) PresenceMetrics.UpdateLatency.Record(took / 1000.0);
    }

    /// <summary>What another cell says of its own users.</summary>
    private void Told(string cell, PresenceSnapshot snapshot)
    {
        if (!cells.TryGetHome(snapshot.UserId, out var home) || home != cell) return; // a cell speaks for its own users only
        if (viewed.TryGetValue(snapshot.UserId, out var entry)) entry.Told(snapshot, time.GetTimestamp(), Now);
    }

    /// <summary>Watches and reads all viewed users again, and tells the streams whom they are for.</summary>
    public async Task TickAsync(CancellationToken cancellationToken)
    {
        var here = new List<Viewed>();
        var elsewhere = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
        foreach (var (userId, entry) in viewed)
        {
            if (!cells.TryGetHome(userId, out var home)) continue;
            if (home == identity.Cell) here.Add(entry);
            else if (elsewhere.TryGetValue(home, out var set)) set.Add(userId);
            else elsewhere[home] = new(StringComparer.Ordinal) { userId };
        }
        foreach (var cell in peers.Reconcile(elsewhere, options.RegistrationLife))
        {
            // Not reached for as long as a server's word holds: as a server that died.
            if (!elsewhere.TryGetValue(cell, out var lost)) continue;
            foreach (var userId in lost)
            {
                if (viewed.TryGetValue(userId, out var entry)) entry.Lose(time.GetTimestamp(), Now);
            }
        }
        if (here.Count > 0) await ReadAsync(here, cancellationToken);
    }

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    private static void Put(Dictionary<string, List<Viewed>> byCell, string cell, Viewed entry)
    {
        if (byCell.TryGetValue(cell, out var list)) list.Add(entry);
        else byCell[cell] = [entry];
    }

    private Viewed Add(IPresenceViewer viewer, string userId, out bool isKnown)
    {
        while (true)
        {
            if (!viewed.TryGetValue(userId, out var entry))
            {
                entry = new Viewed(userId);
                if (!viewed.TryAdd(userId, entry)) continue;
                PresenceMetrics.Viewed.Add(1);
            }
            if (entry.TryAdd(viewer, Now, out isKnown)) return entry;
        }
    }

    private async Task ReadAsync(List<Viewed> entries, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        try
        {
            var found = await state.WatchPresenceAsync(identity.ServerId, entries.ConvertAll(e => e.UserId), options.RegistrationLife, cancellationToken);
            var patience = (long)(options.RegistrationLife.TotalSeconds * time.TimestampFrequency);
            for (var i = 0; i < entries.Count; i++) entries[i].Read(found[i], began, patience, time.GetTimestamp(), Now);
        }
        catch (CellStateException e)
        {
            LogNotRead(e.Message); // what was shown stays
            foreach (var entry in entries) entry.GiveUp(time.GetTimestamp(), Now);
        }
    }

    [LoggerMessage(485, LogLevel.Warning, "Presence can't be read now; what viewers were shown stays: {Reason}")]
    private partial void LogNotRead(string reason);
}
