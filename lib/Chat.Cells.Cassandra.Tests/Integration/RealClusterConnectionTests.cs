namespace Cassandra.Tests.Integration;

/// <summary>Connections to a real cluster: credentials, versions, many requests and large ones on few connections.</summary>
public sealed class RealClusterConnectionTests : RealClusterTest
{
    [ClusterFact(NeedsCredentials = true)]
    public async Task Connect_WrongPassword_IsSaidSo()
    {
        await using var cluster = new Cluster(NewOptions() with { Credentials = (ClusterFactAttribute.UserName!, "not the password") });

        var error = await Assert.ThrowsAsync<AuthenticationException>(() => cluster.ConnectAsync(CancellationToken.None));

        Assert.DoesNotContain("not the password", error.ToString(), StringComparison.Ordinal);
    }

    [ClusterFact(NeedsCredentials = true)]
    public async Task Connect_NoCredentials_IsSaidSo()
    {
        await using var cluster = new Cluster(NewOptions() with { Credentials = null });

        await Assert.ThrowsAsync<AuthenticationException>(() => cluster.ConnectAsync(CancellationToken.None));
    }

    [ClusterFact]
    public async Task Connect_NoSuchDatacenter_NamesThoseThatAreThere()
    {
        await using var cluster = new Cluster(NewOptions() with { LocalDatacenter = "nowhere" });

        var error = await Assert.ThrowsAsync<DriverException>(() => cluster.ConnectAsync(CancellationToken.None));

        Assert.Contains($"'{Datacenter}'", error.Message, StringComparison.Ordinal);
    }

    // A v5 segment carries at most 128 KB: these are cut into several.
    [ClusterTheory]
    [InlineData(4)]
    [InlineData(5)]
    public async Task Values_LargerThanASegment_ComeBackWhole(byte version)
    {
        await using var cluster = new Cluster(NewOptions() with { MaxProtocolVersion = version });
        var session = await cluster.ConnectAsync(CancellationToken.None);
        await session.ExecuteAsync(new SimpleStatement($"CREATE TABLE {Keyspace}.large (k int PRIMARY KEY, v blob)"));
        var insert = await session.PrepareAsync($"INSERT INTO {Keyspace}.large (k, v) VALUES (?, ?)");
        var select = await session.PrepareAsync($"SELECT v FROM {Keyspace}.large WHERE k = ?");
        int[] lengths = [0, 1, 131_000, 131_071, 131_072, 400_000, 1_000_000];

        await Task.WhenAll(lengths.Select(l => session.ExecuteAsync(insert.Bind(l, Bytes(l)).SetIdempotence(true))));

        foreach (var length in lengths) Assert.Equal(Bytes(length), Assert.Single(await session.ExecuteAsync(select.Bind(length))).GetValue<byte[]>("v"));
    }

    [ClusterFact]
    public async Task Requests_ThousandsAtOnceOnOneConnectionEach_AllGetTheirOwnAnswer()
    {
        await using var cluster = new Cluster(NewOptions() with { ConnectionsPerHost = 1 });
        var session = await cluster.ConnectAsync(CancellationToken.None);
        await NewTextTableAsync(Keyspace);
        var insert = await session.PrepareAsync($"INSERT INTO {Keyspace}.kv (k, v) VALUES (?, ?)");
        var select = await session.PrepareAsync($"SELECT k, v FROM {Keyspace}.kv WHERE k = ?");
        await Parallel.ForEachAsync(Enumerable.Range(0, 2_000), new ParallelOptions { MaxDegreeOfParallelism = 500 }, async (i, stop) =>
            await session.ExecuteAsync(insert.Bind($"k{i}", $"v{i}").SetIdempotence(true), stop));

        var wrong = 0;
        await Parallel.ForEachAsync(Enumerable.Range(0, 2_000), new ParallelOptions { MaxDegreeOfParallelism = 500 }, async (i, stop) =>
        {
            var row = Assert.Single(await session.ExecuteAsync(select.Bind($"k{i}").SetIdempotence(true), stop));
            if (row.GetValue<string>("v") != $"v{i}" || row.GetValue<string>("k") != $"k{i}") Interlocked.Increment(ref wrong);
        });

        Assert.Equal(0, wrong);
    }

    private static byte[] Bytes(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }
}
