using System.Threading.Channels;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Connections;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Limits;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Presence;

/// <summary>
/// Passes typing on: to the servers with sockets of the channel's other members, and once to each other cell where members live. Taken in batches, so that many cost one
/// round trip; never stored, and the first thing to be dropped when there is too much.
/// </summary>
internal sealed partial class TypingFanOut(
    CellIdentity identity,
    ConnectionRegistry connections,
    ICellState state,
    ICellDirectory cells,
    IMessageStore store,
    RateLimits limits,
    PeerLinks peers,
    TimeProvider time,
    ILogger<TypingFanOut> logger) : BackgroundService
{
    private const int MaxWaiting = 1_024;
    private const int MaxBatch = 64;

    /// <summary>So many notices of a user at once, and then so many a second, over all channels and sockets.</summary>
    private const int UserBurst = 20;
    private const double UserPerSecond = 2;

    private readonly Channel<TypingItem> waiting = Channel.CreateBounded<TypingItem>(new BoundedChannelOptions(MaxWaiting) { SingleReader = true });

    /// <summary>Takes one, or drops it when too many wait.</summary>
    public void Post(TypingItem item)
    {
        if (!waiting.Writer.TryWrite(item)) PresenceMetrics.Typing.Add(1, PresenceMetrics.Outcome("dropped"));
    }

    /// <summary>Frames for the sockets here.</summary>
    public void Deliver(TypingNotice notice)
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (var item in notice.Items)
        {
            byte[]? frame = null;
            foreach (var recipient in item.Recipients)
            {
                foreach (var socket in connections.Of(recipient))
                {
                    if (socket.HasBegun) socket.Send(frame ??= LiveFrames.Typing(item.ChannelId, item.UserId, item.IsTyping, now));
                }
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var batch = new List<TypingItem>();
        try
        {
            while (await waiting.Reader.WaitToReadAsync(stoppingToken))
            {
                batch.Clear();
                while (batch.Count < MaxBatch && waiting.Reader.TryRead(out var item))
                {
                    // Of what a user says about a channel only the last counts.
                    batch.RemoveAll(b => b.UserId == item.UserId && b.ChannelId == item.ChannelId);
                    batch.Add(item);
                }
                await PassOnAsync(batch, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private async Task PassOnAsync(List<TypingItem> batch, CancellationToken cancellationToken)
    {
        try
        {
            var resolved = await Task.WhenAll(batch.Select(item => ResolveAsync(item, cancellationToken)));
            var notices = new List<TypingNoticeItem>(resolved.Length);
            foreach (var notice in resolved)
            {
                if (notice is not null) notices.Add(notice);
            }
            if (notices.Count > 0) await PublishAsync(notices, cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            LogFailed(e); // the next key stroke says it again
        }
    }

    /// <summary>Whom to tell in this cell; null for what isn't passed on. Other cells are told on the way.</summary>
    private async Task<TypingNoticeItem?> ResolveAsync(TypingItem item, CancellationToken cancellationToken)
    {
        if (await store.FindChannelAsync(item.ChannelId, cancellationToken) is not { } row || ChannelView.Current(row) is not { } channel || !channel.IsMember(item.UserId))
        {
            PresenceMetrics.Typing.Add(1, PresenceMetrics.Outcome("refused"));
            item.Socket?.Send(ServerFrames.Error(
                ErrorCodes.NotMember, SendHandler.MessageOf(ErrorCodes.NotMember), item.RequestId, time.GetUtcNow().ToUnixTimeMilliseconds()));
            return null;
        }
        if (item.FromCell is null && await limits.TakeAsync("typing:" + item.UserId, UserBurst, UserPerSecond, cancellationToken) > TimeSpan.Zero)
        {
            PresenceMetrics.Typing.Add(1, PresenceMetrics.Outcome("limited"));
            return null;
        }
        PresenceMetrics.Typing.Add(1, PresenceMetrics.Outcome("passed"));
        var here = new List<string>(channel.Members.Count);
        HashSet<string>? elsewhere = null;
        foreach (var member in channel.Members)
        {
            if (member.UserId == item.UserId || !cells.TryGetHome(member.UserId, out var home)) continue;
            if (home == identity.Cell) here.Add(member.UserId);
            else if (item.FromCell is null) (elsewhere ??= new HashSet<string>(StringComparer.Ordinal)).Add(home); // what came from a cell goes to no other
        }
        if (elsewhere is not null)
        {
            foreach (var cell in elsewhere) peers.Type(cell, item.ChannelId, item.UserId, item.IsTyping);
        }
        return here.Count == 0 ? null : new TypingNoticeItem(item.ChannelId, item.UserId, item.IsTyping, here);
    }

    private async Task PublishAsync(List<TypingNoticeItem> notices, CancellationToken cancellationToken)
    {
        var users = notices.SelectMany(n => n.Recipients).Distinct(StringComparer.Ordinal).ToList();
        IReadOnlyList<IReadOnlyList<string>> servers;
        try
        {
            servers = await state.FindServersAsync(users, cancellationToken);
        }
        catch (CellStateException e)
        {
            LogStateFailed(e.Message);
            Deliver(new TypingNotice(notices)); // at least those who are here
            return;
        }
        var serversOf = new Dictionary<string, IReadOnlyList<string>>(users.Count, StringComparer.Ordinal);
        for (var i = 0; i < users.Count; i++) serversOf[users[i]] = servers[i];
        var byServer = new Dictionary<string, List<TypingNoticeItem>>(StringComparer.Ordinal);
        foreach (var notice in notices)
        {
            foreach (var group in notice.Recipients.SelectMany(u => serversOf[u].Select(s => (Server: s, User: u))).GroupBy(p => p.Server, p => p.User, StringComparer.Ordinal))
            {
                if (!byServer.TryGetValue(group.Key, out var list)) byServer[group.Key] = list = [];
                list.Add(notice with { Recipients = [.. group] });
            }
        }
        await Task.WhenAll(byServer.Select(s => TellAsync(s.Key, new TypingNotice(s.Value), cancellationToken)));
    }

    private async Task TellAsync(string serverId, TypingNotice notice, CancellationToken cancellationToken)
    {
        if (serverId == identity.ServerId)
        {
            Deliver(notice);
            return;
        }
        try
        {
            await state.PublishAsync(serverId, ServerMessage.Encode(notice), cancellationToken);
        }
        catch (CellStateException e)
        {
            LogStateFailed(e.Message);
        }
    }

    [LoggerMessage(488, LogLevel.Warning, "Typing can't be passed to other servers now: {Reason}")]
    private partial void LogStateFailed(string reason);

    [LoggerMessage(489, LogLevel.Warning, "Some typing could not be passed on.")]
    private partial void LogFailed(Exception fault);

    [LoggerMessage(490, LogLevel.Debug, "Typing is no longer passed on.")]
    private partial void LogStopped();
}

/// <summary>A user types, or stopped.</summary>
/// <param name="Socket">Who is told when it isn't allowed.</param>
/// <param name="FromCell">The cell that says so of its own user; null for a user of this cell.</param>
internal sealed record TypingItem(string ChannelId, string UserId, bool IsTyping, Connection? Socket, string? RequestId, string? FromCell);
