using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Threading.Channels;

namespace Chat.Cells.Cell.Engines.Memory;

/// <summary>
/// Messages between the servers of one process. Each subscriber has a bounded queue and a reader of its own, so a publisher never waits for a handler; when a
/// handler falls that far behind, its oldest messages are dropped, which the contract allows.
/// </summary>
internal sealed class Mailboxes : IAsyncDisposable
{
    private const int Capacity = 65_536;

    private readonly ConcurrentDictionary<string, ImmutableArray<Mailbox>> byServer = new(StringComparer.Ordinal);

    public void Publish(string serverId, ReadOnlyMemory<byte> message)
    {
        if (!byServer.TryGetValue(serverId, out var mailboxes)) return;
        // The publisher may use its memory again; the receivers' copy is theirs for ever.
        ReadOnlyMemory<byte> copy = message.ToArray();
        foreach (var mailbox in mailboxes) mailbox.Post(copy);
    }

    public Mailbox Subscribe(string serverId, Action<ReadOnlyMemory<byte>> handler)
    {
        var mailbox = new Mailbox(this, serverId, handler);
        byServer.AddOrUpdate(serverId, static (_, added) => [added], static (_, known, added) => known.Add(added), mailbox);
        return mailbox;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var mailboxes in byServer.Values)
        {
            foreach (var mailbox in mailboxes) await mailbox.DisposeAsync();
        }
    }

    private void Remove(string serverId, Mailbox mailbox)
    {
        while (byServer.TryGetValue(serverId, out var known))
        {
            var left = known.Remove(mailbox);
            var done = left.IsEmpty
                ? byServer.TryRemove(new KeyValuePair<string, ImmutableArray<Mailbox>>(serverId, known))
                : byServer.TryUpdate(serverId, left, known);
            if (done) return;
        }
    }

    internal sealed class Mailbox : IAsyncDisposable
    {
        private readonly Mailboxes owner;
        private readonly string serverId;
        private readonly Channel<ReadOnlyMemory<byte>> queue =
            Channel.CreateBounded<ReadOnlyMemory<byte>>(new BoundedChannelOptions(Capacity) { FullMode = BoundedChannelFullMode.DropOldest });

        private readonly Task reading;

        public Mailbox(Mailboxes owner, string serverId, Action<ReadOnlyMemory<byte>> handler)
        {
            this.owner = owner;
            this.serverId = serverId;
            reading = Task.Run(() => ReadAsync(handler));
        }

        public void Post(ReadOnlyMemory<byte> message) => queue.Writer.TryWrite(message);

        /// <summary>No handler call is going on or comes after this.</summary>
        public async ValueTask DisposeAsync()
        {
            owner.Remove(serverId, this);
            queue.Writer.TryComplete();
            while (queue.Reader.TryRead(out _))
            {
                // What waits is dropped: nobody listens any more.
            }
            await reading;
        }

        private async Task ReadAsync(Action<ReadOnlyMemory<byte>> handler)
        {
            while (await queue.Reader.WaitToReadAsync())
            {
                while (queue.Reader.TryRead(out var message)) handler(message);
            }
        }
    }
}
