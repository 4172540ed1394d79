using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Tests.Messaging.Doubles;

/// <summary>State in memory that records what is published. Every user has a socket on the server <c>server-1</c>.</summary>
internal sealed partial class TestState(Faults faults) : ICellState
{
    public List<(string Server, ServerMessage Message)> Published { get; } = [];

    public Dictionary<string, InboxCursor> Cursors { get; } = [];

    /// <summary>Every call fails while set.</summary>
    public bool Down { get; set; }

    public IEnumerable<Verdict> Verdicts => Published.Select(p => p.Message).OfType<Verdict>();

    public IEnumerable<Hint> Hints => Published.Select(p => p.Message).OfType<Hint>();

    public ValueTask AdvanceCursorsAsync(IReadOnlyList<UserCursor> cursors, CancellationToken cancellationToken)
    {
        Effect();
        foreach (var (user, cursor) in cursors)
        {
            if (!Cursors.TryGetValue(user, out var known) || cursor > known) Cursors[user] = cursor;
        }
        return ValueTask.CompletedTask;
    }

    public ValueTask<IReadOnlyList<IReadOnlyList<string>>> FindServersAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken)
    {
        if (Down) throw new IOException("The state is down.");
        return ValueTask.FromResult<IReadOnlyList<IReadOnlyList<string>>>([.. userIds.Select(_ => (IReadOnlyList<string>)["server-1"])]);
    }

    public ValueTask PublishAsync(string serverId, ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        Effect();
        Published.Add((serverId, ServerMessage.Decode(message.ToArray())));
        return ValueTask.CompletedTask;
    }

    public ValueTask<IReadOnlyList<InboxCursor?>> GetCursorsAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<InboxCursor?>>([.. userIds.Select(u => Cursors.TryGetValue(u, out var c) ? c : (InboxCursor?)null)]);

    public ValueTask RegisterAsync(string serverId, IReadOnlyList<string> userIds, TimeSpan timeToLive, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask UnregisterAsync(string serverId, string userId, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask<IAsyncDisposable> SubscribeAsync(string serverId, Action<ReadOnlyMemory<byte>> handler, CancellationToken cancellationToken) =>
        throw new NotSupportedException("Read Published.");

    public ValueTask<TimeSpan> TakeTokenAsync(string bucket, int capacity, double refillPerSecond, CancellationToken cancellationToken) =>
        ValueTask.FromResult(TimeSpan.Zero);

    public ValueTask PutOnceAsync(string key, string value, TimeSpan timeToLive, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask<string?> TakeOnceAsync(string key, CancellationToken cancellationToken) => ValueTask.FromResult<string?>(null);

    private void Effect()
    {
        if (Down) throw new IOException("The state is down.");
        faults.Step();
    }
}
