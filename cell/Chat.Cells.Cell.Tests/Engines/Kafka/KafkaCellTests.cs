using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Connections;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Chat.Cells.Cell.Tests.Engines.Redis;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.KafkaMock;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

/// <summary>A whole cell on <c>--log kafka --state redis</c>.</summary>
[Needs(Needed.RedisServer)]
public abstract class KafkaCellContract : IAsyncLifetime
{
    private readonly string folder = TestCell.NewFolder();
    private RedisServer redis = null!;

    /// <summary>Where Kafka is, for a cell with topics of few partitions.</summary>
    protected abstract CellOptions OnKafka(CellOptions options);

    /// <summary>Deletes a topic, with all that is in it, and makes it again where the cell doesn't.</summary>
    protected abstract Task RemakeAsync(TopicSpec topic);

    protected abstract Task CleanUpAsync();

    public async Task InitializeAsync() => redis = await RedisServer.StartAsync();

    public async Task DisposeAsync()
    {
        await redis.DisposeAsync();
        await CleanUpAsync();
        Directory.Delete(folder, recursive: true);
    }

    protected CellOptions Options => OnKafka(TestCell.DefaultOptions(folder)) with { State = "redis", Redis = redis.Endpoint, SmallTopics = true };

    private Task<TestCell> StartAsync() => TestCell.StartAsync(_ => Options, folder: folder);

    [Fact]
    public async Task Cell_TwoClientsAndARestart_DeliversAllOnceInOrder()
    {
        TestUser anna, bob;
        string direct, group, cursor;
        await using (var cell = await StartAsync())
        {
            anna = await cell.SignUpAsync("anna");
            bob = await cell.SignUpAsync("bob");
            direct = await cell.CreateDirectAsync(anna, bob);
            group = await cell.CreateGroupAsync(anna, "group", bob);
            await using var sender = await cell.ConnectAsync(anna);
            await using var receiver = await cell.ConnectAsync(bob);
            cursor = await ExchangeAsync(sender, receiver, direct, group, "first");
        }

        await using (var cell = await StartAsync())
        {
            await using var sender = await cell.ConnectAsync(anna);
            for (var i = 0; i < 10; i++) await SendAsync(sender, i % 2 == 0 ? direct : group, $"while away {i}");
            await using var receiver = await cell.OpenAsync(bob);
            var missed = await SyncAsync(receiver, cursor);
            Assert.Equal(Enumerable.Range(0, 10).Where(i => i % 2 == 0).Select(i => $"while away {i}"), missed[direct]);
            Assert.Equal(Enumerable.Range(0, 10).Where(i => i % 2 == 1).Select(i => $"while away {i}"), missed[group]);

            await ExchangeAsync(sender, receiver, direct, group, "second");
            await receiver.SettleAsync();
            Assert.Empty(receiver.Kept("new_message"));
        }
    }

    [Fact]
    public async Task Store_OfAProcessWithAllRoles_IsItsAloneAndOneWithSomeSharesIt()
    {
        await using (await OpenEnginesAsync("gateway", "fanout", "delivery"))
        {
            var e = await Assert.ThrowsAsync<StoreException>(() => OpenEnginesAsync("gateway"));
            Assert.Contains("--roles", e.Message, StringComparison.Ordinal);
        }

        await using var gateway = await OpenEnginesAsync("gateway");
        await using var workers = await OpenEnginesAsync("fanout", "delivery");
        await Assert.ThrowsAsync<StoreException>(() => OpenEnginesAsync("gateway", "fanout", "delivery"));
    }

    private Task<CellEngines> OpenEnginesAsync(params string[] roles) =>
        CellEngines.OpenAsync(Options with { Roles = roles }, TimeProvider.System, NullLoggerFactory.Instance, default);

    [Fact]
    public async Task Topics_MadeAgain_OldCursorGetsTheOldAndTheNewOnceInOrder()
    {
        TestUser anna, bob;
        string direct, group, cursor;
        await using (var cell = await StartAsync())
        {
            anna = await cell.SignUpAsync("anna");
            bob = await cell.SignUpAsync("bob");
            direct = await cell.CreateDirectAsync(anna, bob);
            group = await cell.CreateGroupAsync(anna, "group", bob);
            await using var sender = await cell.ConnectAsync(anna);
            await using (var receiver = await cell.ConnectAsync(bob)) cursor = await ExchangeAsync(sender, receiver, direct, group, "before");
            await using var other = await cell.ConnectAsync(bob);
            for (var i = 0; i < 5; i++) await SendAsync(sender, direct, $"while away {i}");
            for (var i = 0; i < 5; i++) await other.PayloadAsync("new_message");
        }

        foreach (var topic in CellTopics.All(Topics.Embedded, Options.Cell, [])) await RemakeAsync(topic);
        await using (var cell = await StartAsync())
        {
            await using var sender = await cell.ConnectAsync(anna);
            // A request of before is still known; its offset is another one's now.
            await SendAsync(sender, direct, "while away 0");
            for (var i = 5; i < 10; i++) await SendAsync(sender, direct, $"while away {i}");
            await using var receiver = await cell.OpenAsync(bob);
            var missed = await SyncAsync(receiver, cursor);
            Assert.Equal(Enumerable.Range(0, 10).Select(i => $"while away {i}"), missed[direct]);

            await ExchangeAsync(sender, receiver, direct, group, "after");
            await receiver.SettleAsync();
            Assert.Empty(receiver.Kept("new_message"));
        }
    }

    [Fact]
    public async Task Topics_MadeAgainUnderTheRunningCell_TheEpochRisesAndAnOldCursorGetsAllOnceInOrder()
    {
        await using var cell = await StartAsync();
        var anna = await cell.SignUpAsync("anna");
        var bob = await cell.SignUpAsync("bob");
        var direct = await cell.CreateDirectAsync(anna, bob);
        var group = await cell.CreateGroupAsync(anna, "group", bob);
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);
        var cursor = await ExchangeAsync(sender, receiver, direct, group, "before");
        // What nobody had processed would be gone with the topics.
        for (var i = 0; i < 5; i++) await SendAsync(sender, direct, $"while away {i}");
        for (var i = 0; i < 5; i++) await receiver.PayloadAsync("new_message");

        foreach (var topic in CellTopics.All(Topics.Embedded, Options.Cell, []).Where(t => t.Name is Topics.InboxTopic or Topics.DirectMessages or Topics.GroupMessages)) await RemakeAsync(topic);
        // A request of before is still known.
        for (var i = 0; i < 10; i++) await SendUntilAckedAsync(sender, direct, $"while away {i}");
        var seen = new List<string>();
        var last = cursor;
        while (seen.Count < 5)
        {
            var message = await receiver.PayloadAsync("new_message");
            seen.Add((string)message["content"]!);
            last = (string)message["cursor"]!;
        }
        Assert.Equal(Enumerable.Range(5, 5).Select(i => $"while away {i}"), seen);
        Assert.True(InboxCursor.TryParse(cursor, out var old) && InboxCursor.TryParse(last, out var now) && now.Epoch > old.Epoch, $"{last} is of no later epoch than {cursor}");

        await using var late = await cell.OpenAsync(bob);
        var missed = await SyncAsync(late, cursor);
        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"while away {i}"), missed[direct]);
        await ExchangeAsync(sender, late, direct, group, "after");
        await late.SettleAsync();
        Assert.Empty(late.Kept("new_message"));
    }

    private static async Task SendUntilAckedAsync(TestSocket sender, string channel, string text)
    {
        using var bound = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var requestId = text.Replace(' ', '-');
        while (true)
        {
            await sender.MessageAsync(channel, text, requestId);
            System.Text.Json.Nodes.JsonObject frame;
            do
            {
                frame = await sender.NextAsync() ?? throw new InvalidOperationException("closed");
            }
            while ((string?)frame["requestId"] != requestId || (string)frame["type"]! is not ("message_ack" or "error"));
            if ((string)frame["type"]! == "message_ack") return;
            Assert.Contains((string)frame["payload"]!["code"]!, (string[])["retry", "busy"]);
            await Task.Delay(200, bound.Token);
        }
    }

    /// <summary>Sends to both channels and sees each message come, in its channel's order; returns the receiver's last cursor.</summary>
    private static async Task<string> ExchangeAsync(TestSocket sender, TestSocket receiver, string direct, string group, string name)
    {
        for (var i = 0; i < 10; i++) await SendAsync(sender, i % 2 == 0 ? direct : group, $"{name} {i}");
        var seen = new Dictionary<string, List<string>> { [direct] = [], [group] = [] };
        var cursor = "";
        for (var i = 0; i < 10; i++)
        {
            var message = await receiver.PayloadAsync("new_message");
            seen[(string)message["channelId"]!].Add((string)message["content"]!);
            cursor = (string)message["cursor"]!;
        }
        Assert.Equal(Enumerable.Range(0, 10).Where(i => i % 2 == 0).Select(i => $"{name} {i}"), seen[direct]);
        Assert.Equal(Enumerable.Range(0, 10).Where(i => i % 2 == 1).Select(i => $"{name} {i}"), seen[group]);
        return cursor;
    }

    private static async Task SendAsync(TestSocket sender, string channel, string text)
    {
        await sender.MessageAsync(channel, text, text.Replace(' ', '-'));
        await sender.ReceiveAsync("message_ack", text.Replace(' ', '-'));
    }

    /// <summary>What was missed, by channel: from the batches, and from what came live after them.</summary>
    private static async Task<Dictionary<string, List<string>>> SyncAsync(TestSocket socket, string cursor)
    {
        await socket.SendAsync("sync", new { cursor });
        var missed = new Dictionary<string, List<string>>();
        var count = 0;
        for (var more = true; more;)
        {
            var batch = await socket.PayloadAsync("sync_batch");
            foreach (var e in batch["events"]!.AsArray()) Take(e!["payload"]!, (string)e["type"]!);
            more = (bool)batch["more"]!;
        }
        while (count < 10) Take(await socket.PayloadAsync("new_message"), "new_message");
        return missed;

        void Take(System.Text.Json.Nodes.JsonNode payload, string type)
        {
            if (type != "new_message") return;
            count++;
            var channel = (string)payload["channelId"]!;
            if (!missed.TryGetValue(channel, out var texts)) missed[channel] = texts = [];
            texts.Add((string)payload["content"]!);
        }
    }
}

[Needs(Needed.Librdkafka)]
public sealed class KafkaMockCellTests : KafkaCellContract
{
    private readonly MockKafkaCluster cluster = new();

    public KafkaMockCellTests()
    {
        foreach (var topic in CellTopics.All(Topics.Embedded, "eu-west-1", [])) cluster.CreateTopic("eu-west-1." + topic.Name, topic.Partitions);
    }

    protected override CellOptions OnKafka(CellOptions options) => options with { Log = "kafka", KafkaBootstrap = cluster.BootstrapServers, KafkaTopicsExternal = true };

    protected override Task RemakeAsync(TopicSpec topic)
    {
        cluster.DeleteTopic("eu-west-1." + topic.Name);
        cluster.CreateTopic("eu-west-1." + topic.Name, topic.Partitions);
        return Task.CompletedTask;
    }

    protected override Task CleanUpAsync()
    {
        cluster.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Start_ExternalTopicsMissing_SaysWhichAndHowTheyMustBe()
    {
        cluster.DeleteTopic("eu-west-1." + Topics.InboxTopic);

        var error = await Assert.ThrowsAsync<LogException>(() => CellHost.StartAsync(Options, configureLogging: _ => { }));

        Assert.Contains("'eu-west-1.chat.inbox' is missing: 8 partitions, 3 copies", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("chat.dead", error.Message, StringComparison.Ordinal);
    }
}

/// <summary>On the Kafka that <c>KAFKA_BOOTSTRAP_SERVERS</c> names; the cell makes its topics, which are deleted afterwards.</summary>
[Needs(Needed.Kafka)]
public sealed class KafkaCellTests : KafkaCellContract
{
    private readonly string cell = $"t{Guid.NewGuid():n}"[..20];

    protected override CellOptions OnKafka(CellOptions options)
    {
        var kafka = RealKafka.Options();
        return options with { Cell = cell, Log = "kafka", KafkaBootstrap = kafka.BootstrapServers, KafkaReplication = kafka.ReplicationFactor, KafkaMinInSync = kafka.MinInSyncReplicas };
    }

    protected override Task RemakeAsync(TopicSpec topic) => RealKafka.DeleteTopicsAsync([$"{cell}.{topic.Name}"]);

    protected override Task CleanUpAsync() => RealKafka.DeleteAsync([.. CellTopics.All(Topics.Embedded, cell, []).Select(t => $"{cell}.{t.Name}")], cell + ".");

    [Fact]
    public async Task Start_MoreCopiesThanBrokers_NamesTheOption()
    {
        var options = Options with { Cell = cell + "x", KafkaReplication = 50 };

        var error = await Assert.ThrowsAsync<LogException>(() => CellHost.StartAsync(options, configureLogging: _ => { }));

        Assert.Contains("--kafka-replication", error.Message, StringComparison.Ordinal);
    }
}
