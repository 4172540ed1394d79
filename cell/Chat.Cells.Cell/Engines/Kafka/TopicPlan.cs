using System.Globalization;
using Chat.Cells.Cell.Ports;
using Confluent.Kafka.Admin;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>What has to be done so that the cluster's topics are as wanted. Pure; the calls are in <see cref="KafkaTopics"/>.</summary>
/// <param name="Create">Topics that are missing.</param>
/// <param name="Reconfigure">Settings of existing topics that differ from the wanted ones, by topic.</param>
/// <param name="Mismatches">What can't be mended: partition counts are for life.</param>
public sealed record TopicPlan(
    IReadOnlyList<TopicSpecification> Create,
    IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> Reconfigure,
    IReadOnlyList<string> Mismatches)
{
    /// <summary>The settings every topic of ours has.</summary>
    public static IReadOnlyDictionary<string, string> Settings(TopicSpec spec, KafkaOptions options) => new Dictionary<string, string>
    {
        ["cleanup.policy"] = "delete",
        ["retention.ms"] = ((long)spec.Retention.TotalMilliseconds).ToString(CultureInfo.InvariantCulture),
        ["message.timestamp.type"] = "LogAppendTime",
        ["min.insync.replicas"] = options.MinInSyncReplicas.ToString(CultureInfo.InvariantCulture),
        ["max.message.bytes"] = options.MaxRecordBytes.ToString(CultureInfo.InvariantCulture),
        ["compression.type"] = "producer",
    };

    /// <param name="wanted">Topics without the prefix.</param>
    /// <param name="partitions">Partition counts of existing topics, by full name.</param>
    /// <param name="settings">Settings of existing topics, by full name; a topic without an entry isn't reconfigured.</param>
    /// <param name="options">Prefix and replication.</param>
    public static TopicPlan For(
        IReadOnlyList<TopicSpec> wanted,
        IReadOnlyDictionary<string, int> partitions,
        IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> settings,
        KafkaOptions options)
    {
        var create = new List<TopicSpecification>();
        var reconfigure = new Dictionary<string, IReadOnlyDictionary<string, string>>();
        var mismatches = new List<string>();
        foreach (var spec in wanted)
        {
            var name = options.Full(spec.Name);
            var target = Settings(spec, options);
            if (!partitions.TryGetValue(name, out var count))
            {
                create.Add(new TopicSpecification
                {
                    Name = name,
                    NumPartitions = spec.Partitions,
                    ReplicationFactor = options.ReplicationFactor,
                    Configs = new Dictionary<string, string>(target),
                });
                continue;
            }
            if (count != spec.Partitions)
            {
                mismatches.Add($"Topic '{name}' has {count} partitions, and {spec.Partitions} are wanted: partition counts are for life. Use the topic's own count, or a new topic generation.");
                continue;
            }
            if (!settings.TryGetValue(name, out var actual)) continue;
            var different = target.Where(s => !actual.TryGetValue(s.Key, out var value) || value != s.Value).ToDictionary();
            if (different.Count > 0) reconfigure[name] = different;
        }
        return new TopicPlan(create, reconfigure, mismatches);
    }
}
