using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Connections;

/// <summary>
/// Collects what users' devices have taken in or read, per user and channel, and appends it every 500 ms as one receipt record. Pointers only grow; nothing is appended
/// when nothing is new to any author (a message that comes late from another cell lies below the pointers, and its author still has to be told). Receipts may be late
/// or lost in a crash: the next one covers them.
/// </summary>
internal sealed partial class ReceiptCoalescer(ChannelLog channels, IMessageStore store, TimeProvider time, ILogger<ReceiptCoalescer> logger) : BackgroundService
{
    private const int MaxWaiting = 100_000;
    private const int MaxKnown = 100_000;
    private const int MaxAuthors = 100;
    private const int ReadBack = 100;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    private readonly Lock gate = new();
    private Dictionary<Key, Waiting> waiting = [];
    private readonly Dictionary<Key, Known> known = [];

    /// <summary>A device of the user has taken in messages of others up to an id.</summary>
    public void Delivered(string userId, Delivered delivered)
    {
        var key = new Key(userId, delivered.ChannelId);
        lock (gate)
        {
            var before = known.GetValueOrDefault(key);
            var pointers = new Pointers(delivered.MessageId, default);
            Dictionary<string, Ulid>? news = null;
            foreach (var (sender, id) in delivered.Senders)
            {
                if (before is not null && before.Told.TryGetValue(sender, out var told) && id <= told) continue;
                (news ??= [])[sender] = id;
                if (id <= before?.Pointers.Read.UpTo) pointers = pointers.Raise(before.Pointers); // late: what its author is told is the pointer
            }
            if (news is not null) Wait(key, before is null ? pointers : pointers.Raise(before.Pointers with { Read = default }), news);
        }
    }

    /// <summary>The user has read up to an id, that has been checked to exist.</summary>
    /// <param name="cursor">How far into the user's inbox, at most as far as the device was sent; null: not known.</param>
    public void Read(string userId, string channelId, Ulid readUpTo, InboxCursor? cursor)
    {
        var key = new Key(userId, channelId);
        var pointers = new Pointers(readUpTo, ReadMark.Of(readUpTo, cursor));
        lock (gate)
        {
            if (known.GetValueOrDefault(key) is { } before && !pointers.IsNewerThan(before.Pointers)) return;
            Wait(key, pointers, []);
        }
    }

    /// <summary>Appends what waits.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        Dictionary<Key, Waiting> taken;
        lock (gate)
        {
            if (waiting.Count == 0) return;
            taken = waiting;
            waiting = [];
        }
        var appends = new List<Task>();
        foreach (var (key, item) in taken)
        {
            if (item.Pointers.Read.UpTo is { } read) await AddAuthorsAsync(key, read, item.Authors, cancellationToken);
            item.Authors.Remove(key.UserId);
            appends.Add(AppendAsync(key, item));
        }
        await Task.WhenAll(appends);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await FlushAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) await FlushAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    /// <summary>Under the lock.</summary>
    private void Wait(Key key, Pointers pointers, Dictionary<string, Ulid> told)
    {
        if (!waiting.TryGetValue(key, out var item))
        {
            if (waiting.Count >= MaxWaiting) return;
            waiting[key] = item = new Waiting();
        }
        item.Pointers = item.Pointers.Raise(pointers);
        foreach (var (author, id) in told)
        {
            if (item.Authors.Count >= MaxAuthors) break;
            item.Authors.Add(author);
            item.Told[author] = item.Told.TryGetValue(author, out var before) && before > id ? before : id;
        }
    }

    private async Task AppendAsync(Key key, Waiting item)
    {
        try
        {
            if (!ChannelId.TryGetType(key.ChannelId, out var type)) return;
            await channels.AppendAsync(
                new ReceiptRecord(key.ChannelId, key.UserId, item.Pointers.Delivered, item.Pointers.Read.UpTo, [.. item.Authors], item.Pointers.Read.KnownCursor), type, CancellationToken.None);
            GatewayMetrics.Receipts.Add(1);
            lock (gate)
            {
                if (known.Count >= MaxKnown) known.Clear(); // forgetting only repeats receipts, which change nothing
                if (!known.TryGetValue(key, out var before)) known[key] = before = new Known();
                before.Pointers = before.Pointers.Raise(item.Pointers);
                foreach (var (author, id) in item.Told)
                {
                    if (!before.Told.TryGetValue(author, out var told) || id > told) before.Told[author] = id;
                }
            }
        }
        catch (Exception e)
        {
            // Whatever it was: an exception that left here would stop the whole server.
            LogNotAppended(e);
            lock (gate) Wait(key, item.Pointers, item.Told);
        }
    }

    /// <summary>The senders of the messages that were read since the last pointer, as far back as is reasonable.</summary>
    private async Task AddAuthorsAsync(Key key, Ulid readUpTo, HashSet<string> authors, CancellationToken cancellationToken)
    {
        try
        {
            Ulid? before;
            lock (gate) before = known.GetValueOrDefault(key)?.Pointers.Read.UpTo;
            if (before >= readUpTo) before = null; // something came late: it lies anywhere below
            if (await store.FindMessageAsync(key.ChannelId, readUpTo, cancellationToken) is { } last) authors.Add(last.SenderId);
            foreach (var message in await store.ReadHistoryAsync(key.ChannelId, readUpTo, ReadBack, cancellationToken))
            {
                if (message.MessageId <= before || authors.Count >= MaxAuthors) break;
                authors.Add(message.SenderId);
            }
        }
        catch (Exception e)
        {
            LogNoAuthors(e); // the pointer counts all the same
        }
    }

    [LoggerMessage(420, LogLevel.Warning, "A receipt could not be appended; it is tried again.")]
    private partial void LogNotAppended(Exception fault);

    [LoggerMessage(422, LogLevel.Warning, "Authors of what was read could not be found; they see it when they ask.")]
    private partial void LogNoAuthors(Exception fault);

    [LoggerMessage(421, LogLevel.Debug, "Receipts are no longer collected.")]
    private partial void LogStopped();

    private readonly record struct Key(string UserId, string ChannelId);

    private readonly record struct Pointers(Ulid? Delivered, ReadMark Read)
    {
        public bool IsNewerThan(Pointers other) => other.Raise(this) != other;

        public Pointers Raise(Pointers other) => new(Delivered > other.Delivered || other.Delivered is null ? Delivered : other.Delivered, Read.Merge(other.Read));
    }

    private sealed class Waiting
    {
        public Pointers Pointers { get; set; }
        public HashSet<string> Authors { get; } = [];
        public Dictionary<string, Ulid> Told { get; } = [];
    }

    /// <summary>What was appended: the pointers, and per author the highest id of theirs that they were told of.</summary>
    private sealed class Known
    {
        public Pointers Pointers { get; set; }
        public Dictionary<string, Ulid> Told { get; } = [];
    }
}
