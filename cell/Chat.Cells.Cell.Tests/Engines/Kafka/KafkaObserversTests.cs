using Chat.Cells.Cell.Engines.Kafka;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Chat.Cells.KafkaMock;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

/// <summary>Questions for offsets while a broker hangs, and of topics that are not known everywhere yet.</summary>
[Needs(Needed.Librdkafka)]
public sealed class KafkaObserversTests
{
    private const string Topic = "asked";
    private const int Healthy = 1;
    private const int Hanging = 3;

    [Fact]
    public async Task GetOffsets_LeaderHangsAndOtherPartitionsAnswer_AsksTheNewLeader()
    {
        using var cluster = new MockKafkaCluster();
        var options = new KafkaOptions { BootstrapServers = cluster.BootstrapServers, Prefix = "test.", MinInSyncReplicas = 1, RequestTimeout = TimeSpan.FromSeconds(3), SocketTimeout = TimeSpan.FromSeconds(3) };
        await using var log = new KafkaLog(options, TimeProvider.System, NullLogger<KafkaLog>.Instance, new MockTopicAdmin(cluster));
        await log.EnsureTopicsAsync([new TopicSpec(Topic, 2, TimeSpan.FromDays(1))], default);
        cluster.SetLeader("test." + Topic, 0, Healthy);
        cluster.SetLeader("test." + Topic, 1, Hanging);
        await Poll.UntilAsync(async () => await IsAnsweredAsync(0) && await IsAnsweredAsync(1), "both partitions answer");

        cluster.SetRoundTrip(Hanging, TimeSpan.FromMinutes(10));
        cluster.SetLeader("test." + Topic, 1, Healthy);
        var answers = 0;
        await Poll.UntilAsync(
            async () =>
            {
                // Others who ask the same client are answered all the time.
                if (await IsAnsweredAsync(0)) answers++;
                return await IsAnsweredAsync(1);
            },
            "the new leader answers");
        Assert.InRange(answers, 1, int.MaxValue);

        async Task<bool> IsAnsweredAsync(int partition)
        {
            try
            {
                await log.GetOffsetsAsync(new TopicPartition(Topic, partition), default);
                return true;
            }
            catch (LogUnavailableException)
            {
                return false;
            }
        }
    }

    [Fact]
    public async Task GetOffsetsAndRead_TopicIsNotKnownYet_WaitForIt()
    {
        using var cluster = new MockKafkaCluster();
        var options = new KafkaOptions { BootstrapServers = cluster.BootstrapServers, Prefix = "test.", MinInSyncReplicas = 1, TopicCheckInterval = TimeSpan.FromHours(1) };
        await using var log = new KafkaLog(options, TimeProvider.System, NullLogger<KafkaLog>.Instance, new MockTopicAdmin(cluster));
        await log.EnsureTopicsAsync([new TopicSpec(Topic, 1, TimeSpan.FromDays(1))], default);
        cluster.DeleteTopic("test." + Topic);

        var started = TimeProvider.System.GetTimestamp();
        var offsets = log.GetOffsetsAsync(new TopicPartition(Topic, 0), default).AsTask();
        var read = log.ReadAsync(new TopicPartition(Topic, 0), 0, 10, TimeSpan.Zero, default).AsTask();
        var gone = await Assert.ThrowsAsync<LogUnavailableException>(() => offsets);
        await Assert.ThrowsAsync<LogUnavailableException>(() => read);
        Assert.Contains("Unknown", gone.Message, StringComparison.Ordinal);
        Assert.True(TimeProvider.System.GetElapsedTime(started) >= NewTopics.Patience, "A topic that is unknown at first may be known a moment later.");

        offsets = log.GetOffsetsAsync(new TopicPartition(Topic, 0), default).AsTask();
        read = log.ReadAsync(new TopicPartition(Topic, 0), 0, 10, TimeSpan.Zero, default).AsTask();
        Assert.False(offsets.IsCompleted || read.IsCompleted);
        cluster.CreateTopic("test." + Topic, 1);
        Assert.Equal(new OffsetRange(0, 0), await offsets);
        Assert.Empty(await read);
    }
}
