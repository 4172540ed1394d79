using System.Collections.Concurrent;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>Creates and reconciles topics, and knows their partition counts.</summary>
internal sealed partial class KafkaTopics(KafkaOptions options, ITopicAdmin admin, ILogger logger)
{
    private readonly ConcurrentDictionary<string, int> _partitions = new();

    public async ValueTask EnsureAsync(IReadOnlyList<TopicSpec> wanted, CancellationToken cancellationToken)
    {
        var names = wanted.Select(t => options.Full(t.Name)).ToList();
        var partitions = await admin.FindPartitionsAsync(names, cancellationToken);
        var settings = await admin.FindSettingsAsync([.. partitions.Keys], cancellationToken);
        var plan = TopicPlan.For(wanted, partitions, settings, options);
        if (plan.Mismatches.Count > 0) throw new LogException(string.Join(" ", plan.Mismatches));
        if (plan.Create.Count > 0)
        {
            await admin.CreateAsync(plan.Create, cancellationToken);
            LogCreated(string.Join(", ", plan.Create.Select(t => t.Name)));
        }
        if (plan.Reconfigure.Count > 0)
        {
            await admin.ConfigureAsync(plan.Reconfigure, cancellationToken);
            LogConfigured(string.Join(", ", plan.Reconfigure.Keys));
        }
        foreach (var spec in wanted) _partitions[spec.Name] = spec.Partitions;
    }

    public int PartitionCount(string topic) =>
        _partitions.TryGetValue(topic, out var count) ? count : throw new LogException($"Topic '{topic}' is not known here: ensure it first.");

    [LoggerMessage(1, LogLevel.Information, "Created topics {Topics}")]
    private partial void LogCreated(string topics);

    [LoggerMessage(2, LogLevel.Information, "Changed the settings of topics {Topics}")]
    private partial void LogConfigured(string topics);
}
