using System.Net;

namespace Cassandra.Tests.Faults;

/// <summary>Nodes that tell of addresses at which the driver can't reach them.</summary>
public sealed class AddressTests : FaultTest
{
    private static readonly IPEndPoint First = IPEndPoint.Parse("203.0.113.1:9042");
    private static readonly IPEndPoint Second = IPEndPoint.Parse("203.0.113.2:9042");

    [Fact]
    public void Translate_AddressThatIsNotInTheTable_StaysAsItIs()
    {
        var reached = IPEndPoint.Parse("127.0.0.1:7001");
        var table = new AddressTable(new Dictionary<IPEndPoint, IPEndPoint> { [First] = reached });

        Assert.Equal(reached, table.Translate(IPEndPoint.Parse("203.0.113.1:9042")));
        Assert.Equal(Second, table.Translate(Second));
        // Another node may be behind another port.
        Assert.Equal(IPEndPoint.Parse("203.0.113.1:9043"), table.Translate(IPEndPoint.Parse("203.0.113.1:9043")));
    }

    [Fact]
    public async Task Connect_NodesTellOfOtherAddresses_AllAreReachedWhereTheTableSays()
    {
        await using var nodes = await Nodes.ConnectAsync();

        for (var i = 0; i < 50; i++) Assert.Equal(i, (await nodes.Session.ExecuteAsync(nodes.Select.Bind(i)))[0].GetValue<int>("b"));

        Assert.NotEmpty(nodes.One.Received);
        Assert.NotEmpty(nodes.Two.Received);
        Assert.Equal(Reached(nodes), nodes.Session.Hosts.Select(h => h.Address).ToHashSet());
    }

    [Fact]
    public async Task WatchedNode_Stops_AnotherIsWatchedAndAllStayWhereTheTableSays()
    {
        await using var nodes = await Nodes.ConnectAsync();
        await Poll.UntilAsync(() => nodes.One.Watchers + nodes.Two.Watchers == 1);
        var (watched, other) = nodes.One.Watchers == 1 ? (nodes.One, nodes.Two) : (nodes.Two, nodes.One);

        await watched.StopAsync();
        await Poll.UntilAsync(() => other.Watchers == 1);
        // What is told of it from there leads to it as well.
        watched.Start();
        await Poll.UntilAsync(() => watched.Connections > 0 && nodes.Session.Hosts.All(h => h.IsUp));

        Assert.Equal(Reached(nodes), nodes.Session.Hosts.Select(h => h.Address).ToHashSet());
    }

    [Fact]
    public async Task Event_OfTheAddressThatANodeTells_IsTakenForTheNode()
    {
        await using var nodes = await Nodes.ConnectAsync(o => o with { ReconnectionPolicy = new ReconnectionPolicy(TimeSpan.FromHours(1), TimeSpan.FromHours(1)) });
        await nodes.Two.StopAsync();
        await Poll.UntilAsync(() => nodes.Session.Hosts.Any(h => !h.IsUp));
        nodes.Two.Start();

        // Nothing but the news ends a back-off of an hour.
        using var limit = new CancellationTokenSource(Patience);
        while (nodes.Two.Connections == 0)
        {
            await nodes.One.PushAsync("STATUS_CHANGE", "UP", Second);
            await Task.Delay(100, limit.Token);
        }
    }

    private static HashSet<IPEndPoint> Reached(Nodes nodes) => [nodes.One.Endpoint, nodes.Two.Endpoint];

    /// <summary>Two nodes that say that they are where nobody is.</summary>
    private sealed record Nodes(FaultServer One, FaultServer Two, Cluster Cluster, ISession Session, PreparedStatement Select) : IAsyncDisposable
    {
        public static async Task<Nodes> ConnectAsync(Func<ClusterOptions, ClusterOptions>? change = null)
        {
            var one = NewServer(tokens: ["-4000000000000000000"]);
            var two = NewServer(tokens: ["4000000000000000000"]);
            (one.Told, two.Told) = (First, Second);
            one.OnStatement = two.OnStatement = Echo;
            Introduce(one, two);
            var options = Options(one) with { AddressTranslator = new AddressTable(new Dictionary<IPEndPoint, IPEndPoint> { [First] = one.Endpoint, [Second] = two.Endpoint }) };
            var (cluster, session) = await FaultTest.ConnectAsync(change?.Invoke(options) ?? options);
            await AllUpAsync(one, two);
            return new Nodes(one, two, cluster, session, await session.PrepareAsync(FaultTest.Select));
        }

        public async ValueTask DisposeAsync()
        {
            await Cluster.DisposeAsync();
            await One.DisposeAsync();
            await Two.DisposeAsync();
        }
    }
}
