using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Tests.Hosting;

/// <summary>A state of which every call fails when told to.</summary>
internal sealed partial class FailingState(ICellState inner) : ICellState, IAsyncDisposable
{
    private volatile bool fails;
    private volatile bool subscribed;

    public bool Fails
    {
        get => fails;
        set => fails = value;
    }

    public bool Subscribed => subscribed;

    /// <summary>So many reads of unread sets fail by an engine's own kind of failure.</summary>
    public int UnreadFaults { get; set; }

    public ValueTask RegisterAsync(string serverId, IReadOnlyList<string> userIds, TimeSpan timeToLive, CancellationToken cancellationToken) => Reach().RegisterAsync(serverId, userIds, timeToLive, cancellationToken);
    public ValueTask UnregisterAsync(string serverId, string userId, CancellationToken cancellationToken) => Reach().UnregisterAsync(serverId, userId, cancellationToken);
    public ValueTask<IReadOnlyList<IReadOnlyList<string>>> FindServersAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken) => Reach().FindServersAsync(userIds, cancellationToken);
    public ValueTask AdvanceCursorsAsync(IReadOnlyList<UserCursor> cursors, CancellationToken cancellationToken) => Reach().AdvanceCursorsAsync(cursors, cancellationToken);
    public ValueTask<IReadOnlyList<InboxCursor?>> GetCursorsAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken) => Reach().GetCursorsAsync(userIds, cancellationToken);
    public ValueTask PublishAsync(string serverId, ReadOnlyMemory<byte> message, CancellationToken cancellationToken) => Reach().PublishAsync(serverId, message, cancellationToken);
    public ValueTask<TimeSpan> TakeTokenAsync(string bucket, int capacity, double refillPerSecond, CancellationToken cancellationToken) => Reach().TakeTokenAsync(bucket, capacity, refillPerSecond, cancellationToken);
    public ValueTask PutOnceAsync(string key, string value, TimeSpan timeToLive, CancellationToken cancellationToken) => Reach().PutOnceAsync(key, value, timeToLive, cancellationToken);
    public ValueTask<string?> TakeOnceAsync(string key, CancellationToken cancellationToken) => Reach().TakeOnceAsync(key, cancellationToken);

    public ValueTask ApplyUnreadAsync(IReadOnlyList<UnreadUpdate> updates, CancellationToken cancellationToken) => Reach().ApplyUnreadAsync(updates, cancellationToken);
    public ValueTask<IReadOnlyList<UnreadCounts?>> GetUnreadAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken) =>
        UnreadFaults-- > 0 ? throw new InvalidOperationException("an engine's own kind of failure") : Reach().GetUnreadAsync(userIds, cancellationToken);
    public ValueTask BeginUnreadAsync(string userId, InboxCursor at, string token, CancellationToken cancellationToken) => Reach().BeginUnreadAsync(userId, at, token, cancellationToken);
    public ValueTask<bool> CompleteUnreadAsync(string userId, string token, IReadOnlyList<UnreadIds> channels, CancellationToken cancellationToken) => Reach().CompleteUnreadAsync(userId, token, channels, cancellationToken);

    public async ValueTask<IAsyncDisposable> SubscribeAsync(string serverId, Action<ReadOnlyMemory<byte>> handler, CancellationToken cancellationToken)
    {
        var subscription = await Reach().SubscribeAsync(serverId, handler, cancellationToken);
        subscribed = true;
        return subscription;
    }

    public async ValueTask DisposeAsync()
    {
        if (inner is IAsyncDisposable disposable) await disposable.DisposeAsync();
    }

    private ICellState Reach() => fails ? throw new CellStateException("no answer") : inner;
}
