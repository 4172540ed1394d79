using Cassandra;
using Chat.Cells.Client;
using Chat.Cells.Client.Accounts;
using Chat.Cells.Client.Messaging;
using Chat.Cells.E2E.Tests.Clusters;
using Chat.Cells.Processes.Engines;
using static Chat.Cells.E2E.Tests.Clusters.ClusterFixture;

namespace Chat.Cells.E2E.Tests;

/// <summary>A ChatCell that names servers which somebody else runs. On its own: its cluster beside another would have neither come to its turn.</summary>
[Collection(SeparateRolesCollection.Name)]
public sealed class ExternalEnginesTests
{
    private const string Password = "correct horse battery staple";
    private const string DataPrefix = "chat-cells-external-";
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(3);

    // A user may send 60 messages a minute.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1100);

    [ExternalEnginesFact]
    public async Task Cell_OnServersOfOthers_ServesThroughScalingAndLeavesItsDataWhenDeleted()
    {
        await StopLeftoversAsync(DataPrefix);
        var data = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), DataPrefix + Environment.ProcessId)).FullName;
        var real = Environment.GetEnvironmentVariable(RealServers.KafkaVariable) is { Length: > 0 };
        await using (var engines = await EngineServers.StartAsync(new EngineRequest { Real = real, Shared = true, Data = data }, CancellationToken.None))
        {
            await using var cell = await ExternalCell.StartAsync(Path.Combine(data, "cluster"), engines, replicas: 2);
            await RunAsync(cell);
        }
        Directory.Delete(data, recursive: true); // kept when it failed
    }

    private static async Task RunAsync(ExternalCell cell)
    {
        await Poll.UntilAsync(async () => await cell.StatusAsync("gateways") == "2/2", "both gateways are ready", Bound);
        foreach (var type in new[] { "KafkaReady", "CassandraReady", "RedisReady" })
        {
            await Poll.UntilAsync(async () => await cell.ConditionAsync(type) == "True/Answering", $"{type}, as the servers say");
        }

        using var http = ChatClient.NewHttpClient();
        var accounts = new ChatAccounts(http, cell.Router);
        var names = new[] { "anna", "ben" };
        var sessions = await Task.WhenAll(names.Select(n => accounts.SignUpAsync(cell.Region, n, Password, n, new DeviceInfo("phone", "phone"), CancellationToken.None)));
        await using var anna = await LiveAsync(NewClient(sessions[0]));
        await using var ben = await OnAnotherGatewayAsync();

        var channel = (await anna.Api.CreateDirectAsync(ben.UserId, CancellationToken.None)).ChannelId;
        Assert.True((await SendAsync(anna, channel, "hello ben")).IsAccepted);
        await ShowsAsync(ben, channel, "hello ben");
        Assert.True((await SendAsync(ben, channel, "hello anna", ben.Timeline(channel).HighestId)).IsAccepted);
        await ShowsAsync(anna, channel, "hello ben", "hello anna");
        // Sockets are summed over the servers, users are counted once.
        await Poll.UntilAsync(async () => await cell.StatusAsync("connections") == "2" && await cell.StatusAsync("users") == "2", "two connections and two users in the status");

        var texts = new List<string> { "hello ben", "hello anna" };
        using (var stop = new CancellationTokenSource())
        {
            var talk = TalkAsync(anna, channel, texts, stop.Token);
            foreach (var replicas in new[] { 3, 1 })
            {
                await cell.ScaleAsync(replicas);
                await Poll.UntilAsync(async () => await cell.StatusAsync("gateways") == $"{replicas}/{replicas}" && await cell.CountPodsAsync() == replicas, $"{replicas} gateways", Bound);
                Assert.Equal("True/Serving", await cell.ConditionAsync("Ready"));
            }
            var said = texts.Count;
            await Poll.UntilAsync(() => texts.Count > said + 2, "messages pass on the one that is left");
            await stop.CancelAsync();
            await talk.WaitAsync(Bound);
        }
        await ShowsAsync(ben, channel, [.. texts]);
        await ShowsAsync(anna, channel, [.. texts]);

        await cell.DeleteAsync();
        await cell.AcceptLossAsync();
        await Poll.UntilAsync(async () => !await cell.IsThereAsync(), "the cell is gone", Bound);
        await Poll.UntilAsync(async () => await cell.CountPodsAsync() == 0, "its pods are gone");
        Assert.True(await cell.HasSecretAsync(), "the secret is not ours to delete");
        Assert.True(await HasKeyspaceAsync(cell.Name), "what the cell has outside is not ours to delete");

        ChatClient NewClient(Session session) => new(session, new ChatClientOptions { Endpoint = cell.Router, HttpClient = http });

        // Services take pods in turn, for HTTP requests too: after a few connects the two are apart.
        async Task<ChatClient> OnAnotherGatewayAsync()
        {
            for (var i = 0; i < 20; i++)
            {
                var client = await LiveAsync(NewClient(sessions[1]));
                var counts = await cell.CountSocketsAsync();
                if (counts is [1, 1]) return client;
                await client.DisposeAsync();
                await Poll.UntilAsync(async () => (await cell.CountSocketsAsync()).Sum() == 1, "only anna is connected");
            }
            throw new InvalidOperationException("Both are on one gateway in 20 tries: the Service does not balance.");
        }
    }

    /// <summary>One message after the other, each acked before the next; what was said is in the list.</summary>
    private static async Task TalkAsync(ChatClient client, string channel, List<string> texts, CancellationToken stop)
    {
        for (var i = 1; !stop.IsCancellationRequested; i++)
        {
            var outcome = await client.SendAsync(channel, $"message {i}", null, CancellationToken.None).WaitAsync(Bound, CancellationToken.None);
            Assert.True(outcome.IsAccepted, outcome.ErrorCode);
            texts.Add($"message {i}");
            await Task.WhenAny(Task.Delay(Pause, stop));
        }
    }

    private static Task<SendOutcome> SendAsync(ChatClient client, string channel, string text, string? replyTo = null) =>
        client.SendAsync(channel, text, replyTo, CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(60));

    private static async Task<bool> HasKeyspaceAsync(string cell)
    {
        var given = RealServers.Read(Environment.GetEnvironmentVariable);
        await using var ring = new Cluster(new ClusterOptions { ContactPoints = given.Cassandra!.Split(','), LocalDatacenter = given.CassandraDatacenter, Credentials = given.CassandraCredentials });
        var session = await ring.ConnectAsync(CancellationToken.None);
        var keyspace = "chat_" + cell.Replace('-', '_');
        return (await session.ExecuteAsync(new SimpleStatement($"SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = '{keyspace}'"), CancellationToken.None)).Count == 1;
    }
}

/// <summary>A test that needs a Cassandra; Kafka's mock and a redis-server are started where no others are given.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ExternalEnginesFactAttribute : FactAttribute
{
    public ExternalEnginesFactAttribute()
    {
        if (ClusterSource.IsGiven || ClusterSource.Direct) Skip = "The suites run on a given cluster, or without a Kubernetes API; this one starts its own.";
        else if (ClusterSource.Read(RealServers.CassandraVariable) is null) Skip = $"A cell on External engines needs a Cassandra: set {RealServers.CassandraVariable} (host:port,…).";
        else if (EngineServers.MissingForSeparateRoles is { } reason) Skip = $"A cell on External engines needs Kafka and Redis: {reason}.";
    }
}
