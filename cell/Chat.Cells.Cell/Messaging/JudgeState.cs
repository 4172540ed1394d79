using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Messaging;

/// <summary>
/// What a judge knows of its partition: the last id time, and recent parts of what the store holds. Whatever a record needs is put here before it is judged;
/// what is decided is put here at once, so that the next record of the batch sees it before it is stored.
/// </summary>
/// <param name="lastTime">The highest id time (Unix ms) given out below the first record to be judged; 0 when none.</param>
public sealed class JudgeState(long lastTime)
{
    /// <summary>How many records may be loaded and judged between two writes to the store.</summary>
    public const int MaxBatch = 512;

    private const int Capacity = 16 * MaxBatch;

    private readonly RecentCache<string, ChannelView?> channels = new(Capacity);
    private readonly RecentCache<RequestKey, RequestRow?> requests = new(Capacity);

    private readonly Dictionary<(string ChannelId, Ulid MessageId), KnownMessage> messages = [];

    /// <summary>The highest id time given out so far, in Unix ms.</summary>
    public long LastTime { get; set; } = lastTime;

    public bool Knows(string channelId) => channels.TryGet(channelId, out _);

    public bool Knows(RequestKey key) => requests.TryGet(key, out _);

    /// <summary>Puts what the store holds of a channel; null when it has none.</summary>
    public void Load(string channelId, ChannelRow? row) => channels.Set(channelId, row is null ? null : ChannelView.Current(row));

    /// <summary>Puts what the store holds of a request; null when it has none.</summary>
    public void Load(RequestKey key, RequestRow? row) => requests.Set(key, row);

    /// <summary>
    /// Forgets the messages: unlike channels and requests, bridges write them and their changes too, so that what was read of them before isn't known to be so now.
    /// </summary>
    public void ForgetMessages() => messages.Clear();

    /// <summary>Puts what the store holds of a message that is to be changed.</summary>
    public void Load(string channelId, Ulid messageId, KnownMessage known) => messages[(channelId, messageId)] = known;

    /// <summary>The message as far as it was loaded or decided since.</summary>
    public KnownMessage MessageOf(string channelId, Ulid messageId) =>
        messages.TryGetValue((channelId, messageId), out var known) ? known : throw new InvalidOperationException($"Message {messageId} was not loaded before its change was judged.");

    /// <summary>The channel just before a position; null when it did not exist.</summary>
    public ChannelView? ChannelBefore(string channelId, long position) => Loaded(channels, channelId)?.Before(position);

    /// <summary>
    /// What was judged of a request by the log below <paramref name="position"/>; null when nothing. A row of this very position, or of a later one (the request
    /// was told to retry here and came again), is not part of that log.
    /// </summary>
    public RequestRow? RequestBefore(RequestKey key, long position, long appendTime)
    {
        var row = Loaded(requests, key);
        return row is not null && row.Position < position && appendTime - row.AppendTime < RequestLifetime ? row : null;
    }

    /// <summary>What was judged at this very position before; null when nothing was.</summary>
    public RequestRow? JudgedAt(RequestKey key, long position) => Loaded(requests, key) is { } row && row.Position == position ? row : null;

    /// <summary>The id that this very position got when it was judged before; null when it wasn't.</summary>
    public Ulid? IdOfReplay(RequestKey key, long position) => JudgedAt(key, position)?.MessageId;

    /// <summary>A change was decided. During a replay the later state stays.</summary>
    public void Decided(ChannelRow row)
    {
        if (Loaded(channels, row.ChannelId) is { } known && known.Row.Position >= row.Position) return;
        channels.Set(row.ChannelId, ChannelView.Current(row));
    }

    /// <summary>A message was decided; it matters where a change of it comes in the same batch.</summary>
    public void Decided(MessageRow row)
    {
        if (messages.Count == 0) return; // nearly always
        var key = (row.ChannelId, row.MessageId);
        if (messages.TryGetValue(key, out var known)) messages[key] = known with { Row = row };
    }

    /// <summary>A change was decided. During a replay the one that beats it stays.</summary>
    public void Decided(MessageChange change)
    {
        var known = MessageOf(change.ChannelId, change.MessageId);
        if (known.Change is null || change.Beats(known.Change)) messages[(change.ChannelId, change.MessageId)] = known with { Change = change };
    }

    /// <summary>A verdict was decided. During a replay the later one stays.</summary>
    public void Decided(RequestRow row)
    {
        var key = new RequestKey(row.ChannelId, row.SenderId, row.RequestId);
        if (Loaded(requests, key) is { } known && known.Position >= row.Position) return;
        requests.Set(key, row);
    }

    /// <summary>How long a verdict is remembered, in ms of append time.</summary>
    private const long RequestLifetime = 24L * 3600 * 1000;

    private static TValue Loaded<TKey, TValue>(RecentCache<TKey, TValue> cache, TKey key)
        where TKey : notnull =>
        cache.TryGet(key, out var value) ? value : throw new InvalidOperationException($"{key} was not loaded before it was judged.");
}

/// <summary>What is known of a message that is to be changed.</summary>
/// <param name="Row">Null when it isn't there.</param>
/// <param name="Change">The change that it keeps; null when there was none.</param>
public readonly record struct KnownMessage(MessageRow? Row, MessageChange? Change);
