using System.Collections.Concurrent;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>
/// Creates and reconciles topics, or only checks them where somebody else makes them; knows their partition counts and histories, and finds out when one was made again
/// under us.
/// </summary>
internal sealed partial class KafkaTopics(KafkaOptions options, ITopicAdmin admin, TopicHistories histories, Action onAnew, ILogger logger)
{
    private static readonly TimeSpan CreationWait = TimeSpan.FromMilliseconds(50);
    private readonly ConcurrentDictionary<string, (TopicSpec Spec, TopicHistory History)> _known = new();
    private readonly Lock _lock = new();
    private CancellationTokenSource _changed = new();

    /// <summary>Cancelled when a topic turns out to have been made again: whoever reads or consumes begins anew.</summary>
    public CancellationToken Changed
    {
        get
        {
            lock (_lock) return _changed.Token;
        }
    }

    /// <exception cref="LogException">Topics that are missing or other than wanted and can't be mended here; the message says what to do.</exception>
    public async ValueTask EnsureAsync(IReadOnlyList<TopicSpec> wanted, CancellationToken cancellationToken)
    {
        var names = wanted.Select(t => options.Full(t.Name)).ToList();
        var found = await admin.FindAsync(names, cancellationToken);
        if (options.ExternalTopics) Check(wanted, found);
        else if (await ReconcileAsync(wanted, found, cancellationToken)) found = await FindCreatedAsync(names, cancellationToken);
        foreach (var spec in wanted) await KnowAsync(spec, found[options.Full(spec.Name)].Id, cancellationToken);
    }

    public int PartitionCount(string topic) => Known(topic).Spec.Partitions;

    public TopicHistory History(string topic) => Known(topic).History;

    /// <summary>Reads the topic's generations again: another server may have added one.</summary>
    public async ValueTask<TopicHistory> RefreshAsync(string topic, CancellationToken cancellationToken)
    {
        while (true)
        {
            var history = await histories.OpenAsync(options.Full(topic), History(topic).Id, cancellationToken);
            if (Learn(topic, history)) return history;
        }
    }

    /// <summary>Looks whether the topics are still the same; makes missing ones again where they are ours to make.</summary>
    public async ValueTask CheckAsync(CancellationToken cancellationToken)
    {
        var known = _known.Values.ToList();
        if (known.Count == 0) return;
        var found = await admin.FindAsync([.. known.Select(k => options.Full(k.Spec.Name))], cancellationToken);
        var again = false;
        try
        {
            foreach (var (spec, history) in known)
            {
                if (!found.TryGetValue(options.Full(spec.Name), out var topic))
                {
                    LogGone(spec.Name);
                    if (options.ExternalTopics) continue;
                    await EnsureAsync([spec], cancellationToken);
                    again = true;
                }
                else if (topic.Id != history.Id)
                {
                    await KnowAsync(spec, topic.Id, cancellationToken);
                    again = true;
                }
            }
        }
        finally
        {
            // Also when a later topic failed: the next look would find the earlier ones known already.
            if (again) await BeginAnewAsync();
        }
    }

    /// <summary>A partition's end is below what was read of it: records that come there are new ones, at offsets that were given before.</summary>
    public async ValueTask CutAsync(string topic, int partition, long from, int seen, CancellationToken cancellationToken)
    {
        var history = await histories.CutAsync(options.Full(topic), History(topic).Id, partition, from, seen, cancellationToken);
        Learn(topic, history);
        LogCut(topic, partition, from, LogOffset.GenerationOf(history.Logical(partition, from)));
    }

    private (TopicSpec Spec, TopicHistory History) Known(string topic) =>
        _known.TryGetValue(topic, out var known) ? known : throw new LogException($"Topic '{topic}' is not known here: ensure it first.");

    /// <summary>More is known of a topic. False when it was made again while that was found out: then it is of the one that is gone.</summary>
    private bool Learn(string topic, TopicHistory history)
    {
        lock (_lock)
        {
            var (spec, now) = Known(topic);
            if (now.Id != history.Id) return false;
            if (history.Newest >= now.Newest) _known[topic] = (spec, history);
            return true;
        }
    }

    private async ValueTask KnowAsync(TopicSpec spec, string id, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_known.TryGetValue(spec.Name, out var known) && known.History.Id == id)
            {
                _known[spec.Name] = (spec, known.History);
                return;
            }
        }
        var history = await histories.OpenAsync(options.Full(spec.Name), id, cancellationToken);
        lock (_lock)
        {
            // Asked when the newer one was not in the store yet, by somebody whom a lagging broker told.
            if (_known.TryGetValue(spec.Name, out var now) && now.History.Newest > history.Newest) throw TopicHistories.Replaced(options.Full(spec.Name));
            _known[spec.Name] = (spec, history);
        }
        if (history.Logical(0, 0) is var first and > 0) LogAgain(spec.Name, LogOffset.GenerationOf(first));
    }

    /// <summary>Whoever reads, appends or consumes stops and begins anew.</summary>
    public async Task BeginAnewAsync()
    {
        CancellationTokenSource before;
        lock (_lock) (before, _changed) = (_changed, new CancellationTokenSource());
        onAnew();
        await before.CancelAsync();
    }

    private void Check(IReadOnlyList<TopicSpec> wanted, IReadOnlyDictionary<string, FoundTopic> found)
    {
        var lacks = TopicPlan.Lacks(wanted, found, options);
        if (lacks.Count > 0) throw new LogException($"--kafka-topics external: whoever makes the topics has to mend this. {string.Join(" ", lacks)}");
    }

    /// <summary>True when topics were created.</summary>
    private async Task<bool> ReconcileAsync(IReadOnlyList<TopicSpec> wanted, IReadOnlyDictionary<string, FoundTopic> found, CancellationToken cancellationToken)
    {
        var settings = await admin.FindSettingsAsync([.. found.Keys], cancellationToken);
        var plan = TopicPlan.For(wanted, found, settings, options);
        if (plan.Mismatches.Count > 0) throw new LogException(string.Join(" ", plan.Mismatches));
        foreach (var warning in plan.Warnings) LogWarning(warning);
        if (plan.Reconfigure.Count > 0)
        {
            await admin.ConfigureAsync(plan.Reconfigure, cancellationToken);
            LogConfigured(string.Join(", ", plan.Reconfigure.Keys));
        }
        if (plan.Create.Count == 0) return false;
        var brokers = await admin.CountBrokersAsync(cancellationToken);
        if (plan.Create.FirstOrDefault(t => t.ReplicationFactor > brokers) is { } tooMany)
        {
            throw new LogException(
                $"Kafka at {options.BootstrapServers} has {brokers} broker{(brokers == 1 ? "" : "s")}, and topic '{tooMany.Name}' is to have {tooMany.ReplicationFactor} copies: "
                + $"add brokers, or say --kafka-replication {brokers} and --kafka-min-isr {Math.Max(1, brokers - 1)} (what is acked is then on fewer machines).");
        }
        await admin.CreateAsync(plan.Create, cancellationToken);
        LogCreated(string.Join(", ", plan.Create.Select(t => t.Name)));
        return true;
    }

    /// <summary>A created topic is shown by every broker a moment later.</summary>
    private async Task<IReadOnlyDictionary<string, FoundTopic>> FindCreatedAsync(List<string> names, CancellationToken cancellationToken)
    {
        for (var tries = 0; ; tries++)
        {
            var found = await admin.FindAsync(names, cancellationToken);
            var missing = names.Where(n => !found.ContainsKey(n)).ToList();
            if (missing.Count == 0) return found;
            if (CreationWait * tries > options.RequestTimeout) throw new LogUnavailableException($"Kafka does not show the topics that it created: {string.Join(", ", missing)}.");
            await Task.Delay(CreationWait, cancellationToken);
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Created topics {Topics}")]
    private partial void LogCreated(string topics);

    [LoggerMessage(2, LogLevel.Information, "Changed the settings of topics {Topics}")]
    private partial void LogConfigured(string topics);

    [LoggerMessage(3, LogLevel.Warning, "{Warning}")]
    private partial void LogWarning(string warning);

    [LoggerMessage(4, LogLevel.Error, "Topic {Topic} was deleted and made again: its records are in generation {Generation} now; what was in it and not processed is lost")]
    private partial void LogAgain(string topic, int generation);

    [LoggerMessage(5, LogLevel.Error, "Topic {Topic} is gone")]
    private partial void LogGone(string topic);

    [LoggerMessage(6, LogLevel.Error, "{Topic}[{Partition}] lost what it had from offset {From} on, although that was acked; new records there are in generation {Generation}")]
    private partial void LogCut(string topic, int partition, long from, int generation);
}
