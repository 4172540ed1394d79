using Chat.Cells.Cell.Connections;
using Chat.Cells.Cell.Limits;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Presence;

/// <summary>Takes clients' frames of presence and typing. Nothing here holds up a socket's other frames.</summary>
internal sealed partial class LiveHandler(
    ConnectionRegistry connections,
    PresencePublisher publisher,
    PresenceViews views,
    PresenceAccess access,
    TypingFanOut typing,
    RateLimits limits,
    TimeProvider time,
    ILogger<LiveHandler> logger)
{
    /// <summary>So many subscriptions of a user at once, and then so many a second.</summary>
    private const int SubscriptionBurst = 10;
    private const double SubscriptionsPerSecond = 1;

    /// <summary>How often it is checked again whether a socket may still view whom it views, and for how many sockets a tick.</summary>
    private static readonly TimeSpan CheckInterval = TimeSpan.FromMinutes(1);
    private const int ChecksPerTick = 200;

    /// <summary>A new socket is there.</summary>
    public void Opened(Connection connection) => publisher.Changed(connection.UserId);

    /// <summary>A socket has ended.</summary>
    /// <param name="saidGoodbye">Its client closed it, or was logged out.</param>
    public void Ended(Connection connection, bool saidGoodbye)
    {
        if (connection.Live is { } live) views.Remove(connection, live.Close());
        publisher.Ended(connection, saidGoodbye);
    }

    /// <summary>A <c>heartbeat</c>. False for a payload that is none.</summary>
    public bool Heartbeat(Connection connection, ReadOnlySpan<byte> payload)
    {
        if (LiveFrames.ReadIsAway(payload) is not { } isAway) return false;
        if (connection.SetAway(isAway, Now)) publisher.Changed(connection.UserId);
        return true;
    }

    /// <summary>A <c>presence_subscribe</c>. Null, or why it is none.</summary>
    public string? Subscribe(Connection connection, ReadOnlySpan<byte> payload, string? requestId)
    {
        if (LiveFrames.ReadSubscription(payload, out var reason) is not { } userIds) return reason;
        var live = connection.Live ??= new SocketLive(time);
        if (live.Want(new Subscription(userIds, requestId))) _ = Task.Run(() => WorkAsync(connection, live));
        return null;
    }

    /// <summary>A <c>typing</c>. False for what is none.</summary>
    public bool Type(Connection connection, ReadOnlySpan<byte> payload, string? requestId)
    {
        if (!LiveFrames.TryReadTyping(payload, out var channelId, out var isTyping)) return false;
        var live = connection.Live ??= new SocketLive(time);
        if (live.Typing.Passes(channelId, isTyping, Now)) typing.Post(new TypingItem(channelId, connection.UserId, isTyping, connection, requestId, FromCell: null));
        else PresenceMetrics.Typing.Add(1, PresenceMetrics.Outcome("limited"));
        return true;
    }

    /// <summary>A socket was sent that a channel of its user has changed, or is new: whom it asked for in vain may be shown now.</summary>
    public void ChannelChanged(Connection connection)
    {
        if (connection.Live is { } live && live.ChannelChanged()) _ = Task.Run(() => WorkAsync(connection, live));
    }

    /// <summary>Checks views again that were checked long ago, so that who leaves a channel is seen no longer than that; and those whose refused may share a channel by now.</summary>
    public void Tick()
    {
        var checks = 0;
        foreach (var connection in connections.All())
        {
            if (connection.Live is not { } live || !live.WantAgain(CheckInterval)) continue;
            _ = Task.Run(() => WorkAsync(connection, live));
            if (++checks == ChecksPerTick) return;
        }
    }

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Works on a socket's subscriptions, one at a time; of those that come meanwhile only the last counts.</summary>
    private async Task WorkAsync(Connection connection, SocketLive live)
    {
        while (live.Take() is { } subscription)
        {
            try
            {
                await SubscribeAsync(connection, live, subscription);
            }
            catch (StoreException e)
            {
                LogStoreFailed(e);
                if (!subscription.IsRepeat) Error(connection, ErrorCodes.Retry, "Who may be viewed can't be looked up now.", subscription.RequestId, 1_000);
            }
            catch (Exception e)
            {
                LogFailed(e); // the client asks again, and other sockets go on
                if (!subscription.IsRepeat) Error(connection, ErrorCodes.Retry, "The presence can't be read now.", subscription.RequestId, 1_000);
            }
        }
    }

    private async Task SubscribeAsync(Connection connection, SocketLive live, Subscription subscription)
    {
        var (userIds, requestId, isRepeat) = subscription;
        if (!isRepeat && userIds.Count > 0)
        {
            var wait = await limits.TakeAsync("presence:" + connection.UserId, SubscriptionBurst, SubscriptionsPerSecond, CancellationToken.None);
            if (wait > TimeSpan.Zero)
            {
                Error(connection, ErrorCodes.RateLimited, "Too many subscriptions.", requestId, (int)Math.Ceiling(wait.TotalMilliseconds));
                return;
            }
            if (userIds.Count > views.Room)
            {
                Error(connection, ErrorCodes.Busy, "Too many users are viewed here.", requestId, 5_000);
                return;
            }
        }
        IReadOnlySet<string> allowed = userIds.Count == 0 ? new HashSet<string>() : await access.FilterAsync(connection.UserId, userIds, CancellationToken.None);
        var refused = userIds.FindAll(u => !allowed.Contains(u));
        if (live.Replace([.. allowed], refused) is not var (left, entered)) return;
        views.Remove(connection, left);
        if (isRepeat)
        {
            foreach (var userId in left) connection.Send(LiveFrames.Presence(PresenceSnapshot.Unknown(userId), Now));
        }
        else if (refused.Count > 0)
        {
            Deny(connection, refused, requestId);
        }
        // Not waited for: another cell may take its time, and the next subscription doesn't have to.
        var added = isRepeat ? entered : [.. allowed];
        if (added.Count > 0) _ = AddAsync(connection, live, added);
    }

    private async Task AddAsync(Connection connection, SocketLive live, IReadOnlyList<string> userIds)
    {
        try
        {
            await views.AddAsync(connection, userIds, CancellationToken.None);
        }
        catch (Exception e)
        {
            LogFailed(e); // the tick reads what couldn't be read
        }
        finally
        {
            if (live.IsClosed) views.Remove(connection, userIds);
        }
    }

    /// <summary>They look as if they were offline, existing or not, until they share a channel with the viewer.</summary>
    private void Deny(Connection connection, List<string> userIds, string? requestId)
    {
        foreach (var userId in userIds) connection.Send(LiveFrames.Presence(PresenceSnapshot.Unknown(userId), Now));
        Error(connection, ErrorCodes.Forbidden, $"{userIds.Count} of the users share no channel with you.", requestId, 0);
    }

    private void Error(Connection connection, string code, string message, string? requestId, int retryAfter)
    {
        GatewayMetrics.Errors.Add(1, GatewayMetrics.Code(code));
        connection.Send(ServerFrames.Error(code, message, requestId, Now, retryAfter));
    }

    [LoggerMessage(486, LogLevel.Warning, "The store failed under a subscription to presence.")]
    private partial void LogStoreFailed(Exception fault);

    [LoggerMessage(487, LogLevel.Error, "A subscription to presence failed.")]
    private partial void LogFailed(Exception fault);
}
