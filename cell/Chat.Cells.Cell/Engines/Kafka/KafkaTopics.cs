using System.Collections.Concurrent;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>Creates and reconciles topics, or only checks them where somebody else makes them; knows their partition counts.</summary>
internal sealed partial class KafkaTopics(KafkaOptions options, ITopicAdmin admin, ILogger logger)
{
    private readonly ConcurrentDictionary<string, int> _partitions = new();

    /// <exception cref="LogException">Topics that are missing or other than wanted and can't be mended here; the message says what to do.</exception>
    public async ValueTask EnsureAsync(IReadOnlyList<TopicSpec> wanted, CancellationToken cancellationToken)
    {
        var names = wanted.Select(t => options.Full(t.Name)).ToList();
        var found = await admin.FindAsync(names, cancellationToken);
        if (options.ExternalTopics) Check(wanted, found);
        else await ReconcileAsync(wanted, found, cancellationToken);
        foreach (var spec in wanted) _partitions[spec.Name] = spec.Partitions;
    }

    public int PartitionCount(string topic) =>
        _partitions.TryGetValue(topic, out var count) ? count : throw new LogException($"Topic '{topic}' is not known here: ensure it first.");

    private void Check(IReadOnlyList<TopicSpec> wanted, IReadOnlyDictionary<string, FoundTopic> found)
    {
        var lacks = TopicPlan.Lacks(wanted, found, options);
        if (lacks.Count > 0) throw new LogException($"--kafka-topics external: whoever makes the topics has to mend this. {string.Join(" ", lacks)}");
    }

    private async Task ReconcileAsync(IReadOnlyList<TopicSpec> wanted, IReadOnlyDictionary<string, FoundTopic> found, CancellationToken cancellationToken)
    {
        var settings = await admin.FindSettingsAsync([.. found.Keys], cancellationToken);
        var plan = TopicPlan.For(wanted, found, settings, options);
        if (plan.Mismatches.Count > 0) throw new LogException(string.Join(" ", plan.Mismatches));
        foreach (var warning in plan.Warnings) LogWarning(warning);
        if (plan.Create.Count > 0)
        {
            var brokers = await admin.CountBrokersAsync(cancellationToken);
            if (plan.Create.FirstOrDefault(t => t.ReplicationFactor > brokers) is { } tooMany)
            {
                throw new LogException(
                    $"Kafka at {options.BootstrapServers} has {brokers} broker{(brokers == 1 ? "" : "s")}, and topic '{tooMany.Name}' is to have {tooMany.ReplicationFactor} copies: "
                    + $"add brokers, or say --kafka-replication {brokers} and --kafka-min-isr {Math.Max(1, brokers - 1)} (what is acked is then on fewer machines).");
            }
            await admin.CreateAsync(plan.Create, cancellationToken);
            LogCreated(string.Join(", ", plan.Create.Select(t => t.Name)));
        }
        if (plan.Reconfigure.Count > 0)
        {
            await admin.ConfigureAsync(plan.Reconfigure, cancellationToken);
            LogConfigured(string.Join(", ", plan.Reconfigure.Keys));
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Created topics {Topics}")]
    private partial void LogCreated(string topics);

    [LoggerMessage(2, LogLevel.Information, "Changed the settings of topics {Topics}")]
    private partial void LogConfigured(string topics);

    [LoggerMessage(3, LogLevel.Warning, "{Warning}")]
    private partial void LogWarning(string warning);
}
