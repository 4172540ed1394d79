using Chat.Cells.Cell.Engines.Sqlite;
using Chat.Cells.Cell.Ports;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines;

/// <summary>What only SQLite can do wrong: plans that scan, a full disk, files of other versions.</summary>
public sealed class SqliteEngineTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly FakeTime time = new(DateTimeOffset.UnixEpoch.AddDays(20_000));

    private string FilePath => Path.Combine(folder.Path, "data", "store.db");

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(Sql.ReadHistory)]
    [InlineData(Sql.FindChange)]
    [InlineData(Sql.ReadChanges)]
    [InlineData(Sql.ReadInbox)]
    [InlineData(Sql.LatestCursor)]
    [InlineData(Sql.ListChannels)]
    [InlineData(Sql.ReadReceipts)]
    [InlineData(Sql.FindRequest)]
    [InlineData(Sql.FindChannel)]
    [InlineData(Sql.PurgeRequests)]
    public async Task Plan_OfEveryRead_SearchesAnIndexAndSortsNothing(string sql)
    {
        await using var store = await OpenAsync();

        var plan = store.Explain(sql);

        Assert.Contains(plan, step => step.StartsWith("SEARCH", StringComparison.Ordinal));
        Assert.DoesNotContain(plan, step => step.StartsWith("SCAN", StringComparison.Ordinal) || step.Contains("TEMP B-TREE", StringComparison.Ordinal));
    }

    [Fact]
    public async Task FullDisk_RefusesTheWriteWholeAndRecoversByItself()
    {
        await using var store = await OpenAsync();
        await store.WriteJudgedAsync(Batch(0, 100), default);
        await store.SetMaxBytesAsync(200_000);

        await Assert.ThrowsAsync<StoreFullException>(async () => await store.WriteJudgedAsync(Batch(1, 400_000), default));
        Assert.Null(await store.FindMessageAsync("channel", Id(1), default));
        Assert.Null(await store.FindPartitionTimeAsync(1, default));
        Assert.NotNull(await store.FindMessageAsync("channel", Id(0), default));

        await store.SetMaxBytesAsync(100_000_000);
        await store.WriteJudgedAsync(Batch(1, 400_000), default);
        Assert.NotNull(await store.FindMessageAsync("channel", Id(1), default));
    }

    [Fact]
    public async Task StoreFile_IsFlushedBesideWrites()
    {
        await (await OpenAsync()).DisposeAsync(); // the file is there from now on
        // Closed after the store: closing any handle of a file ends the locks that SQLite holds on it.
        using var file = new StoreFile(FilePath);
        await using var store = await OpenAsync();

        for (var i = 0; i < 50; i++)
        {
            await store.WriteJudgedAsync(Batch(i, 4_000), default);
            file.Flush();
        }

        for (var i = 0; i < 50; i++) Assert.NotNull(await store.FindMessageAsync("channel", Id(i), default));
    }

    [Fact]
    public void StoreFile_ThatIsNotThere_IsSaidWithItsPath()
    {
        var e = Assert.Throws<StoreException>(() => new StoreFile(FilePath));

        Assert.Contains(FilePath, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OneBadWriteAmongMany_FailsAlone()
    {
        await using var store = await OpenAsync();
        var good = Enumerable.Range(0, 50).Select(i => store.WriteJudgedAsync(Batch(i, 10), default).AsTask()).ToList();
        // No such column value: NOT NULL fails.
        var bad = store.WriteJudgedAsync(Batch(99, 10) with { Messages = [Message(99, 10) with { SenderId = null! }] }, default).AsTask();
        good.AddRange(Enumerable.Range(50, 40).Select(i => store.WriteJudgedAsync(Batch(i, 10), default).AsTask()));

        await Assert.ThrowsAnyAsync<StoreException>(() => bad);
        await Task.WhenAll(good);

        Assert.Equal(90, (await store.ReadHistoryAsync("channel", null, 1000, default)).Count);
    }

    [Fact]
    public async Task Open_FileOfANewerProgram_IsRefused()
    {
        await (await OpenAsync()).DisposeAsync();
        await using (var connection = new SqliteConnection($"Data Source={FilePath};Pooling=False"))
        {
            await connection.OpenAsync();
            await using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version = 1000";
            await command.ExecuteNonQueryAsync();
        }

        var error = await Assert.ThrowsAsync<StoreException>(OpenAsync);
        Assert.Contains("1000", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_FileThatIsNoDatabase_IsRefused()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(FilePath)!);
        await File.WriteAllTextAsync(FilePath, new string('x', 10_000));

        await Assert.ThrowsAnyAsync<StoreException>(OpenAsync);
    }

    [Fact]
    public async Task Open_IsDurableOnEveryCommit()
    {
        await using var store = await OpenAsync();

        Assert.Equal((2, "wal"), await store.DurabilityAsync());
    }

    [Fact]
    public async Task Requests_PastTheirMemory_ArePurgedBesideOtherWrites()
    {
        await using var store = await OpenAsync();
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        await store.WriteJudgedAsync(Batch(0, 1) with { Requests = [.. Enumerable.Range(0, 1200).Select(i => Request($"r{i}", now))] }, default);
        time.Advance(TimeSpan.FromHours(20));
        await store.WriteJudgedAsync(Batch(1, 1) with { Requests = [Request("young", now + 20 * 3_600_000L)] }, default);
        Assert.Equal(1201, await store.CountRequestsAsync());

        time.Advance(TimeSpan.FromHours(6));
        for (var i = 2; i < 5; i++) await store.WriteJudgedAsync(Batch(i, 1), default);

        Assert.Equal(1, await store.CountRequestsAsync());
        Assert.NotNull(await store.FindRequestAsync("channel", "sender", "young", default));
    }

    [Fact]
    public async Task Account_Count_SurvivesReopen()
    {
        await using (var store = await OpenAsync())
        {
            for (var i = 0; i < 3; i++) await store.CreateAccountAsync(new AccountRow($"cell.{i}", "a@b", "A", "hash", 1, 1), default);
            Assert.Equal(3, await store.CountAccountsAsync(default));
        }
        await using (var store = await OpenAsync()) Assert.Equal(3, await store.CountAccountsAsync(default));
    }

    private async Task<SqliteStore> OpenAsync() => await SqliteStore.OpenAsync(FilePath, new SqliteStoreOptions { RequestMemory = TimeSpan.FromDays(1) }, time, NullLogger<SqliteStore>.Instance, default);

    private static Ulid Id(int number) => Protocol.MessageId.Create(1_000_000, 1, 1, number);

    private static MessageRow Message(int number, int bytes) => new("channel", Id(number), "sender", "text", new byte[bytes], null, 1);

    private static RequestRow Request(string id, long appendTime) => new("channel", "sender", id, 1, null, 0, "not_member", appendTime);

    private static JudgedBatch Batch(int number, int bytes) => new(number == 0 ? null : (ushort)1, 1_000_000, [Message(number, bytes)], [], [], [], []);
}
