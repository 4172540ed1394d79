using Chat.Cells.Cell.Engines.Kafka;
using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace Chat.Cells.Processes.Engines;

/// <summary>What cells keep in a Kafka cluster that outlives the run: topics and consumer groups whose names begin with the cell's.</summary>
internal sealed class KafkaNames(string servers, IReadOnlyList<CellSpec> cells)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);

    /// <exception cref="ClusterException">It does not answer, or librdkafka is missing.</exception>
    public async Task<int> CountBrokersAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var admin = Build();
            return await Task.Run(() => admin.GetMetadata(Timeout).Brokers.Count, cancellationToken);
        }
        catch (Exception e) when (e is KafkaException or DllNotFoundException)
        {
            throw new ClusterException($"Kafka at {servers} ({RealServers.KafkaVariable}) can't be used: {e.Message}", e);
        }
    }

    public async Task RemoveAsync(CancellationToken cancellationToken)
    {
        using var admin = Build();
        var topics = await Task.Run(() => admin.GetMetadata(Timeout).Topics.Select(t => t.Topic).Where(IsOurs).ToList(), cancellationToken);
        if (topics.Count > 0) await admin.DeleteTopicsAsync(topics, new DeleteTopicsOptions { RequestTimeout = Timeout, OperationTimeout = Timeout });
        var listed = await admin.ListConsumerGroupsAsync(new ListConsumerGroupsOptions { RequestTimeout = Timeout });
        var groups = listed.Valid.Select(g => g.GroupId).Where(IsOurs).ToList();
        if (groups.Count > 0) await DeleteGroupsAsync(admin, groups, cancellationToken);
    }

    /// <summary>Members that were killed stay in their group until their session ends.</summary>
    private static async Task DeleteGroupsAsync(IAdminClient admin, List<string> groups, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await admin.DeleteGroupsAsync(groups, new DeleteGroupsOptions { RequestTimeout = Timeout });
                return;
            }
            catch (DeleteGroupsException e) when (e.Results.All(r => r.Error.Code is ErrorCode.NoError or ErrorCode.NonEmptyGroup or ErrorCode.GroupIdNotFound))
            {
                groups = [.. e.Results.Where(r => r.Error.Code == ErrorCode.NonEmptyGroup).Select(r => r.Group)];
                if (groups.Count == 0) return;
                await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
            }
        }
    }

    private bool IsOurs(string name) => cells.Any(c => name.StartsWith(c.Name + ".", StringComparison.Ordinal));

    private IAdminClient Build()
    {
        LibrdkafkaLoader.EnsureLoaded();
        return new AdminClientBuilder(new AdminClientConfig { BootstrapServers = servers }).SetLogHandler((_, _) => { }).Build();
    }
}
