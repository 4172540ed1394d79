using System.Diagnostics;

namespace Cassandra.Tests.Integration;

/// <summary>
/// A node of the local datacenter goes and comes back. CASSANDRA_NODE_COMMAND is a program that is called with <c>stop</c>, <c>start</c>, <c>pause</c> or <c>resume</c> and the node's address;
/// with several nodes the last one is chosen.
/// </summary>
[Collection(nameof(RealClusterOutageTests))]
public sealed class RealClusterOutageTests : RealClusterTest
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private int LocalNodes => Session.Hosts.Count(h => h.Datacenter == Datacenter);

    private Host Victim => Session.Hosts.Where(h => h.Datacenter == Datacenter).OrderBy(h => h.Address.ToString(), StringComparer.Ordinal).Last();

    [ClusterFact(NeedsNodeCommand = true)]
    public async Task Node_StoppedAndStarted_OneReplicaGoesOnQuorumIsUnavailableAndThenAllIsWell()
    {
        var keyspace = $"{Keyspace}_o";
        var victim = Victim.Address.Address.ToString();
        await CreateKeyspaceAsync(keyspace, LocalNodes);
        var others = LocalNodes - 1;
        try
        {
            await NewTextTableAsync(keyspace);
            var insert = await Session.PrepareAsync($"INSERT INTO {keyspace}.kv (k, v) VALUES (?, ?)");
            await Session.ExecuteAsync(Write(insert, "before", ConsistencyLevel.LocalQuorum));

            await RunAsync("stop", victim);
            try
            {
                if (others > 0)
                {
                    for (var i = 0; i < 200; i++) await Session.ExecuteAsync(Write(insert, $"one {i}", ConsistencyLevel.LocalOne));
                    await Poll.UntilAsync(() => FailsAsync<UnavailableException>(Write(insert, "all", ConsistencyLevel.All)), limit: Patience);
                }
                else
                {
                    await Assert.ThrowsAnyAsync<DriverException>(() => Session.ExecuteAsync(Write(insert, "nobody", ConsistencyLevel.LocalOne)));
                }
            }
            finally
            {
                await RunAsync("start", victim);
            }

            // The node has forgotten its connections; the driver finds it by itself, and teaches it the statement where it must.
            await Poll.UntilAsync(() => WorksAsync(Write(insert, "after", ConsistencyLevel.All)), limit: Patience);
            await Poll.UntilAsync(() => Victim.IsUp, limit: Patience);
            for (var i = 0; i < 50; i++) await Session.ExecuteAsync(Write(insert, $"after {i}", ConsistencyLevel.LocalQuorum));
        }
        finally
        {
            await DropKeyspaceAsync(keyspace);
        }
    }

    [ClusterFact(NeedsNodeCommand = true)]
    public async Task Node_Paused_TheOthersAnswer()
    {
        var keyspace = $"{Keyspace}_p";
        var victim = Victim.Address.Address.ToString();
        await CreateKeyspaceAsync(keyspace, LocalNodes);
        try
        {
            await NewTextTableAsync(keyspace);
            await using var cluster = new Cluster(NewOptions() with { HeartbeatInterval = TimeSpan.FromSeconds(2), QueryOptions = new QueryOptions { Timeout = TimeSpan.FromSeconds(3) } });
            var session = await cluster.ConnectAsync(CancellationToken.None);
            var insert = await session.PrepareAsync($"INSERT INTO {keyspace}.kv (k, v) VALUES (?, ?)");
            await session.ExecuteAsync(Write(insert, "before", ConsistencyLevel.LocalOne));

            await RunAsync("pause", victim);
            try
            {
                if (LocalNodes > 1)
                {
                    // Each is retried on the other node when its own coordinator is silent for too long.
                    for (var i = 0; i < 20; i++) await session.ExecuteAsync(Write(insert, $"{i}", ConsistencyLevel.LocalOne));
                }
                else
                {
                    await Assert.ThrowsAnyAsync<DriverException>(() => session.ExecuteAsync(Write(insert, "nobody", ConsistencyLevel.LocalOne)));
                }
            }
            finally
            {
                await RunAsync("resume", victim);
            }

            await Poll.UntilAsync(async () => await WorksAsync(Write(insert, "after", ConsistencyLevel.All)), limit: Patience);
        }
        finally
        {
            await DropKeyspaceAsync(keyspace);
        }
    }

    private static BoundStatement Write(PreparedStatement insert, string key, ConsistencyLevel consistency) =>
        insert.Bind(key, "x").SetConsistencyLevel(consistency).SetIdempotence(true);

    private async Task<bool> FailsAsync<TException>(IStatement statement)
        where TException : DriverException
    {
        try
        {
            await Session.ExecuteAsync(statement);
            return false;
        }
        catch (DriverException e)
        {
            return e is TException;
        }
    }

    private async Task<bool> WorksAsync(IStatement statement)
    {
        try
        {
            await Session.ExecuteAsync(statement);
            return true;
        }
        catch (DriverException)
        {
            return false;
        }
    }

    private static async Task RunAsync(string what, string address)
    {
        using var process = Process.Start(ClusterFactAttribute.NodeCommand!, [what, address]);
        using var limit = new CancellationTokenSource(Patience);
        await process.WaitForExitAsync(limit.Token);
        Assert.Equal(0, process.ExitCode);
    }
}

[CollectionDefinition(nameof(RealClusterOutageTests), DisableParallelization = true)]
public sealed class RealClusterOutages;
