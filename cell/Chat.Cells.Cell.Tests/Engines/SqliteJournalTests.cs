using Chat.Cells.Cell.Engines.Sqlite;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines;

/// <summary>The message store's contract on SQLite with a journal so small that rows are on their way all the time.</summary>
[ContractSuite(nameof(IMessageStore), "sqlite with journal")]
public sealed class SqliteJournaledStoreTests : StoreReplayContract
{
    private readonly TempFolder folder = new();

    protected override async ValueTask<IMessageStore> OpenAsync() =>
        await SqliteStore.OpenAsync(
            Path.Combine(folder.Path, "store.db"),
            new SqliteStoreOptions { Journal = true, JournalOptions = new RowJournalOptions(RowsToMove: 5, Slice: 3) },
            new FakeTime(DateTimeOffset.FromUnixTimeMilliseconds(Now)),
            NullLogger<SqliteStore>.Instance,
            default);

    protected override ValueTask CleanUpAsync()
    {
        folder.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>What only the journal can do wrong: lose rows between two places, show them twice, or keep them for ever.</summary>
public sealed class SqliteJournalTests : IDisposable
{
    private static readonly RowJournalOptions Never = new(RowsToMove: int.MaxValue);
    private static readonly RowJournalOptions AtOnce = new(RowsToMove: 4, Slice: 3);
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task RandomWrites_WithReopens_ReadAsWithoutAJournal(int seed)
    {
        var random = new Random(seed);
        await using var plain = await OpenAsync("plain.db", null);
        var journaled = await OpenAsync("journaled.db", AtOnce);
        for (var round = 0; round < 60; round++)
        {
            if (random.Next(12) == 0)
            {
                await journaled.DisposeAsync();
                journaled = await OpenAsync("journaled.db", random.Next(3) switch { 0 => null, 1 => Never, _ => AtOnce });
            }
            var (judged, delivered) = (RandomJudged(random), RandomDelivered(random));
            await Task.WhenAll(plain.WriteJudgedAsync(judged, default).AsTask(), plain.WriteDeliveredAsync(delivered, default).AsTask());
            await Task.WhenAll(journaled.WriteJudgedAsync(judged, default).AsTask(), journaled.WriteDeliveredAsync(delivered, default).AsTask());
            await AssertSameAsync(plain, journaled, random);
        }
        await journaled.DisposeAsync();
    }

    [Fact]
    public async Task Reopen_AfterWritesThatWereNotMoved_FindsThemInTheirTables()
    {
        var random = new Random(7);
        var store = await OpenAsync("store.db", Never);
        for (var i = 0; i < 200; i++) await store.WriteDeliveredAsync(new DeliveredBatch(0, [Row("u", i, random)], []), default);
        Assert.Equal((0, 0, 200), await store.CountRowsAsync());
        await store.DisposeAsync();

        await using var reopened = await OpenAsync("store.db", null);

        Assert.Equal((0, 200, 0), await reopened.CountRowsAsync());
        Assert.Equal(200, (await reopened.ReadInboxAsync("u", InboxCursor.Start, 1_000, default)).Count);
    }

    [Fact]
    public async Task Idle_RowsAreMovedAndTheJournalIsEmptied()
    {
        var random = new Random(8);
        await using var store = await OpenAsync("store.db", new RowJournalOptions());
        for (var i = 0; i < 100; i++) await store.WriteDeliveredAsync(new DeliveredBatch(0, [Row("u", i, random), Row("v", i, random)], []), default);

        // Looking is a write too, and begins the wait for silence anew: so looks are further apart than that wait.
        for (var i = 0; i < 15 && (await store.CountRowsAsync()).Entries > 0; i++) await Task.Delay(TimeSpan.FromSeconds(2));

        Assert.Equal((0, 200, 0), await store.CountRowsAsync());
    }

    [Fact]
    public async Task FullDisk_WhileRowsAreMoved_LosesNothingAndGoesOnWhenThereIsRoom()
    {
        var random = new Random(9);
        await using var store = await OpenAsync("store.db", new RowJournalOptions(RowsToMove: 50, Slice: 10));
        for (var i = 0; i < 40; i++) await store.WriteDeliveredAsync(new DeliveredBatch(0, [Row("u", i, random, 2_000)], []), default);
        await store.SetMaxBytesAsync(250_000);
        var written = 40;
        await Assert.ThrowsAsync<StoreFullException>(async () =>
        {
            for (; written < 500; written++) await store.WriteDeliveredAsync(new DeliveredBatch(0, [Row("u", written, random, 2_000)], []), default);
        });
        Assert.Equal(written, (await store.ReadInboxAsync("u", InboxCursor.Start, 1_000, default)).Count);

        await store.SetMaxBytesAsync(100_000_000);
        for (; written < 500; written++) await store.WriteDeliveredAsync(new DeliveredBatch(0, [Row("u", written, random, 2_000)], []), default);

        var rows = await store.ReadInboxAsync("u", InboxCursor.Start, 1_000, default);
        Assert.Equal(Enumerable.Range(0, 500).Select(i => (long)i), rows.Select(r => r.Cursor.Offset));
    }

    [Fact]
    public async Task Open_OfADamagedJournal_IsRefused()
    {
        await using (var store = await OpenAsync("store.db", Never)) await store.WriteDeliveredAsync(new DeliveredBatch(0, [Row("u", 1, new Random(1))], []), default);
        await using (var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={Path.Combine(folder.Path, "store.db")};Pooling=False"))
        {
            await connection.OpenAsync();
            await using var command = connection.CreateCommand();
            command.CommandText = "UPDATE journal SET rows = x'63'";
            await command.ExecuteNonQueryAsync();
        }

        await Assert.ThrowsAsync<StoreException>(() => OpenAsync("store.db", null));
    }

    [Fact]
    public async Task Write_WhenAnIdleMoveHasJustEmptiedTheJournal_SurvivesACrash()
    {
        var random = new Random(10);
        var path = Path.Combine(folder.Path, "store.db");
        using (var database = Database.Open(path, readOnly: false))
        {
            Schema.Migrate(database, path);
            var journal = new RowJournal(new RowJournalOptions());
            // As many entries as a move deletes at a time: it empties the table without seeing that it is done.
            for (var i = 0; i < 32; i++) Commit(database, journal, [Row("u", i, random)]);
            while (database.QueryInt64("SELECT count(*) FROM journal") > 0) Commit(database, journal, []);
            Commit(database, journal, [Row("u", 32, random)]);
        }

        await using var reopened = await OpenAsync("store.db", null);

        Assert.Equal(Enumerable.Range(0, 33).Select(i => (long)i), (await reopened.ReadInboxAsync("u", InboxCursor.Start, 1_000, default)).Select(r => r.Cursor.Offset));
    }

    [Fact]
    public void Writes_ThatAddMoreRowsThanASlice_DoNotPileUpInMemory()
    {
        var random = new Random(11);
        var path = Path.Combine(folder.Path, "store.db");
        using var database = Database.Open(path, readOnly: false);
        Schema.Migrate(database, path);
        var journal = new RowJournal(new RowJournalOptions(RowsToMove: 100, Slice: 10));

        for (var i = 0; i < 20; i++) Commit(database, journal, [.. Enumerable.Range(i * 500, 500).Select(n => Row($"u{n % 7}", n, random))]);

        Assert.InRange(10_000 - database.QueryInt64("SELECT count(*) FROM user_inbox"), 0, 2_000);
    }

    [Fact]
    public void Writes_OfAFewRows_MoveLittleMoreThanASliceAtATimeAndKeepUp()
    {
        var random = new Random(12);
        var path = Path.Combine(folder.Path, "store.db");
        using var database = Database.Open(path, readOnly: false);
        Schema.Migrate(database, path);
        var journal = new RowJournal(new RowJournalOptions(RowsToMove: 300, Slice: 20));
        var (moved, most) = (0L, 0L);

        for (var i = 0; i < 1_000; i++)
        {
            Commit(database, journal, [.. Enumerable.Range(i * 3, 3).Select(n => Row($"u{n % 7}", n, random))]);
            var now = database.QueryInt64("SELECT count(*) FROM user_inbox");
            (moved, most) = (now, Math.Max(most, now - moved));
        }

        Assert.InRange(most, 20, 26);
        // Never more than one lot on its way and the next one being gathered.
        Assert.InRange(3_000 - moved, 0, 2 * 300);
    }

    [Fact]
    public async Task Writes_WithoutAPause_DoNotLetSqlitesLogGrow()
    {
        var random = new Random(13);
        var path = Path.Combine(folder.Path, "store.db");
        var options = new SqliteStoreOptions
        {
            Journal = true,
            JournalOptions = new RowJournalOptions(RowsToMove: 60, Slice: 20),
            CheckpointOptions = new CheckpointOptions(PagesPerPass: 20, PagesToRestart: 40, FewPages: 8),
        };
        await using (var store = await SqliteStore.OpenAsync(path, options, TimeProvider.System, NullLogger<SqliteStore>.Instance, default))
        {
            for (var i = 0; i < 1_500; i++) await store.WriteDeliveredAsync(new DeliveredBatch(0, [Row("u", i, random, 3_000)], [new HighWaterMark(5, i)]), default);

            // Each of these writes is three pages at least: 4,500 and more, were they all kept.
            Assert.InRange(new FileInfo(path + "-wal").Length, 1, 1_500 * 4_120);
            Assert.Equal(1_500, (await store.ReadInboxAsync("u", InboxCursor.Start, 2_000, default)).Count);
        }
        await using var reopened = await OpenAsync("store.db", null);
        Assert.Equal(Enumerable.Range(0, 1_500).Select(i => (long)i), (await reopened.ReadInboxAsync("u", InboxCursor.Start, 2_000, default)).Select(r => r.Cursor.Offset));
    }

    private static void Commit(Database database, RowJournal journal, IReadOnlyList<InboxRow> rows)
    {
        database.Execute("BEGIN IMMEDIATE");
        if (rows.Count > 0) journal.Add(new DeliveredBatch(0, rows, []));
        journal.BeforeCommit(database, idle: rows.Count == 0);
        database.Execute("COMMIT");
        journal.Committed();
    }

    private static async Task AssertSameAsync(SqliteStore expected, SqliteStore actual, Random random)
    {
        var limit = random.Next(1, 12);
        for (var i = 0; i < 3; i++)
        {
            var (user, channel) = ($"u{i}", $"c{i}");
            var after = new InboxCursor(1, random.Next(3), random.Next(-1, 40));
            Assert.Equal(
                (await expected.ReadInboxAsync(user, after, limit, default)).Select(r => (r.Cursor, Convert.ToHexString(r.Payload.Span))),
                (await actual.ReadInboxAsync(user, after, limit, default)).Select(r => (r.Cursor, Convert.ToHexString(r.Payload.Span))));
            Assert.Equal(await expected.FindLatestCursorAsync(user, default), await actual.FindLatestCursorAsync(user, default));
            Ulid? before = random.Next(3) == 0 ? null : Id(random.Next(40));
            Assert.Equal(
                (await expected.ReadHistoryAsync(channel, before, limit, default)).Select(Text), (await actual.ReadHistoryAsync(channel, before, limit, default)).Select(Text));
            var id = Id(random.Next(40));
            Assert.Equal(Text(await expected.FindMessageAsync(channel, id, default)), Text(await actual.FindMessageAsync(channel, id, default)));
            var request = $"r{random.Next(20)}";
            Assert.Equal(await expected.FindRequestAsync(channel, "s", request, default), await actual.FindRequestAsync(channel, "s", request, default));
        }
        Assert.Equal(await expected.LoadHighWaterAsync(0, default), await actual.LoadHighWaterAsync(0, default));
        Assert.Equal(await expected.FindPartitionTimeAsync(1, default), await actual.FindPartitionTimeAsync(1, default));
    }

    private static string Text(MessageRow? row) =>
        row is null ? "none" : $"{row.ChannelId} {row.MessageId} {row.SenderId} {row.ContentType} {Convert.ToHexString(row.Content.Span)} {row.ReplyTo} {row.ChannelVersion}";

    // The same key always has the same row, but for requests, whose newest position counts: as in a replay.
    private static JudgedBatch RandomJudged(Random random)
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        var messages = Enumerable.Range(0, random.Next(4)).Select(_ =>
        {
            var number = random.Next(40);
            return new MessageRow($"c{number % 3}", Id(number), $"s{number}", "text", new byte[] { (byte)number, 0, 1 }, number % 2 == 0 ? null : Id(number / 2), number % 5);
        });
        var requests = Enumerable.Range(0, random.Next(4)).Select(_ =>
        {
            var position = random.Next(60);
            return new RequestRow($"c{random.Next(3)}", "s", $"r{random.Next(20)}", position, position % 2 == 0 ? Id(position) : null, ulong.MaxValue - (ulong)position, position % 2 == 0 ? null : "conflict", now);
        });
        return new JudgedBatch(1, random.Next(1_000), [.. messages], [], [], [], [.. requests]);
    }

    private static DeliveredBatch RandomDelivered(Random random)
    {
        var rows = new List<InboxRow>();
        for (var i = random.Next(4); i > 0; i--)
        {
            var offset = random.Next(40);
            var payload = new[] { (byte)offset, (byte)7 };
            for (var u = 0; u < 3; u++)
            {
                if (random.Next(2) == 0) rows.Add(new InboxRow($"u{u}", new InboxCursor(1, offset / 20, offset), payload));
            }
        }
        return new DeliveredBatch(0, rows, [new HighWaterMark(5, random.Next(100))]);
    }

    private static InboxRow Row(string user, long offset, Random random, int bytes = 20)
    {
        var payload = new byte[bytes];
        random.NextBytes(payload);
        return new InboxRow(user, new InboxCursor(1, 0, offset), payload);
    }

    private static Ulid Id(int number) => Protocol.MessageId.Create(1_000_000, 1, 1, number);

    private async Task<SqliteStore> OpenAsync(string file, RowJournalOptions? journal) => await SqliteStore.OpenAsync(
        Path.Combine(folder.Path, file),
        journal is null ? new SqliteStoreOptions() : new SqliteStoreOptions { Journal = true, JournalOptions = journal },
        TimeProvider.System,
        NullLogger<SqliteStore>.Instance,
        default);
}
