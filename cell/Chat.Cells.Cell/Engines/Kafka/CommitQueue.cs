using KafkaPartition = Confluent.Kafka.TopicPartition;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>Where a group goes on in a partition.</summary>
/// <param name="NextOffset">As Kafka counts.</param>
internal readonly record struct CommitPlace(KafkaPartition Source, long NextOffset, string Metadata);

/// <summary>
/// The commits of one member of a group, one request at a time: what is committed while one is on its way goes with the next, each partition's newest only. A coordinator answers
/// the requests of a connection one after the other, and writes each commit to a topic of its own before it answers. Were every batch of every partition a request, they would pile up,
/// and the heartbeats behind them would come too late: the member would lose its partitions under load.
/// </summary>
/// <param name="send">Hands a commit to Kafka's client, which doesn't wait for the answer. Called under the queue's lock, so that an older commit never follows a newer.</param>
/// <param name="time">How old an unanswered request is.</param>
internal sealed class CommitQueue(Action<IReadOnlyList<CommitPlace>> send, TimeProvider time)
{
    /// <summary>After so long what isn't confirmed is sent again: a commit that was refused during a rebalance would else stay undone until the partition's next record.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<KafkaPartition, Unconfirmed> _unconfirmed = [];
    private bool _underWay;
    private bool _isLost;
    private long _sentAt;

    /// <summary>The newest place of a partition; sent at once when nothing is under way.</summary>
    public void Put(CommitPlace place)
    {
        lock (_lock)
        {
            if (_isLost) return;
            _unconfirmed[place.Source] = new Unconfirmed(place, IsSent: false);
            if (!_underWay) SendNew();
        }
    }

    /// <summary>The request under way was answered.</summary>
    /// <param name="committed">The places that Kafka has taken.</param>
    public void Answered(IEnumerable<(KafkaPartition Source, long NextOffset)> committed)
    {
        lock (_lock)
        {
            foreach (var (source, nextOffset) in committed)
            {
                if (_unconfirmed.TryGetValue(source, out var open) && open.Place.NextOffset == nextOffset) _unconfirmed.Remove(source);
            }
            SendNew();
        }
    }

    /// <summary>Sends again what nothing has confirmed for a while.</summary>
    public void Tick()
    {
        lock (_lock)
        {
            if (_unconfirmed.Count > 0 && time.GetElapsedTime(_sentAt) >= Patience) Send(static _ => true);
        }
    }

    /// <summary>The partition's place is set otherwise now: what is here of it must not come behind that.</summary>
    public void Forget(KafkaPartition source)
    {
        lock (_lock) _unconfirmed.Remove(source);
    }

    /// <summary>Partitions are given away: what is new of them is sent without waiting for an answer, and never again, since another member may commit next.</summary>
    public void Release(IReadOnlyCollection<KafkaPartition> sources)
    {
        lock (_lock)
        {
            SendNew();
            foreach (var source in sources) _unconfirmed.Remove(source);
        }
    }

    /// <summary>
    /// The member lost everything that it held: what it would commit is refused, and from one that has no member id any more, as an attempt on its own place. Nothing is sent
    /// until it has partitions again.
    /// </summary>
    public void Lose()
    {
        lock (_lock)
        {
            _isLost = true;
            _unconfirmed.Clear();
        }
    }

    /// <summary>The member has partitions, and may commit.</summary>
    public void Gain()
    {
        lock (_lock) _isLost = false;
    }

    private void SendNew() => Send(static open => !open.IsSent);

    private void Send(Predicate<Unconfirmed> which)
    {
        var places = new List<CommitPlace>(_unconfirmed.Count);
        foreach (var open in _unconfirmed.Values)
        {
            if (which(open)) places.Add(open.Place);
        }
        _underWay = places.Count > 0;
        if (!_underWay) return;
        foreach (var place in places) _unconfirmed[place.Source] = new Unconfirmed(place, IsSent: true);
        _sentAt = time.GetTimestamp();
        send(places);
    }

    private readonly record struct Unconfirmed(CommitPlace Place, bool IsSent);
}
