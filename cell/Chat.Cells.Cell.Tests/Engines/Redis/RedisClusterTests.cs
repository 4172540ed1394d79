using System.Diagnostics;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Tests.Engines.Redis;

/// <summary>The contract on a Redis Cluster of three nodes.</summary>
[Needs(Needed.RedisServer)]
[ContractSuite(nameof(ICellState), "redis-cluster")]
public sealed class RedisClusterTests(RedisClusterTests.Cluster cluster) : RedisCellStateContract, IClassFixture<RedisClusterTests.Cluster>
{
    protected override string Endpoints => string.Join(',', cluster.Nodes.Select(n => n.Endpoint));

    [Fact]
    public async Task Calls_ForManyUsers_ReachAllNodes()
    {
        var users = Enumerable.Range(0, 100).Select(i => $"{Ulid.NewUlid()}.{i}").ToArray();
        await State.RegisterAsync("s1", users, TimeSpan.FromMinutes(1), default);

        Assert.All(await State.FindServersAsync(users, default), servers => Assert.Equal(["s1"], servers));
        foreach (var node in cluster.Nodes) Assert.NotEqual(":0\r\n", await node.AskAsync("DBSIZE"));
    }

    public sealed class Cluster : IAsyncLifetime
    {
        internal List<RedisServer> Nodes { get; } = [];

        public async Task InitializeAsync()
        {
            // Fixtures are made for skipped tests too.
            if (Lack.Of(Needed.RedisServer) is not null) return;
            for (var i = 0; i < 3; i++) Nodes.Add(await RedisServer.StartAsync(null, "--cluster-enabled", "yes"));
            using var create = Process.Start(new ProcessStartInfo("redis-cli", ["--cluster", "create", .. Nodes.Select(n => n.Endpoint), "--cluster-yes"]) { RedirectStandardOutput = true, UseShellExecute = false })!;
            var output = await create.StandardOutput.ReadToEndAsync();
            await create.WaitForExitAsync();
            Assert.True(create.ExitCode == 0, output);
            await Poll.UntilAsync(
                async () =>
                {
                    foreach (var node in Nodes)
                    {
                        if (!(await node.AskAsync("CLUSTER", "INFO")).Contains("cluster_state:ok", StringComparison.Ordinal)) return false;
                    }
                    return true;
                },
                "every node sees the cluster whole");
        }

        public async Task DisposeAsync()
        {
            foreach (var node in Nodes) await node.DisposeAsync();
        }
    }
}
