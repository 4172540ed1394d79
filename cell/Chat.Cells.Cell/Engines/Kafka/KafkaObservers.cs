using System.Collections.Concurrent;
using Chat.Cells.Cell.Ports;
using Confluent.Kafka;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>
/// Clients that only ask: where partitions begin and end, and what groups have committed. One per group, and of the group by name only: it never subscribes, so that it takes no
/// partitions. librdkafka forgets brokers that leave the cluster's metadata, and a client may go on to find no broker for a partition when they are back: one that has
/// failed for a while is replaced. So is one that left a question unanswered, whatever else it answers: a client that only asks doesn't look for new leaders when a broker hangs.
/// </summary>
internal sealed class KafkaObservers(KafkaOptions options, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private readonly ConcurrentDictionary<string, Lazy<Observer>> _observers = new(StringComparer.Ordinal);

    /// <summary>Asks on another thread, since the client blocks.</summary>
    /// <param name="group">Whose commits can be asked for.</param>
    /// <param name="ask">The question.</param>
    /// <param name="cancellationToken">Gives up before it is asked.</param>
    public async Task<T> AskAsync<T>(string group, Func<IConsumer<byte[], byte[]>, T> ask, CancellationToken cancellationToken)
    {
        var entry = _observers.GetOrAdd(group, name => new Lazy<Observer>(() => new Observer(Build(name))));
        var observer = entry.Value;
        var started = time.GetTimestamp();
        try
        {
            var answer = await Task.Run(() => ask(observer.Client), cancellationToken);
            observer.Succeeded();
            return answer;
        }
        catch (Exception e) when (e is KafkaException or LogUnavailableException)
        {
            var isGivenUp = observer.FailsFor(time) > Patience || time.GetElapsedTime(started) > Patience;
            if (isGivenUp && _observers.TryRemove(KeyValuePair.Create(group, entry))) _ = DisposeLaterAsync(observer);
            throw;
        }
    }

    /// <summary>Whoever asks from now on has a new client, with the settings of now.</summary>
    public void Renew()
    {
        foreach (var group in _observers.Keys)
        {
            if (_observers.TryRemove(group, out var entry) && entry.IsValueCreated) _ = DisposeLaterAsync(entry.Value);
        }
    }

    public void Dispose()
    {
        foreach (var observer in _observers.Values.Where(o => o.IsValueCreated)) observer.Value.Client.Dispose();
    }

    private IConsumer<byte[], byte[]> Build(string group) =>
        new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig(options.Client("chat-cells-observer")) { GroupId = options.Full(group), EnableAutoCommit = false })
            .SetLogHandler((_, _) => { })
            .Build();

    /// <summary>Others may be asking it still.</summary>
    private async Task DisposeLaterAsync(Observer observer)
    {
        await Task.Delay(options.RequestTimeout * 2, time);
        observer.Client.Dispose();
    }

    private sealed class Observer(IConsumer<byte[], byte[]> client)
    {
        private long _failsSince;

        public IConsumer<byte[], byte[]> Client => client;

        public void Succeeded() => Volatile.Write(ref _failsSince, 0);

        /// <summary>How long it has only failed.</summary>
        public TimeSpan FailsFor(TimeProvider time)
        {
            var now = time.GetTimestamp();
            var since = Interlocked.CompareExchange(ref _failsSince, now, 0);
            return since == 0 ? TimeSpan.Zero : time.GetElapsedTime(since, now);
        }
    }
}
