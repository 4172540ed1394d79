namespace Cassandra.Tests.Faults;

/// <summary>What happens to statements and pools when hosts misbehave.</summary>
public sealed class HostTests : FaultTest
{
    public static TheoryData<string> Faults => ["drop", "half frame", "wrong stream", "overloaded", "silence"];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Execute_HostFails_IdempotentStatementGoesToTheNext(string fault)
    {
        await using var servers = await PairAsync();
        servers.First.OnStatement = _ => Task.FromResult(Named(fault));
        servers.Second.OnStatement = Echo;

        for (var i = 0; i < 4; i++)
        {
            var statement = servers.Select.Bind(i).SetIdempotence(true);
            if (fault == "silence") statement.SetTimeout(TimeSpan.FromSeconds(3));
            Assert.Equal(i, (await servers.Session.ExecuteAsync(statement))[0].GetValue<int>("b"));
        }
    }

    [Theory]
    [InlineData("drop", typeof(ConnectionClosedException))]
    [InlineData("half frame", typeof(ConnectionClosedException))]
    [InlineData("wrong stream", typeof(ConnectionClosedException))]
    [InlineData("overloaded", typeof(OverloadedException))]
    [InlineData("silence", typeof(OperationTimedOutException))]
    public async Task Execute_HostFails_StatementThatIsNotIdempotentIsSentOnce(string fault, Type expected)
    {
        await using var servers = await PairAsync();
        servers.First.OnStatement = servers.Second.OnStatement = _ => Task.FromResult(Named(fault));

        await Assert.ThrowsAsync(expected, () => servers.Session.ExecuteAsync(servers.Select.Bind(1).SetTimeout(fault == "silence" ? TimeSpan.FromSeconds(1) : Patience)));

        Assert.Equal(1, servers.First.Received.Count + servers.Second.Received.Count);
    }

    [Fact]
    public async Task Execute_Unavailable_GoesToTheNextHostThoughNotIdempotent()
    {
        await using var servers = await PairAsync();
        servers.First.OnStatement = servers.Second.OnStatement = request =>
            Task.FromResult(servers.First.Received.Count + servers.Second.Received.Count == 1 ? Reply.Unavailable() : EchoRow(request));

        Assert.Equal(3, (await servers.Session.ExecuteAsync(servers.Select.Bind(3)))[0].GetValue<int>("b"));
        Assert.Equal((1, 1), (servers.First.Received.Count, servers.Second.Received.Count));
    }

    [Fact]
    public async Task Execute_SlowHost_SpeculativeExecutionAsksAnother()
    {
        await using var servers = await PairAsync(o => o with { SpeculativeExecution = new SpeculativeExecution(TimeSpan.FromMilliseconds(50), 1) });
        servers.First.OnStatement = _ => Task.FromResult(Reply.Silence);
        servers.Second.OnStatement = Echo;

        for (var i = 0; i < 4; i++) Assert.Equal(i, (await servers.Session.ExecuteAsync(servers.Select.Bind(i).SetIdempotence(true)))[0].GetValue<int>("b"));

        Assert.NotEmpty(servers.First.Received);
        Assert.Equal(4, servers.Second.Received.Count);
        // One write, whoever applies it: the same timestamp.
        Assert.All(servers.First.Received, r => Assert.Contains(servers.Second.Received, s => s.Timestamp == r.Timestamp));
    }

    [Fact]
    public async Task Execute_SlowHost_NotIdempotent_IsNotSpeculated()
    {
        await using var servers = await PairAsync(o => o with { SpeculativeExecution = new SpeculativeExecution(TimeSpan.FromMilliseconds(1), 1) });
        servers.First.OnStatement = servers.Second.OnStatement = async request =>
        {
            await Task.Delay(200);
            return EchoRow(request);
        };

        await servers.Session.ExecuteAsync(servers.Select.Bind(1));

        Assert.Equal(1, servers.First.Received.Count + servers.Second.Received.Count);
    }

    [Fact]
    public async Task Execute_KeyKnown_GoesToItsReplica()
    {
        await using var servers = await PairAsync(tokens: ["-4000000000000000000", "4000000000000000000"]);
        servers.First.OnStatement = servers.Second.OnStatement = Echo;
        await Poll.UntilAsync(() => servers.Session.Hosts.All(h => h.IsUp));

        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => servers.Session.ExecuteAsync(servers.Select.Bind(i))));

        // Owner of a token: the next one of the ring, clockwise.
        Assert.All(servers.First.Received, r => Assert.False(OfSecond(r)));
        Assert.All(servers.Second.Received, r => Assert.True(OfSecond(r)));
        Assert.NotEmpty(servers.First.Received);
        Assert.NotEmpty(servers.Second.Received);

        static bool OfSecond(ServerRequest r) => Murmur3.Token(r.Values[0]) is > -4_000_000_000_000_000_000 and <= 4_000_000_000_000_000_000;
    }

    [Fact]
    public async Task Server_Restarts_IsConnectedToAgain()
    {
        await using var server = NewServer();
        server.OnStatement = Echo;
        var (cluster, session) = await ConnectAsync(Options(server));
        await using var c = cluster;
        var prepared = await session.PrepareAsync(Select);
        await session.ExecuteAsync(prepared.Bind(1));

        await server.StopAsync();
        await Poll.UntilAsync(() => session.Hosts.Any(h => !h.IsUp));
        await Assert.ThrowsAnyAsync<DriverException>(() => session.ExecuteAsync(prepared.Bind(2)));
        server.Forget();
        server.Start();
        await Poll.UntilAsync(() => session.Hosts.All(h => h.IsUp));

        Assert.Equal(3, (await session.ExecuteAsync(prepared.Bind(3)))[0].GetValue<int>("b"));
        // The control connection comes back as well: it is told of a new node.
        await using var third = NewServer();
        await Poll.UntilAsync(() => server.Watchers == 1);
        Introduce(server, third);
        await server.PushAsync("TOPOLOGY_CHANGE", "NEW_NODE", third.Endpoint);
        await Poll.UntilAsync(() => third.Connections == 1);
    }

    [Fact]
    public async Task Server_GoesSilent_HeartbeatGivesTheConnectionUp()
    {
        await using var server = NewServer();
        server.OnStatement = Echo;
        var options = Options(server) with { HeartbeatInterval = TimeSpan.FromMilliseconds(200), ConnectTimeout = TimeSpan.FromSeconds(2) };
        var (cluster, session) = await ConnectAsync(options);
        await using var c = cluster;
        var prepared = await session.PrepareAsync(Select);
        await session.ExecuteAsync(prepared.Bind(1));

        server.Mute = true;
        await Poll.UntilAsync(() => session.Hosts.Any(h => !h.IsUp));
        server.Mute = false;
        await Poll.UntilAsync(() => session.Hosts.All(h => h.IsUp));

        Assert.Equal(2, (await session.ExecuteAsync(prepared.Bind(2)))[0].GetValue<int>("b"));
    }

    [Fact]
    public async Task Execute_TimedOutOnASilentServer_TheConnectionIsGivenUpLongBeforeTheNextHeartbeat()
    {
        await using var server = NewServer();
        server.OnStatement = Echo;
        var (cluster, session) = await ConnectAsync(Options(server) with { HeartbeatInterval = TimeSpan.FromHours(1), ConnectTimeout = TimeSpan.FromSeconds(2) });
        await using var c = cluster;
        var prepared = await session.PrepareAsync(Select);
        await session.ExecuteAsync(prepared.Bind(1));

        server.Mute = true;
        await Assert.ThrowsAnyAsync<DriverException>(() => session.ExecuteAsync(prepared.Bind(2).SetTimeout(TimeSpan.FromMilliseconds(300))));
        await Poll.UntilAsync(() => session.Hosts.Any(h => !h.IsUp));
        server.Mute = false;
        await Poll.UntilAsync(() => session.Hosts.All(h => h.IsUp));

        Assert.Equal(3, (await session.ExecuteAsync(prepared.Bind(3)))[0].GetValue<int>("b"));
    }

    [Fact]
    public async Task Execute_SchemaChange_WaitsUntilTheNodesAgree()
    {
        await using var servers = await PairAsync();
        var asked = 0;
        servers.First.SchemaVersion = servers.Second.SchemaVersion = () => ++asked <= 4 ? Guid.NewGuid() : Guid.Empty;
        servers.First.OnStatement = servers.Second.OnStatement = _ => Task.FromResult(Reply.Result(5, w =>
        {
            w.String("CREATED");
            w.String("KEYSPACE");
            w.String("k2");
        }));

        var result = await servers.Session.ExecuteAsync(new SimpleStatement("CREATE KEYSPACE k2"));

        Assert.True(result.IsSchemaInAgreement);
        Assert.True(asked > 4);
    }

    [Fact]
    public async Task Event_NewNode_APoolIsOpenedToIt()
    {
        await using var server = NewServer();
        var (cluster, session) = await ConnectAsync(Options(server));
        await using var c = cluster;
        await using var added = NewServer(tokens: ["100"]);
        await using var remote = new FaultServer { Datacenter = "dc2", Tokens = ["200"] };
        Introduce(server, added, remote);

        await server.PushAsync("TOPOLOGY_CHANGE", "NEW_NODE", added.Endpoint);

        await Poll.UntilAsync(() => added.Connections == 1);
        Assert.Equal(3, session.Hosts.Count);
        Assert.Equal(0, remote.Accepted);

        server.Peers = [];
        await server.PushAsync("TOPOLOGY_CHANGE", "REMOVED_NODE", added.Endpoint);
        await Poll.UntilAsync(() => session.Hosts.Count == 1 && added.Connections == 0);
    }

    [Fact]
    public async Task Event_DownOfAHostThatAnswers_IsNotBelieved()
    {
        await using var server = NewServer();
        server.OnStatement = Echo;
        var (cluster, session) = await ConnectAsync(Options(server));
        await using var c = cluster;
        await session.ExecuteAsync((await session.PrepareAsync(Select)).Bind(1));

        await server.PushAsync("STATUS_CHANGE", "DOWN", server.Endpoint);

        // A statement after the event: it has been read by then, or is on its way; either way the host ends up.
        await session.ExecuteAsync((await session.PrepareAsync(Select)).Bind(1));
        await Poll.UntilAsync(() => session.Hosts.All(h => h.IsUp));
        Assert.Equal(2, server.Accepted);
    }

    [Fact]
    public async Task Event_Up_EndsTheBackOff()
    {
        await using var server = NewServer();
        await using var other = NewServer(tokens: ["100"]);
        Introduce(server, other);
        var (cluster, session) = await ConnectAsync(Options(server) with { ReconnectionPolicy = new ReconnectionPolicy(TimeSpan.FromHours(1), TimeSpan.FromHours(1)) });
        await using var c = cluster;
        await Poll.UntilAsync(() => other.Connections == 1);
        await other.StopAsync();
        await Poll.UntilAsync(() => session.Hosts.Any(h => !h.IsUp));
        other.Start();

        using var limit = new CancellationTokenSource(Patience);
        while (other.Connections == 0)
        {
            await server.PushAsync("STATUS_CHANGE", "UP", other.Endpoint);
            await Task.Delay(100, limit.Token);
        }
    }

    private static Reply Named(string fault) => fault switch
    {
        "drop" => Reply.Drop,
        "half frame" => Reply.HalfFrame,
        "wrong stream" => Reply.WrongStream,
        "overloaded" => Reply.Overloaded(),
        "silence" => Reply.Silence,
        _ => throw new ArgumentException(fault),
    };

    private static async Task<Pair> PairAsync(Func<ClusterOptions, ClusterOptions>? change = null, string[]? tokens = null)
    {
        var first = NewServer(tokens: tokens?[..1]);
        var second = NewServer(tokens: tokens?[1..]);
        Introduce(first, second);
        var options = Options(first, second);
        var (cluster, session) = await ConnectAsync(change?.Invoke(options) ?? options);
        await AllUpAsync(first, second);
        return new Pair(first, second, cluster, session, await session.PrepareAsync(Select));
    }

    private sealed record Pair(FaultServer First, FaultServer Second, Cluster Cluster, ISession Session, PreparedStatement Select) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await Cluster.DisposeAsync();
            await First.DisposeAsync();
            await Second.DisposeAsync();
        }
    }
}
