namespace Cassandra.Tests.Integration;

/// <summary>What a store builds on, on a real cluster: conditions, write times, batches, consistency in every datacenter, tables made anew.</summary>
public sealed class RealClusterStoreTests : RealClusterTest
{
    [ClusterFact]
    public async Task Claims_AtTheSameTime_OneIsApplied()
    {
        await NewTextTableAsync(Keyspace);
        var claim = await Session.PrepareAsync($"INSERT INTO {Keyspace}.kv (k, v) VALUES (?, ?) IF NOT EXISTS");

        // Contention may leave one's outcome open (CAS write time-out): the same value claims it again, and then reads as applied or as its own.
        var winners = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => ClaimAsync(claim, "handle", $"user-{i}")));

        Assert.Single(winners.Distinct());
    }

    [ClusterFact]
    public async Task Condition_OnAValue_IsAppliedOnceAndReadSerially()
    {
        await NewTextTableAsync(Keyspace);
        await Session.ExecuteAsync((await Session.PrepareAsync($"INSERT INTO {Keyspace}.kv (k, v) VALUES (?, ?)")).Bind("epoch", "1"));
        var swap = await Session.PrepareAsync($"UPDATE {Keyspace}.kv SET v = ? WHERE k = ? IF v = ?");

        Assert.True((await Session.ExecuteAsync(swap.Bind("2", "epoch", "1").SetSerialConsistencyLevel(ConsistencyLevel.LocalSerial))).WasApplied);
        var second = await Session.ExecuteAsync(swap.Bind("3", "epoch", "1").SetSerialConsistencyLevel(ConsistencyLevel.LocalSerial));

        Assert.False(second.WasApplied);
        Assert.Equal("2", second[0].GetValue<string>("v"));
        var select = await Session.PrepareAsync($"SELECT v FROM {Keyspace}.kv WHERE k = ?");
        Assert.Equal("2", (await Session.ExecuteAsync(select.Bind("epoch").SetConsistencyLevel(ConsistencyLevel.LocalSerial)))[0].GetValue<string>("v"));
    }

    [ClusterFact]
    public async Task Write_WithAnOlderTime_ChangesNothing()
    {
        await NewTextTableAsync(Keyspace);
        var insert = await Session.PrepareAsync($"INSERT INTO {Keyspace}.kv (k, v) VALUES (?, ?)");
        await Session.ExecuteAsync(insert.Bind("m", "newer").SetTimestamp(2_000_000));
        await Session.ExecuteAsync(insert.Bind("m", "older").SetTimestamp(1_000_000));

        var row = (await Session.ExecuteAsync((await Session.PrepareAsync($"SELECT v, writetime(v) AS w FROM {Keyspace}.kv WHERE k = ?")).Bind("m")))[0];

        Assert.Equal(("newer", 2_000_000L), (row.GetValue<string>("v"), row.GetValue<long>("w")));
    }

    [ClusterFact]
    public async Task Delete_OlderThanTheWrite_LeavesIt()
    {
        await NewTextTableAsync(Keyspace);
        await Session.ExecuteAsync((await Session.PrepareAsync($"INSERT INTO {Keyspace}.kv (k, v) VALUES (?, ?)")).Bind("m", "x").SetTimestamp(10));
        var delete = await Session.PrepareAsync($"DELETE FROM {Keyspace}.kv WHERE k = ?");
        var select = await Session.PrepareAsync($"SELECT v FROM {Keyspace}.kv WHERE k = ?");

        await Session.ExecuteAsync(delete.Bind("m").SetTimestamp(9));
        Assert.Single(await Session.ExecuteAsync(select.Bind("m")));
        await Session.ExecuteAsync(delete.Bind("m").SetTimestamp(10));
        Assert.Empty(await Session.ExecuteAsync(select.Bind("m")));
    }

    [ClusterFact]
    public async Task Batch_UnderOneCondition_IsAllOrNothing()
    {
        var insert = await Session.ExecuteAsync(new SimpleStatement($"CREATE TABLE {Keyspace}.s (a int, b int, version int static, PRIMARY KEY (a, b))"));
        Assert.True(insert.IsSchemaInAgreement);
        var row = await Session.PrepareAsync($"INSERT INTO {Keyspace}.s (a, b) VALUES (?, ?)");
        var first = await Session.PrepareAsync($"INSERT INTO {Keyspace}.s (a, version) VALUES (?, ?) IF NOT EXISTS");
        var next = await Session.PrepareAsync($"UPDATE {Keyspace}.s SET version = ? WHERE a = ? IF version = ?");
        Assert.True((await Session.ExecuteAsync(first.Bind(1, 1))).WasApplied);

        Assert.True((await Session.ExecuteAsync(new BatchStatement().SetBatchType(BatchType.Unlogged).Add(next.Bind(2, 1, 1)).Add(row.Bind(1, 10)))).WasApplied);
        Assert.False((await Session.ExecuteAsync(new BatchStatement().SetBatchType(BatchType.Unlogged).Add(next.Bind(2, 1, 1)).Add(row.Bind(1, 20)))).WasApplied);

        var rows = await Session.ExecuteAsync((await Session.PrepareAsync($"SELECT b, version FROM {Keyspace}.s WHERE a = ?")).Bind(1));
        Assert.Equal((10, 2), (Assert.Single(rows).GetValue<int>("b"), rows[0].GetValue<int>("version")));
    }

    [ClusterFact]
    public async Task Batch_TooLarge_IsRefusedInTheCoordinatorsWords()
    {
        await NewTextTableAsync(Keyspace);
        var insert = await Session.PrepareAsync($"INSERT INTO {Keyspace}.kv (k, v) VALUES (?, ?)");
        var batch = new BatchStatement().SetBatchType(BatchType.Logged);
        for (var i = 0; i < 60; i++) batch.Add(insert.Bind($"{i}", new string('x', 10_000)));

        var error = await Assert.ThrowsAsync<InvalidQueryException>(() => Session.ExecuteAsync(batch));

        Assert.Contains("too large", error.Message, StringComparison.OrdinalIgnoreCase);
    }

    [ClusterFact]
    public async Task LocalQuorum_ReplicasInEveryDatacenter_ReadsWhatItWrote()
    {
        var keyspace = $"{Keyspace}_q";
        await CreateKeyspaceAsync(keyspace, 1);
        try
        {
            await NewTextTableAsync(keyspace);
            var insert = await Session.PrepareAsync($"INSERT INTO {keyspace}.kv (k, v) VALUES (?, ?)");
            var select = await Session.PrepareAsync($"SELECT v FROM {keyspace}.kv WHERE k = ?");
            for (var i = 0; i < 50; i++) await Session.ExecuteAsync(insert.Bind($"{i}", $"{i * i}").SetConsistencyLevel(ConsistencyLevel.LocalQuorum));
            for (var i = 0; i < 50; i++)
            {
                Assert.Equal($"{i * i}", Assert.Single(await Session.ExecuteAsync(select.Bind($"{i}").SetConsistencyLevel(ConsistencyLevel.LocalQuorum))).GetValue<string>("v"));
            }
            // And from the others' side, once every datacenter has acked.
            await Session.ExecuteAsync(insert.Bind("all", "everywhere").SetConsistencyLevel(ConsistencyLevel.EachQuorum));
            foreach (var datacenter in Session.Hosts.Select(h => h.Datacenter).Distinct())
            {
                var there = Session.Hosts.First(h => h.Datacenter == datacenter).Address;
                await using var cluster = new Cluster(NewOptions() with { ContactPoints = [there.ToString()], LocalDatacenter = datacenter });
                var session = await cluster.ConnectAsync(CancellationToken.None);
                var read = (await session.PrepareAsync($"SELECT v FROM {keyspace}.kv WHERE k = ?")).Bind("all").SetConsistencyLevel(ConsistencyLevel.LocalQuorum);
                Assert.Equal("everywhere", Assert.Single(await session.ExecuteAsync(read)).GetValue<string>("v"));
            }
        }
        finally
        {
            await DropKeyspaceAsync(keyspace);
        }
    }

    [ClusterFact]
    public async Task Write_MoreReplicasThanNodes_IsUnavailable()
    {
        var keyspace = $"{Keyspace}_u";
        var nodes = Session.Hosts.Count(h => h.Datacenter == Datacenter);
        await CreateKeyspaceAsync(keyspace, (2 * nodes) + 1);
        try
        {
            await NewTextTableAsync(keyspace);
            var insert = await Session.PrepareAsync($"INSERT INTO {keyspace}.kv (k, v) VALUES (?, ?)");

            var error = await Assert.ThrowsAsync<UnavailableException>(() => Session.ExecuteAsync(insert.Bind("a", "b").SetConsistencyLevel(ConsistencyLevel.LocalQuorum).SetIdempotence(true)));

            Assert.Equal((ConsistencyLevel.LocalQuorum, nodes + 1, nodes), (error.Consistency, error.RequiredReplicas, error.AliveReplicas));
        }
        finally
        {
            await DropKeyspaceAsync(keyspace);
        }
    }

    [ClusterFact]
    public async Task Prepared_TableMadeAnew_IsPreparedAgain()
    {
        await NewTextTableAsync(Keyspace);
        var insert = await Session.PrepareAsync($"INSERT INTO {Keyspace}.kv (k, v) VALUES (?, ?)");
        await Session.ExecuteAsync(insert.Bind("a", "b"));
        await Session.ExecuteAsync(new SimpleStatement($"DROP TABLE {Keyspace}.kv").SetTimeout(TimeSpan.FromSeconds(60)));
        await NewTextTableAsync(Keyspace);

        for (var i = 0; i < 20; i++) await Session.ExecuteAsync(insert.Bind($"{i}", "again"));

        Assert.Equal(20, (await Session.ExecuteAsync(new SimpleStatement($"SELECT k FROM {Keyspace}.kv"))).Count);
    }

    [ClusterFact]
    public async Task Pages_TakenByAnotherSession_GoOnWhereTheFirstEnded()
    {
        var insert = await NewTableAsync();
        for (var i = 0; i < 30; i++) await Session.ExecuteAsync(insert.Bind(1, i));
        var cql = $"SELECT b FROM {Keyspace}.t WHERE a = ? AND b >= ? ORDER BY b DESC";
        var first = await Session.ExecuteAsync((await Session.PrepareAsync(cql)).Bind(1, 5).SetPageSize(10));

        await using var cluster = new Cluster(NewOptions());
        var other = await cluster.ConnectAsync(CancellationToken.None);
        var second = await other.ExecuteAsync((await other.PrepareAsync(cql)).Bind(1, 5).SetPageSize(100).SetPagingState(first.PagingState));

        Assert.Equal(Enumerable.Range(5, 25).Reverse(), first.Concat(second).Select(r => r.GetValue<int>("b")));
        Assert.True(second.IsFullyFetched);
    }

    [ClusterFact]
    public async Task Collections_EmptyNullAndChanged_AreKept()
    {
        await Session.ExecuteAsync(new SimpleStatement($"CREATE TABLE {Keyspace}.c (k int PRIMARY KEY, s set<text>, m map<text, blob>, f frozen<list<uuid>>)"));
        var insert = await Session.PrepareAsync($"INSERT INTO {Keyspace}.c (k, s, m, f) VALUES (?, ?, ?, ?)");
        var select = await Session.PrepareAsync($"SELECT s, m, f FROM {Keyspace}.c WHERE k = ?");
        var id = Guid.NewGuid();
        await Session.ExecuteAsync(insert.Bind(1, Array.Empty<string>(), new Dictionary<string, byte[]>(), Array.Empty<Guid>()));
        await Session.ExecuteAsync(insert.Bind(2, new[] { "b", "a" }, new Dictionary<string, byte[]> { ["x"] = [1, 2] }, new[] { id }));
        await Session.ExecuteAsync((await Session.PrepareAsync($"UPDATE {Keyspace}.c SET s = s + ?, m[?] = ? WHERE k = ?")).Bind(new[] { "c" }, "y", Array.Empty<byte>(), 2));

        var empty = Assert.Single(await Session.ExecuteAsync(select.Bind(1)));
        // Outside frozen ones an empty collection is a null one; a frozen one is kept as it is.
        Assert.Equal((true, true, false), (empty.IsNull("s"), empty.IsNull("m"), empty.IsNull("f")));
        Assert.Empty(empty.GetList<string>("s"));
        var full = Assert.Single(await Session.ExecuteAsync(select.Bind(2)));
        Assert.Equal(["a", "b", "c"], full.GetList<string>("s"));
        Assert.Equal([id], full.GetList<Guid>("f"));
        Assert.Equal([], full.GetMap<string, byte[]>("m")["y"]);
    }

    private async Task<string> ClaimAsync(PreparedStatement claim, string key, string value)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                var result = await Session.ExecuteAsync(claim.Bind(key, value).SetSerialConsistencyLevel(ConsistencyLevel.LocalSerial));
                return result.WasApplied ? value : result[0].GetValue<string>("v");
            }
            catch (Exception e) when (e is WriteTimeoutException or CasWriteUnknownException or OperationTimedOutException && attempt < 20)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50 * (attempt + 1)));
            }
        }
    }
}
