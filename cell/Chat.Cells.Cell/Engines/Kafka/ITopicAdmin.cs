using Confluent.Kafka.Admin;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>The administrative calls that topics need; names are full ones.</summary>
public interface ITopicAdmin : IDisposable
{
    /// <summary>The partition counts of those topics that exist.</summary>
    Task<IReadOnlyDictionary<string, int>> FindPartitionsAsync(IReadOnlyList<string> topics, CancellationToken cancellationToken);

    /// <summary>The settings of existing topics.</summary>
    Task<IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>>> FindSettingsAsync(IReadOnlyList<string> topics, CancellationToken cancellationToken);

    /// <summary>Creates topics; one that exists by now is no error.</summary>
    Task CreateAsync(IReadOnlyList<TopicSpecification> topics, CancellationToken cancellationToken);

    /// <summary>Sets single settings of existing topics.</summary>
    Task ConfigureAsync(IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> changes, CancellationToken cancellationToken);
}
