using System.Threading.Channels;
using Chat.Cells.Cell.Connections;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Presence;

/// <summary>
/// Says what becomes of the sockets here. The first change of a user goes out at once, together with what other users' changes came meanwhile; further ones of the same user
/// at most once a second, so that nobody can make the cell tell viewers without bound. While the state is away nothing is told; the heartbeat tick says it again.
/// </summary>
internal sealed partial class PresencePublisher(
    CellOptions options,
    CellIdentity identity,
    ConnectionRegistry connections,
    ICellState state,
    PresenceViews views,
    Drain drain,
    TimeProvider time,
    ILogger<PresencePublisher> logger) : BackgroundService
{
    private const int MaxBatch = 500;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private readonly Dictionary<string, Waiting> waiting = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> quiet = new(StringComparer.Ordinal);
    private readonly Channel<bool> wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private Dictionary<string, long> broken = new(StringComparer.Ordinal);
    private Dictionary<string, long> brokenBefore = new(StringComparer.Ordinal);

    /// <summary>A user's sockets here are others now, or somebody looks at them again or no longer.</summary>
    /// <param name="lastActiveAt">What the sockets that are here don't tell themselves, Unix ms.</param>
    public void Changed(string userId, long lastActiveAt = 0)
    {
        if (drain.IsDraining) return; // the devices come back on other servers within seconds; what was said here runs out
        lock (gate)
        {
            waiting[userId] = waiting.TryGetValue(userId, out var before)
                ? before with { LastActiveAt = Math.Max(before.LastActiveAt, lastActiveAt) }
                : new Waiting(Now, lastActiveAt);
        }
        wake.Writer.TryWrite(true);
    }

    /// <summary>A socket has ended. After a goodbye its device is gone at once; without one it gets until the tick after next to come back.</summary>
    public void Ended(Connection connection, bool saidGoodbye)
    {
        if (saidGoodbye)
        {
            Changed(connection.UserId, connection.LastActiveAt);
            return;
        }
        lock (gate) broken[connection.UserId] = Math.Max(broken.GetValueOrDefault(connection.UserId), connection.LastActiveAt);
    }

    /// <summary>Says what has become of the users whose sockets broke before the last tick.</summary>
    public void Tick()
    {
        Dictionary<string, long> due;
        lock (gate)
        {
            if (broken.Count + brokenBefore.Count == 0) return;
            (due, brokenBefore, broken) = (brokenBefore, broken, new Dictionary<string, long>(StringComparer.Ordinal));
        }
        foreach (var (userId, lastActiveAt) in due) Changed(userId, lastActiveAt);
    }

    /// <summary>What the sockets of a user here are, for a state that is told.</summary>
    public static UserPresence Describe(string userId, ReadOnlySpan<Connection> sockets, long lastActiveAt = 0)
    {
        var devices = DeviceKinds.None;
        foreach (var socket in sockets)
        {
            devices = devices.With(socket.Kind, socket.IsAway);
            lastActiveAt = Math.Max(lastActiveAt, socket.LastActiveAt);
        }
        return new UserPresence(userId, lastActiveAt, devices);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = time.CreateTimer(static state => ((PresencePublisher)state!).wake.Writer.TryWrite(true), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        try
        {
            while (true)
            {
                await wake.Reader.ReadAsync(stoppingToken);
                TimeSpan? next;
                while (Take(out next) is { Count: > 0 } batch) await PublishAsync(batch, stoppingToken);
                if (next is { } delay) timer.Change(delay, Timeout.InfiniteTimeSpan);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Takes users that may be told of now; when there are none but some wait, how long until the first.</summary>
    private List<(string UserId, Waiting Waiting)> Take(out TimeSpan? next)
    {
        next = null;
        var taken = new List<(string, Waiting)>();
        lock (gate)
        {
            var now = time.GetTimestamp();
            var until = now + (long)(Interval.TotalSeconds * time.TimestampFrequency);
            long? first = null;
            foreach (var (userId, item) in waiting)
            {
                if (quiet.TryGetValue(userId, out var at) && at > now)
                {
                    if (first is null || at < first) first = at;
                    continue;
                }
                taken.Add((userId, item));
                if (taken.Count == MaxBatch) break;
            }
            foreach (var (userId, _) in taken)
            {
                waiting.Remove(userId);
                quiet[userId] = until;
            }
            if (taken.Count == 0)
            {
                if (first is { } due) next = time.GetElapsedTime(now, due) + TimeSpan.FromMilliseconds(1);
                foreach (var (userId, at) in quiet)
                {
                    if (at <= now) quiet.Remove(userId);
                }
            }
        }
        return taken;
    }

    private async Task PublishAsync(List<(string UserId, Waiting Waiting)> batch, CancellationToken cancellationToken)
    {
        try
        {
            var users = new UserPresence[batch.Count];
            for (var i = 0; i < users.Length; i++) users[i] = Describe(batch[i].UserId, connections.Of(batch[i].UserId), batch[i].Waiting.LastActiveAt);
            var changes = await state.SetPresenceAsync(identity.ServerId, users, options.RegistrationLife, cancellationToken);
            Dictionary<string, List<PresenceNoticeItem>>? notices = null;
            for (var i = 0; i < users.Length; i++)
            {
                var (snapshot, watchers) = changes[i];
                PresenceMetrics.Updates.Add(1, PresenceMetrics.Status(snapshot.Status));
                foreach (var server in watchers)
                {
                    notices ??= new Dictionary<string, List<PresenceNoticeItem>>(StringComparer.Ordinal);
                    if (!notices.TryGetValue(server, out var list)) notices[server] = list = [];
                    list.Add(new PresenceNoticeItem(snapshot, batch[i].Waiting.Since));
                }
            }
            if (notices is not null) await Task.WhenAll(notices.Select(n => TellAsync(n.Key, n.Value, cancellationToken)));
        }
        catch (CellStateException e)
        {
            LogStateFailed(e.Message); // the heartbeat tick says it again, and the viewers' gateways read it again
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            LogFailed(e);
        }
    }

    private async Task TellAsync(string serverId, List<PresenceNoticeItem> items, CancellationToken cancellationToken)
    {
        if (serverId == identity.ServerId)
        {
            foreach (var item in items) views.Notice(item);
            return;
        }
        await state.PublishAsync(serverId, ServerMessage.Encode(new PresenceNotice(items)), cancellationToken);
    }

    [LoggerMessage(480, LogLevel.Warning, "Presence can't be told now: {Reason}")]
    private partial void LogStateFailed(string reason);

    [LoggerMessage(481, LogLevel.Error, "Presence of some users could not be told; the heartbeat tick says it again.")]
    private partial void LogFailed(Exception fault);

    [LoggerMessage(482, LogLevel.Debug, "Presence is no longer told.")]
    private partial void LogStopped();

    /// <param name="Since">When the change happened, Unix ms.</param>
    private readonly record struct Waiting(long Since, long LastActiveAt);
}
