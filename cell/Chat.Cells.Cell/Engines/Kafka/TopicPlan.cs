using System.Globalization;
using Chat.Cells.Cell.Ports;
using Confluent.Kafka.Admin;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>What has to be done so that the cluster's topics are as wanted. Pure; the calls are in <see cref="KafkaTopics"/>.</summary>
/// <param name="Create">Topics that are missing.</param>
/// <param name="Reconfigure">Settings of existing topics that differ from the wanted ones, by topic.</param>
/// <param name="Mismatches">What can't be mended here, and what to do.</param>
/// <param name="Warnings">What works but should be mended by hand.</param>
public sealed record TopicPlan(
    IReadOnlyList<TopicSpecification> Create,
    IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> Reconfigure,
    IReadOnlyList<string> Mismatches,
    IReadOnlyList<string> Warnings)
{
    /// <summary>Copies of each partition: an ephemeral topic has at most two.</summary>
    public static short Replication(TopicSpec spec, KafkaOptions options) => spec.Ephemeral ? Math.Min((short)2, options.ReplicationFactor) : options.ReplicationFactor;

    /// <summary>The settings every topic of ours has.</summary>
    public static IReadOnlyDictionary<string, string> Settings(TopicSpec spec, KafkaOptions options) => new Dictionary<string, string>
    {
        ["cleanup.policy"] = spec.Compacted ? "compact,delete" : "delete",
        ["retention.ms"] = ((long)spec.Retention.TotalMilliseconds).ToString(CultureInfo.InvariantCulture),
        ["message.timestamp.type"] = "LogAppendTime",
        ["min.insync.replicas"] = MinInSync(spec, options).ToString(CultureInfo.InvariantCulture),
        ["max.message.bytes"] = options.MaxRecordBytes.ToString(CultureInfo.InvariantCulture),
        ["compression.type"] = "lz4",
        // A broker that was cut off may not become leader with less than what was acked.
        ["unclean.leader.election.enable"] = "false",
    };

    /// <param name="wanted">Topics without the prefix.</param>
    /// <param name="found">The existing topics, by full name.</param>
    /// <param name="settings">Settings of existing topics, by full name; a topic without an entry isn't reconfigured.</param>
    /// <param name="options">Prefix and replication.</param>
    public static TopicPlan For(
        IReadOnlyList<TopicSpec> wanted,
        IReadOnlyDictionary<string, FoundTopic> found,
        IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> settings,
        KafkaOptions options)
    {
        var create = new List<TopicSpecification>();
        var reconfigure = new Dictionary<string, IReadOnlyDictionary<string, string>>();
        var mismatches = new List<string>();
        var warnings = new List<string>();
        foreach (var spec in wanted)
        {
            var name = options.Full(spec.Name);
            var target = Settings(spec, options);
            if (!found.TryGetValue(name, out var topic))
            {
                create.Add(new TopicSpecification
                {
                    Name = name,
                    NumPartitions = spec.Partitions,
                    ReplicationFactor = Replication(spec, options),
                    Configs = new Dictionary<string, string>(target),
                });
                continue;
            }
            if (Mismatch(spec, name, topic, options) is { } mismatch)
            {
                mismatches.Add(mismatch);
                continue;
            }
            if (topic.Replicas < Replication(spec, options))
            {
                warnings.Add($"Topic '{name}' has {topic.Replicas} copies, and {Replication(spec, options)} are wanted: move it with kafka-reassign-partitions.");
            }
            if (!settings.TryGetValue(name, out var actual)) continue;
            var different = target.Where(s => !actual.TryGetValue(s.Key, out var value) || !Same(value, s.Value)).ToDictionary();
            if (different.Count > 0) reconfigure[name] = different;
        }
        return new TopicPlan(create, reconfigure, mismatches, warnings);
    }

    /// <summary>For topics that somebody else makes: what is missing or wrong, by full name; empty when all is well.</summary>
    public static IReadOnlyList<string> Lacks(IReadOnlyList<TopicSpec> wanted, IReadOnlyDictionary<string, FoundTopic> found, KafkaOptions options)
    {
        var lacks = new List<string>();
        foreach (var spec in wanted)
        {
            var name = options.Full(spec.Name);
            if (!found.TryGetValue(name, out var topic))
            {
                var settings = string.Join(", ", Settings(spec, options).Select(s => $"{s.Key}={s.Value}"));
                lacks.Add($"Topic '{name}' is missing: {spec.Partitions} partitions, {Replication(spec, options)} copies, {settings}.");
            }
            else if (Mismatch(spec, name, topic, options) is { } mismatch)
            {
                lacks.Add(mismatch);
            }
        }
        return lacks;
    }

    private static int MinInSync(TopicSpec spec, KafkaOptions options) => spec.Ephemeral ? 1 : options.MinInSyncReplicas;

    private static string? Mismatch(TopicSpec spec, string name, FoundTopic topic, KafkaOptions options)
    {
        if (topic.Partitions != spec.Partitions)
        {
            return $"Topic '{name}' has {topic.Partitions} partitions, and {spec.Partitions} are wanted: partition counts are for life. Use the topic's own count, or a new topic generation.";
        }
        return topic.Replicas < MinInSync(spec, options)
            ? $"Topic '{name}' has {topic.Replicas} copies, and --kafka-min-isr {MinInSync(spec, options)} of them must have each record: nothing could be appended. "
                + "Move it to more brokers with kafka-reassign-partitions, or say a lower --kafka-replication and --kafka-min-isr."
            : null;
    }

    /// <summary>Lists are in any order: a broker may say <c>delete,compact</c>.</summary>
    private static bool Same(string actual, string wanted) => actual == wanted || (wanted.Contains(',') && actual.Split(',').Order().SequenceEqual(wanted.Split(',').Order()));
}
