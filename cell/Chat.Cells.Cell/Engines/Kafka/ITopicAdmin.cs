using Confluent.Kafka.Admin;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>The administrative calls that topics and their groups need; names are full ones.</summary>
public interface ITopicAdmin : IDisposable
{
    /// <summary>Those topics that exist.</summary>
    Task<IReadOnlyDictionary<string, FoundTopic>> FindAsync(IReadOnlyList<string> topics, CancellationToken cancellationToken);

    /// <summary>How many brokers the cluster has now.</summary>
    Task<int> CountBrokersAsync(CancellationToken cancellationToken);

    /// <summary>The settings of existing topics.</summary>
    Task<IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>>> FindSettingsAsync(IReadOnlyList<string> topics, CancellationToken cancellationToken);

    /// <summary>Creates topics; one that exists by now is no error.</summary>
    Task CreateAsync(IReadOnlyList<TopicSpecification> topics, CancellationToken cancellationToken);

    /// <summary>Sets single settings of existing topics.</summary>
    Task ConfigureAsync(IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> changes, CancellationToken cancellationToken);

    /// <summary>The names (<c>group.instance.id</c>) of a group's members that have one, dead ones until their session ends; none when there is no such group.</summary>
    /// <exception cref="Ports.LogException">Kafka did not say.</exception>
    Task<IReadOnlySet<string>> FindNamedMembersAsync(string group, CancellationToken cancellationToken);
}

/// <summary>A topic as the cluster has it.</summary>
/// <param name="Replicas">Copies of the partition that has the fewest.</param>
/// <param name="Id">The cluster's own id of this topic: one that is deleted and created again has another.</param>
public readonly record struct FoundTopic(int Partitions, int Replicas, string Id);
