using System.Collections.Concurrent;
using Chat.Cells.Cell.Engines.Memory;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Tests.Messaging.Doubles;

/// <summary>State in memory that records what is published. Every user has a socket on the server <c>server-1</c>.</summary>
internal sealed partial class TestState(Faults faults) : ICellState
{
    private readonly MemoryCellState unread = new(TimeProvider.System);

    public ConcurrentQueue<(string Server, ServerMessage Message)> Published { get; } = [];

    public Dictionary<string, InboxCursor> Cursors { get; } = [];

    /// <summary>The most cursors that were raised in one call.</summary>
    public int MostCursors { get; private set; }

    /// <summary>How often unread sets were updated.</summary>
    public int UnreadCalls { get; private set; }

    /// <summary>Calls begin in order, but none is answered before this is complete.</summary>
    public Task Answers { get; set; } = Task.CompletedTask;

    /// <summary>How often a token was asked for.</summary>
    public int TokensAsked { get; private set; }

    /// <summary>Every call fails while set.</summary>
    public bool Down { get; set; }

    public IEnumerable<Verdict> Verdicts => Published.Select(p => p.Message).OfType<Verdict>();

    public IEnumerable<Hint> Hints => Published.Select(p => p.Message).OfType<Hint>();

    public async ValueTask AdvanceCursorsAsync(IReadOnlyList<UserCursor> cursors, CancellationToken cancellationToken)
    {
        Effect();
        await Answers;
        MostCursors = Math.Max(MostCursors, cursors.Count);
        foreach (var (user, cursor) in cursors)
        {
            if (!Cursors.TryGetValue(user, out var known) || cursor > known) Cursors[user] = cursor;
        }
    }

    public async ValueTask<IReadOnlyList<IReadOnlyList<string>>> FindServersAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken)
    {
        if (Down) throw new IOException("The state is down.");
        await Answers;
        return [.. userIds.Select(_ => (IReadOnlyList<string>)["server-1"])];
    }

    public async ValueTask PublishAsync(string serverId, ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        Effect();
        Published.Enqueue((serverId, ServerMessage.Decode(message.ToArray())));
        await Answers;
    }

    public ValueTask<IReadOnlyList<InboxCursor?>> GetCursorsAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<InboxCursor?>>([.. userIds.Select(u => Cursors.TryGetValue(u, out var c) ? c : (InboxCursor?)null)]);

    public ValueTask RegisterAsync(string serverId, IReadOnlyList<string> userIds, TimeSpan timeToLive, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask UnregisterAsync(string serverId, string userId, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask<IAsyncDisposable> SubscribeAsync(string serverId, Action<ReadOnlyMemory<byte>> handler, CancellationToken cancellationToken) =>
        throw new NotSupportedException("Read Published.");

    public ValueTask<TimeSpan> TakeTokenAsync(string bucket, int capacity, double refillPerSecond, CancellationToken cancellationToken)
    {
        TokensAsked++;
        if (Down) throw new CellStateException("The state is down.");
        return ValueTask.FromResult(TimeSpan.Zero);
    }

    public ValueTask PutOnceAsync(string key, string value, TimeSpan timeToLive, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask<string?> TakeOnceAsync(string key, CancellationToken cancellationToken) => ValueTask.FromResult<string?>(null);

    public async ValueTask ApplyUnreadAsync(IReadOnlyList<UnreadUpdate> updates, CancellationToken cancellationToken)
    {
        Effect();
        UnreadCalls++;
        await Answers;
        await unread.ApplyUnreadAsync(updates, cancellationToken);
    }

    public ValueTask<IReadOnlyList<UnreadCounts?>> GetUnreadAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken) => unread.GetUnreadAsync(userIds, cancellationToken);

    public ValueTask BeginUnreadAsync(string userId, InboxCursor at, string token, CancellationToken cancellationToken) => unread.BeginUnreadAsync(userId, at, token, cancellationToken);

    public ValueTask<bool> CompleteUnreadAsync(string userId, string token, IReadOnlyList<UnreadIds> channels, CancellationToken cancellationToken) =>
        unread.CompleteUnreadAsync(userId, token, channels, cancellationToken);

    private void Effect()
    {
        if (Down) throw new IOException("The state is down.");
        faults.Step();
    }
}
