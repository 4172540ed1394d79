using System.Net;
using System.Net.Sockets;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Chaos.Cells;
using Chat.Cells.Chaos.Network;
using Chat.Cells.Chaos.Scenarios;
using Chat.Cells.Processes.Engines;

namespace Chat.Cells.Chaos.Tests;

public sealed class RoleLinksTests : IAsyncLifetime
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);
    private static readonly string[] Roles = ["gateway", "fanout", "delivery"];
    private static readonly string[] Arguments = ["--store", "cassandra", "--cassandra", "10.0.0.1:9042", "--cassandra-datacenter", "dc1", "--state", "embedded"];
    private readonly TcpListener one = new(IPAddress.Loopback, 0);
    private readonly TcpListener two = new(IPAddress.Loopback, 0);
    private RoleLinks links = null!;

    private IPEndPoint[] Nodes => [(IPEndPoint)one.LocalEndpoint, (IPEndPoint)two.LocalEndpoint];

    public Task InitializeAsync()
    {
        one.Start();
        two.Start();
        links = RoleLinks.ToNodes(Nodes);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await links.DisposeAsync();
        one.Dispose();
        two.Dispose();
    }

    [Fact]
    public void Through_Cassandra_AServerMeetsOnlyItsRolesProxies()
    {
        var proxies = new HashSet<IPEndPoint>();
        foreach (var role in Roles)
        {
            var options = Read(role);
            var reached = options.Cassandra!.Split(',').Select(IPEndPoint.Parse).ToArray();

            Assert.Equal(Nodes.Zip(reached).ToDictionary(p => p.First, p => p.Second), options.CassandraAddresses);
            Assert.Equal(("dc1", "embedded"), (options.CassandraDatacenter, options.State));
            proxies.UnionWith(reached);
        }
        Assert.Equal(Roles.Length * Nodes.Length, proxies.Count);
        Assert.Empty(proxies.Intersect(Nodes));
    }

    [Fact]
    public void Through_ServerOfAnotherKind_HasItsArgumentsAsTheyWere() => Assert.Equal(Arguments, links.Through("cell", Arguments));

    [Fact]
    public async Task Break_OneRolesLink_CutsItFromAllNodesAndNobodyElse()
    {
        links.Links.Single(l => l.Name == "fanout-cassandra").Break(LinkFault.Cut);

        foreach (var (listener, at) in new[] { (one, 0), (two, 1) })
        {
            Assert.False(await PassesAsync(Reached("fanout", at)));

            var passing = PassesAsync(Reached("delivery", at));
            using var server = await listener.AcceptSocketAsync().WaitAsync(Bound);
            await server.SendAsync(new byte[] { 7 }).WaitAsync(Bound);
            Assert.True(await passing);
        }
    }

    [Fact]
    public void Missing_WithoutACassandra_IsSaid()
    {
        var isGiven = !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(RealServers.CassandraVariable));

        Assert.Equal(isGiven, new RoleLinkScenario(RoleLinks.Cassandra).Missing is null);
        Assert.Null(new RoleLinkScenario(RoleLinks.Kafka).Missing);
        Assert.Null(new RoleLinkScenario(RoleLinks.Redis).Missing);
    }

    /// <summary>Whether a byte comes through a new connection; else that ends.</summary>
    private static async Task<bool> PassesAsync(IPEndPoint proxy)
    {
        using var bound = new CancellationTokenSource(Bound);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // May be reset before it has seen that it is connected.
            await socket.ConnectAsync(proxy, bound.Token);
            return await socket.ReceiveAsync(new byte[1], bound.Token) == 1;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private CellOptions Read(string role) =>
        CellOptionsReader.Read(["--cell", "a", "--number", "1", "--region", "r", "--data", "/d", "--secrets", "/s", .. links.Through(role, Arguments)], _ => null);

    private IPEndPoint Reached(string role, int node) => Read(role).CassandraAddresses[Nodes[node]];
}
