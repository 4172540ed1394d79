using System.Net;

namespace Cassandra.Tests.Integration;

/// <summary>What the driver promises of single statements, on a real cluster.</summary>
public sealed class RealClusterTests : RealClusterTest
{
    [ClusterFact]
    public async Task Values_OfEveryType_ComeBackAsTheyWere()
    {
        await Session.ExecuteAsync(new SimpleStatement(
            $"CREATE TABLE {Keyspace}.t (id int PRIMARY KEY, a ascii, b bigint, c blob, d boolean, e double, f float, g inet, h list<int>, i map<text, bigint>, j set<text>, "
            + "k smallint, l text, m timestamp, n timeuuid, o tinyint, p uuid, q text)"));
        var insert = await Session.PrepareAsync($"INSERT INTO {Keyspace}.t (id, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        var time = DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_123);
        var uuid = Guid.NewGuid();
        var timeuuid = Guid.Parse("58e0a7d7-eebc-11d8-9669-0800200c9a66");
        await Session.ExecuteAsync(insert.Bind(
            1, "ascii", long.MinValue, new byte[] { 0, 255 }, true, 1.5e300, -2.5f, IPAddress.Parse("2001:db8::1"), new[] { 3, 1, 2 }, new Dictionary<string, long> { ["x"] = -1 }, new[] { "é" },
            (short)-300, "Größe 🙂", time, timeuuid, sbyte.MinValue, uuid, Unset.Value));

        var row = (await Session.ExecuteAsync((await Session.PrepareAsync($"SELECT * FROM {Keyspace}.t WHERE id = ?")).Bind(1))).FirstOrDefault()!;

        Assert.Equal(("ascii", long.MinValue, true, 1.5e300, -2.5f), (row.GetValue<string>("a"), row.GetValue<long>("b"), row.GetValue<bool>("d"), row.GetValue<double>("e"), row.GetValue<float>("f")));
        Assert.Equal(new byte[] { 0, 255 }, row.GetValue<byte[]>("c"));
        Assert.Equal(IPAddress.Parse("2001:db8::1"), row.GetValue<IPAddress>("g"));
        Assert.Equal([3, 1, 2], row.GetList<int>("h"));
        Assert.Equal(-1, row.GetMap<string, long>("i")["x"]);
        Assert.Equal(["é"], row.GetList<string>("j"));
        Assert.Equal(((short)-300, "Größe 🙂", time, timeuuid), (row.GetValue<short>("k"), row.GetValue<string>("l"), row.GetValue<DateTimeOffset>("m"), row.GetValue<Guid>("n")));
        Assert.Equal((sbyte.MinValue, uuid), (row.GetValue<sbyte>("o"), row.GetValue<Guid>("p")));
        Assert.True(row.IsNull("q"));
    }

    [ClusterFact]
    public async Task Rows_MoreThanAPage_AreAllFetched()
    {
        var insert = await NewTableAsync();
        await Task.WhenAll(Enumerable.Range(0, 1_000).Select(i => Session.ExecuteAsync(insert.Bind(1, i).SetIdempotence(true))));

        var page = await Session.ExecuteAsync((await Session.PrepareAsync($"SELECT b FROM {Keyspace}.t WHERE a = ?")).Bind(1).SetPageSize(64));
        var rows = page.Select(r => r.GetValue<int>("b")).ToList();
        while (!page.IsFullyFetched)
        {
            page = await page.FetchNextPageAsync(CancellationToken.None);
            rows.AddRange(page.Select(r => r.GetValue<int>("b")));
        }

        Assert.Equal(Enumerable.Range(0, 1_000), rows);
    }

    [ClusterFact]
    public async Task Batch_OfManyRows_IsApplied()
    {
        var insert = await NewTableAsync();
        var batch = new BatchStatement().SetBatchType(BatchType.Logged);
        for (var i = 0; i < 20; i++) batch.Add(insert.Bind(i, i));

        await Session.ExecuteAsync(batch);

        Assert.Equal(20, (await Session.ExecuteAsync(new SimpleStatement($"SELECT a FROM {Keyspace}.t"))).Count);
    }

    [ClusterFact]
    public async Task LightweightTransaction_SecondTime_IsNotApplied()
    {
        await NewTableAsync();
        var claim = await Session.PrepareAsync($"INSERT INTO {Keyspace}.t (a, b) VALUES (?, ?) IF NOT EXISTS");

        for (var i = 0; i < 5; i++)
        {
            var result = await Session.ExecuteAsync(claim.Bind(7, 7));
            Assert.Equal(i == 0, result.WasApplied);
            if (i > 0) Assert.Equal(7, result[0].GetValue<int>("b"));
        }
    }

    [ClusterFact]
    public async Task Select_ColumnAdded_IsSeenByAStatementThatWasPreparedBefore()
    {
        var insert = await NewTableAsync();
        await Session.ExecuteAsync(insert.Bind(1, 1));
        var select = await Session.PrepareAsync($"SELECT * FROM {Keyspace}.t WHERE a = ?");
        await Session.ExecuteAsync(select.Bind(1));
        await Session.ExecuteAsync(new SimpleStatement($"ALTER TABLE {Keyspace}.t ADD c text"));

        Assert.True((await Session.ExecuteAsync(select.Bind(1)))[0].IsNull("c"));
    }

    [ClusterFact]
    public async Task Errors_AreTheCoordinators()
    {
        await Assert.ThrowsAsync<SyntaxErrorException>(() => Session.ExecuteAsync(new SimpleStatement("SELEKT")));
        await Assert.ThrowsAsync<InvalidQueryException>(() => Session.ExecuteAsync(new SimpleStatement($"SELECT * FROM {Keyspace}.nowhere")));
        await NewTableAsync();
        await Assert.ThrowsAsync<AlreadyExistsException>(() => Session.ExecuteAsync(new SimpleStatement($"CREATE TABLE {Keyspace}.t (a int PRIMARY KEY)")));
    }

    [ClusterFact]
    public async Task Version4_IsSpokenToo()
    {
        await using var cluster = new Cluster(NewOptions() with { MaxProtocolVersion = 4 });
        var session = await cluster.ConnectAsync(CancellationToken.None);

        Assert.Equal(4, session.ProtocolVersion);
        Assert.Single(await session.ExecuteAsync((await session.PrepareAsync("SELECT release_version FROM system.local WHERE key = ?")).Bind("local")));
    }
}
