using System.Net;
using System.Net.Sockets;
using Cassandra;
using Chat.Cells.Cell.Engines.Cassandra;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Tests.Engines.Cassandra;

/// <summary>Making and upgrading the schema, and what is refused.</summary>
[Needs(Needed.Cassandra)]
[Collection("Cassandra")]
public sealed class CassandraSetupTests(CassandraRing ring) : IClassFixture<CassandraRing>, IAsyncLifetime
{
    private readonly string other = $"test_{Guid.NewGuid():N}";

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => ring.DropAsync(other);

    private Task<RowSet> RunAsync(string cql) => ring.Session.ExecuteAsync(new SimpleStatement(cql).SetTimeout(TimeSpan.FromSeconds(60)));

    private async Task<StoreException> RefusedAsync(Func<CassandraStoreOptions, CassandraStoreOptions> change) =>
        await Assert.ThrowsAsync<StoreException>(async () => await (await ring.OpenAsync(change: change)).DisposeAsync());

    [Fact]
    public async Task Open_TenServersOfANewCellAtOnce_AllUseOneSchema()
    {
        var stores = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => ring.OpenAsync(change: o => o with { Keyspace = other }).AsTask()));
        try
        {
            // Ids of tables that differ between nodes show as rows that one server writes and another doesn't find.
            await Task.WhenAll(stores.Select((store, i) => store.WriteJudgedAsync(Batch(i), default).AsTask()));
            foreach (var store in stores)
            {
                Assert.Equal(10, (await store.ReadHistoryAsync("channel", null, 100, default)).Count);
                for (var i = 0; i < 10; i++) Assert.NotNull(await store.FindRequestAsync("channel", "sender", $"r{i}", default));
            }
        }
        finally
        {
            foreach (var store in stores) await store.DisposeAsync();
        }
        Assert.Equal(Enumerable.Range(1, Migrations.Count).Reverse(), (await RunAsync($"SELECT version FROM {other}.schema_versions")).Select(row => row.GetValue<int>("version")));
        Assert.Empty(await RunAsync($"SELECT name FROM {other}.schema_lock"));
        var tables = await RunAsync($"SELECT table_name FROM system_schema.tables WHERE keyspace_name = '{other}'");
        Assert.Equal(Migrations.All.Sum(m => m.Count) + 2, tables.Count);
    }

    [Fact]
    public async Task Open_AfterAServerDiedWhileItMigrated_WaitsForItsLockAndGoesOn()
    {
        await (await ring.OpenAsync(change: o => o with { Keyspace = other })).DisposeAsync();
        // As it is left: some tables made, the version not written, the lock held.
        await RunAsync($"DROP TABLE {other}.contacts");
        await RunAsync($"DROP TABLE {other}.account_counts");
        await RunAsync($"TRUNCATE {other}.schema_versions");
        await RunAsync($"INSERT INTO {other}.schema_lock (name, owner) VALUES ('store', 'the dead one') IF NOT EXISTS USING TTL 3");

        await using var store = await ring.OpenAsync(change: o => o with { Keyspace = other });

        await store.PutContactAsync("user", "contact", default);
        Assert.Equal(["contact"], await store.ListContactsAsync("user", default));
    }

    [Fact]
    public async Task Open_SchemaOfAnOlderProgram_IsUpgradedAndKeepsItsRows()
    {
        await using (var before = await ring.OpenAsync(change: o => o with { Keyspace = other })) await before.WriteJudgedAsync(Batch(1), default);
        foreach (var table in Migrations.All.Skip(1).SelectMany(m => m)) await RunAsync($"DROP TABLE {other}.{table.Name}");
        await RunAsync($"TRUNCATE {other}.schema_versions");
        await RunAsync($"INSERT INTO {other}.schema_versions (scope, version) VALUES ('store', 1)");

        await using var store = await ring.OpenAsync(change: o => o with { Keyspace = other });

        Assert.NotNull(await store.FindMessageAsync("channel", Id(1), default));
        Assert.True(await store.TryAddGenerationAsync(new TopicGeneration("topic", 0, "id", null, 0), default));
    }

    [Fact]
    public async Task Open_SchemaOfANewerProgram_IsRefused()
    {
        await (await ring.OpenAsync(change: o => o with { Keyspace = other })).DisposeAsync();
        await RunAsync($"INSERT INTO {other}.schema_versions (scope, version) VALUES ('store', 1000)");

        Assert.Contains("1000", (await RefusedAsync(o => o with { Keyspace = other })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_MoreCopiesThanNodes_NamesTheOptionAndMakesNothing()
    {
        var error = await RefusedAsync(o => o with { Keyspace = other, Replication = 90 });

        Assert.Contains("--cassandra-replication 90", error.Message, StringComparison.Ordinal);
        Assert.Empty(await RunAsync($"SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = '{other}'"));
    }

    [Fact]
    public async Task Open_KeyspaceOfFewerCopies_IsRefused()
    {
        await RunAsync($"CREATE KEYSPACE {other} WITH replication = {{'class': 'NetworkTopologyStrategy', '{CassandraRing.Datacenter}': 1}}");

        Assert.Contains("has 1 copies", (await RefusedAsync(o => o with { Keyspace = other, Replication = 2 })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_KeyspaceWithoutDatacenters_IsRefused()
    {
        await RunAsync($"CREATE KEYSPACE {other} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}");

        Assert.Contains("NetworkTopologyStrategy", (await RefusedAsync(o => o with { Keyspace = other })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_UnknownDatacenter_SaysWhichThereAre()
    {
        var error = await RefusedAsync(o => o with { Keyspace = other, Datacenter = "atlantis" });

        Assert.Contains("atlantis", error.Message, StringComparison.Ordinal);
        Assert.Contains(CassandraRing.Datacenter, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    [Needs(Needed.CassandraPassword)]
    public async Task Open_WrongPassword_IsRefusedWithoutShowingIt()
    {
        var error = await RefusedAsync(o => o with { Keyspace = other, Credentials = (o.Credentials!.Value.UserName, "not-this-one") });

        Assert.Contains("Cassandra", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("not-this-one", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_RingThatComesLater_FailsUntilThenAndWorksAfterwards()
    {
        // The port of a node that isn't up yet: later it leads to one that is.
        using var door = new HeldPort();
        await using var store = await ring.OpenAsync(change: o => o with { ContactPoints = [door.EndPoint.ToString()], StartTimeout = TimeSpan.FromMilliseconds(500) });

        var error = await Assert.ThrowsAsync<StoreException>(async () => await store.CountAccountsAsync(default));
        Assert.Contains(door.Number.ToString(System.Globalization.CultureInfo.InvariantCulture), error.Message, StringComparison.Ordinal);

        using var stop = new CancellationTokenSource();
        using var opened = new TcpListener(door.EndPoint);
        opened.Start();
        var forwarding = ForwardAsync(opened, stop.Token);
        await Poll.UntilAsync(async () =>
        {
            try
            {
                return await store.CountAccountsAsync(default) >= 0;
            }
            catch (StoreException)
            {
                return false;
            }
        }, "the store is on the ring");
        await stop.CancelAsync();
        await forwarding;
    }

    [Fact]
    public async Task Write_TooFewNodes_FailsInTheCoordinatorsWordsAndWorksWhenTheyAreBack()
    {
        await using var store = await ring.OpenAsync(change: o => o with { Keyspace = other });
        var nodes = ring.Session.Hosts.Count(host => host.Datacenter == CassandraRing.Datacenter);
        await ReplicateAsync((2 * nodes) + 1);

        var error = await Assert.ThrowsAsync<StoreException>(async () => await store.WriteJudgedAsync(Batch(1), default));
        Assert.Contains("LOCAL_QUORUM", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<StoreException>(async () => await store.ClaimHandleAsync("h", "u", default));
        await Assert.ThrowsAsync<StoreException>(async () => await store.FindMessageAsync("channel", Id(1), default));

        await ReplicateAsync(1);
        await store.WriteJudgedAsync(Batch(1), default);
        Assert.NotNull(await store.FindMessageAsync("channel", Id(1), default));

        Task ReplicateAsync(int copies) =>
            RunAsync(FormattableString.Invariant($"ALTER KEYSPACE {other} WITH replication = {{'class': 'NetworkTopologyStrategy', '{CassandraRing.Datacenter}': {copies}}}"));
    }

    private static Ulid Id(int number) => MessageId.Create(1_790_000_000_000, 1, 1, number);

    private static JudgedBatch Batch(int number) => new(
        1,
        number,
        [new MessageRow("channel", Id(number), "sender", "text", "x"u8.ToArray(), null, 1)],
        [],
        [],
        [],
        [new RequestRow("channel", "sender", $"r{number}", number, Id(number), 1, null, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds())]);

    private static async Task ForwardAsync(TcpListener listener, CancellationToken stop)
    {
        var node = IPEndPoint.Parse(CassandraRing.ContactPoints[0]);
        var connections = new List<Task>();
        try
        {
            while (true) connections.Add(PassAsync(await listener.AcceptTcpClientAsync(stop), node, stop));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(connections);
        }
    }

    private static async Task PassAsync(TcpClient client, IPEndPoint node, CancellationToken stop)
    {
        using var near = client;
        using var far = new TcpClient();
        try
        {
            await far.ConnectAsync(node, stop);
            await Task.WhenAny(near.GetStream().CopyToAsync(far.GetStream(), stop), far.GetStream().CopyToAsync(near.GetStream(), stop));
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
        {
            // A side closed.
        }
    }
}
