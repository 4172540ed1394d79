using Chat.Cells.Cell.Engines.Sqlite;
using Chat.Cells.Cell.Ports;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines;

/// <summary>Several servers of a cell on one SQLite file, as processes of one machine have it.</summary>
public sealed class SqliteSharedFileTests : IAsyncLifetime
{
    private const int Servers = 5;
    private readonly TempFolder folder = new();
    private SqliteStore[] stores = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var store in stores) await store.DisposeAsync();
        folder.Dispose();
    }

    [Fact]
    public async Task Open_ANewFileByAllAtOnce_MakesTheTablesOnce()
    {
        stores = await OpenAllAsync();

        foreach (var store in stores) Assert.Equal(0, await store.CountAccountsAsync(default));
    }

    [Fact]
    public async Task Writes_OfAllAtOnce_AreAllThereForAll()
    {
        stores = await OpenAllAsync();

        await Task.WhenAll(stores.Select((store, server) => Task.Run(async () =>
        {
            for (var i = 0; i < 40; i++) await store.WriteJudgedAsync(new JudgedBatch((ushort)server, i, [Message(server, i)], [], [], [], []), default);
        })));

        foreach (var store in stores)
        {
            Assert.Equal(Servers * 40, (await store.ReadHistoryAsync("channel", null, 1_000, default)).Count);
            for (var server = 0; server < Servers; server++) Assert.Equal(39, await store.FindPartitionTimeAsync((ushort)server, default));
        }
    }

    [Fact]
    public async Task Write_ThatIsDone_IsReadByTheOthersAtOnce()
    {
        stores = await OpenAllAsync();
        for (var i = 0; i < 20; i++)
        {
            await stores[i % Servers].WriteJudgedAsync(new JudgedBatch(null, 0, [Message(1, i)], [], [], [], []), default);

            Assert.NotNull(await stores[(i + 1) % Servers].FindMessageAsync("channel", Id(1, i), default));
        }
    }

    [Fact]
    public async Task Claim_OfOneHandleByAllAtOnce_IsGivenToOne()
    {
        stores = await OpenAllAsync();

        var claims = await Task.WhenAll(stores.Select((store, server) => Task.Run(async () => await store.ClaimHandleAsync("anna@eu-west", $"cell.{server}", default))));

        Assert.Single(claims, won => won);
    }

    [Fact]
    public async Task CountAccounts_OfAccountsThatOthersMade_CountsThem()
    {
        stores = await OpenAllAsync();
        for (var i = 0; i < Servers; i++) Assert.True(await stores[i].CreateAccountAsync(new AccountRow($"cell.{i}", "a@b", "A", "hash", 1, 1), default));
        Assert.False(await stores[0].CreateAccountAsync(new AccountRow("cell.1", "a@b", "A", "hash", 1, 1), default));

        foreach (var store in stores) Assert.Equal(Servers, await store.CountAccountsAsync(default));
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task Open_BesideOneThatSharesNotTheFile_IsRefusedInWordsUntilThatIsGone(bool firstAlone, bool secondAlone)
    {
        var first = await OpenAsync(firstAlone);

        var e = await Assert.ThrowsAsync<StoreException>(() => OpenAsync(secondAlone));

        Assert.Contains("--log embedded", e.Message, StringComparison.Ordinal);
        Assert.Contains("--roles", e.Message, StringComparison.Ordinal);
        Assert.Contains("--data", e.Message, StringComparison.Ordinal);
        await first.WriteJudgedAsync(new JudgedBatch(null, 0, [Message(1, 1)], [], [], [], []), default);
        await first.DisposeAsync();
        await using var second = await OpenAsync(secondAlone);
        Assert.NotNull(await second.FindMessageAsync("channel", Id(1, 1), default));
    }

    private Task<SqliteStore> OpenAsync(bool alone) => SqliteStore.OpenAsync(
        Path.Combine(folder.Path, "store.db"), new SqliteStoreOptions { Journal = alone }, TimeProvider.System, NullLogger<SqliteStore>.Instance, default).AsTask();

    private Task<SqliteStore[]> OpenAllAsync() => Task.WhenAll(Enumerable.Range(0, Servers).Select(_ =>
        SqliteStore.OpenAsync(Path.Combine(folder.Path, "store.db"), new SqliteStoreOptions(), TimeProvider.System, NullLogger<SqliteStore>.Instance, default).AsTask()));

    private static Ulid Id(int server, int number) => Protocol.MessageId.Create(1_000_000, 1, (ushort)server, number);

    private static MessageRow Message(int server, int number) => new("channel", Id(server, number), "sender", "text", new byte[100], null, 1);
}
