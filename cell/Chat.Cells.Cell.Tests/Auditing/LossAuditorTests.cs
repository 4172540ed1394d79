using Chat.Cells.Cell.Auditing;
using Chat.Cells.Cell.Engines.Files;
using Chat.Cells.Cell.Engines.Memory;
using Chat.Cells.Cell.Engines.Sqlite;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Hosting;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Auditing;

/// <summary>The auditor on a whole cell: it finds nothing where nothing is missing, and what is taken away behind the cell's back.</summary>
public sealed class LossAuditorTests : IAsyncLifetime
{
    private readonly Reports reports = new();
    private TestCell cell = null!;

    private readonly string folder = TestCell.NewFolder();
    private CellEngines engines = null!;

    // No journal: rows are in their tables, where a test can take them away. And the cell's own auditor stays off: a test asks another one to look.
    public async Task InitializeAsync()
    {
        var data = Path.Combine(folder, "data");
        Directory.CreateDirectory(data);
        var log = await SegmentLog.OpenAsync(Path.Combine(data, "log"), new SegmentLogOptions(), TimeProvider.System, NullLogger<SegmentLog>.Instance, CancellationToken.None);
        var store = await SqliteStore.OpenAsync(Path.Combine(data, "store.db"), new SqliteStoreOptions(), TimeProvider.System, NullLogger<SqliteStore>.Instance, CancellationToken.None);
        engines = new CellEngines(log, store, store, new MemoryCellState(TimeProvider.System));
        cell = await TestCell.StartAsync(o => o with { AuditPerSecond = 0 }, engines, folder);
    }

    public async Task DisposeAsync()
    {
        await cell.DisposeAsync();
        await engines.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Visit_NothingMissing_ReportsNothing()
    {
        await SendAsync(5);

        await AuditAsync();

        Assert.Empty(reports.Lost);
        Assert.Contains("audited_messages_total{outcome=\"found\"}", await MetricsAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Visit_InboxRowTakenAway_ReportsTheMessage()
    {
        var ids = await SendAsync(3);
        Assert.Equal(1, await RemoveAsync("DELETE FROM user_inbox WHERE (user_id, epoch, bucket, inbox_offset) = (SELECT user_id, epoch, bucket, inbox_offset FROM user_inbox ORDER BY user_id, inbox_offset DESC LIMIT 1)"));

        await AuditAsync();

        var report = Assert.Single(reports.Lost);
        Assert.Contains(ids[^1], report, StringComparison.Ordinal);
        Assert.Contains("stage inbox", report, StringComparison.Ordinal);
        var metrics = await MetricsAsync();
        Assert.True(Value(metrics, "lost_messages_total{stage=\"inbox\"}") >= 1);
        Assert.InRange(Value(metrics, "lost_message_ratio"), double.Epsilon, 1);
    }

    [Fact]
    public async Task Visit_MessageRowTakenAway_ReportsTheMessage()
    {
        var ids = await SendAsync(2);
        Assert.Equal(1, await RemoveAsync("DELETE FROM messages WHERE message_id = (SELECT min(message_id) FROM messages)"));

        await AuditAsync();

        var report = Assert.Single(reports.Lost);
        Assert.Contains(ids[0], report, StringComparison.Ordinal);
        Assert.Contains("stage store", report, StringComparison.Ordinal);
        Assert.True(Value(await MetricsAsync(), "lost_messages_total{stage=\"store\"}") >= 1);
    }

    [Fact]
    public async Task Visit_InboxRowTwice_ReportsTheMessage()
    {
        var ids = await SendAsync(3);
        Assert.Equal(1, await RemoveAsync(
            "INSERT INTO user_inbox (user_id, epoch, bucket, inbox_offset, payload) SELECT user_id, epoch, bucket, inbox_offset + 1000, payload FROM user_inbox ORDER BY inbox_offset DESC LIMIT 1"));
        var before = Value(await MetricsAsync(), "audited_messages_total{outcome=\"doubled\"}");

        await AuditAsync();

        var report = Assert.Single(reports.Lost);
        Assert.Contains(ids[^1], report, StringComparison.Ordinal);
        Assert.Contains("twice", report, StringComparison.Ordinal);
        Assert.True(Value(await MetricsAsync(), "audited_messages_total{outcome=\"doubled\"}") >= before + 1);
    }

    [Fact]
    public async Task Visit_RequestAndMessageRowsTakenAway_CountsAsNoVerdictFound()
    {
        await SendAsync(1);
        Assert.True(await RemoveAsync("DELETE FROM messages") > 0);
        Assert.True(await RemoveAsync("DELETE FROM requests") > 0);
        var before = Value(await MetricsAsync(), "audited_messages_total{outcome=\"no_verdict\"}");

        await AuditAsync();

        Assert.Empty(reports.Lost);
        Assert.True(Value(await MetricsAsync(), "audited_messages_total{outcome=\"no_verdict\"}") >= before + 1);
    }

    [Fact]
    public async Task Visit_NeverAppendedForAnInbox_ReportsTheMessage()
    {
        var ids = await SendAsync(1);
        // As if fan-out had committed without the append: delivery has seen all that there is, and this was not among it.
        Assert.True(await RemoveAsync("DELETE FROM high_water") > 0);

        await AuditAsync();

        var report = Assert.Single(reports.Lost);
        Assert.Contains(ids[0], report, StringComparison.Ordinal);
        Assert.Contains("stage fanout", report, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Visit_NeverAppendedForAnInboxThatIsNeverQuiet_ReportsTheMessage()
    {
        var ids = await SendAsync(1);
        Assert.True(await RemoveAsync("DELETE FROM high_water") > 0);

        await AuditAsync(new BusyInboxLog(engines.Log));

        Assert.Contains(reports.Lost, said => said.Contains(ids[0], StringComparison.Ordinal) && said.Contains("stage fanout", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Visit_DamagedInboxRows_AreNoReasonToStop()
    {
        await SendAsync(2);
        Assert.True(await RemoveAsync("UPDATE user_inbox SET payload = x'FF'") > 0);

        await AuditAsync();

        Assert.NotEmpty(reports.Lost);
        Assert.All(reports.Lost, said => Assert.Contains("could not look", said, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Visit_Repeats_AreNotTakenForLosses()
    {
        var (socket, channel) = await OpenAsync();
        await using var _ = socket;
        for (var i = 0; i < 2; i++)
        {
            await socket.MessageAsync(channel, "the same", "r1");
            await socket.ReceiveAsync("message_ack", "r1");
        }

        await WaitForWorkersAsync();
        await AuditAsync();

        Assert.Empty(reports.Lost);
    }

    [Fact]
    public async Task Visit_NotJudgedWhenItShouldBe_CountsAsUndelivered()
    {
        await cell.DisposeAsync();
        cell = await TestCell.StartAsync(o => o with { Roles = ["gateway"], AuditPerSecond = 0 });
        var log = cell.Services.GetRequiredService<IMessageLog>();
        var partition = new TopicPartition(Topics.DirectMessages, 0);
        for (var i = 0; i < 3; i++) await log.AppendAsync(partition, "k"u8.ToArray(), "no fan-out role is there to look at it"u8.ToArray(), CancellationToken.None);

        await AuditAsync();

        // At least: other tests of this process are audited too.
        Assert.True(Value(await MetricsAsync(), "undelivered_messages_gauge") >= 3);
        Assert.Empty(reports.Lost);
    }

    [Fact]
    public async Task Cell_AsItIs_AuditsItself()
    {
        await cell.DisposeAsync();
        cell = await TestCell.StartAsync(o => o with { AuditDelay = TimeSpan.Zero });
        var before = Value(await MetricsAsync(), "audited_messages_total{outcome=\"found\"}");
        await SendAsync(2);

        await Poll.UntilAsync(async () => Value(await MetricsAsync(), "audited_messages_total{outcome=\"found\"}") >= before + 2);
    }

    [Fact]
    public async Task Metrics_AfterTraffic_HaveTheNamesThatAlertsUse()
    {
        var (socket, channel) = await OpenAsync();
        await socket.MessageAsync(channel, "hello", "r1");
        await socket.ReceiveAsync("message_ack", "r1");
        var cursor = (string)(await socket.PayloadAsync("new_message"))["cursor"]!;
        await socket.DisposeAsync();
        await using var again = await cell.ConnectAsync(owner!, cursor);
        await again.ReceiveAsync("sync_batch");

        var metrics = await MetricsAsync();

        Assert.All(
            ["websocket_active_connections", "websocket_connections_total{outcome=", "websocket_disconnections_total{code=", "websocket_reconnections_total{outcome=\"continued\"}", "messages_sent_total",
                "message_delivery_seconds_bucket{", "message_delivery_seconds_count", "log_append_seconds_count", "undelivered_messages_gauge", "lost_message_ratio", "chatcells_judged_total{outcome=\"accepted\"}"],
            name => Assert.Contains(metrics.Split('\n'), l => l.StartsWith(name, StringComparison.Ordinal)));
    }

    private TestUser? owner;

    private async Task<(Connections.TestSocket Socket, string Channel)> OpenAsync()
    {
        owner = await cell.SignUpAsync("anna");
        var channel = await cell.CreateDirectAsync(owner, await cell.SignUpAsync("ben"));
        return (await cell.ConnectAsync(owner), channel);
    }

    private async Task<List<string>> SendAsync(int count)
    {
        var (socket, channel) = await OpenAsync();
        await using var _ = socket;
        var ids = new List<string>();
        for (var i = 0; i < count; i++)
        {
            await socket.MessageAsync(channel, $"message {i}", $"r{i}");
            ids.Add((string)(await socket.PayloadAsync("message_ack", $"r{i}"))["messageId"]!);
        }
        await WaitForWorkersAsync();
        return ids;
    }

    /// <summary>An ack comes before the commits, and before the inboxes are written.</summary>
    private Task WaitForWorkersAsync()
    {
        var log = cell.Services.GetRequiredService<IMessageLog>();
        var topics = cell.Services.GetRequiredService<Topics>();
        return Poll.UntilAsync(async () =>
            await IsDoneAsync(log, FanOutRole.Group, Topics.DirectMessages, topics.Direct) && await IsDoneAsync(log, DeliveryRole.Group, Topics.InboxTopic, topics.Inbox));
    }

    private static async Task<bool> IsDoneAsync(IMessageLog log, string group, string topic, int partitions)
    {
        for (var i = 0; i < partitions; i++)
        {
            var partition = new TopicPartition(topic, i);
            var done = (await log.GetCommittedAsync(group, partition, CancellationToken.None))?.NextOffset ?? 0;
            if (done < (await log.GetOffsetsAsync(partition, CancellationToken.None)).Next) return false;
        }
        return true;
    }

    private async Task AuditAsync(IMessageLog? log = null)
    {
        var services = cell.Services;
        using var auditor = new LossAuditor(
            log ?? services.GetRequiredService<IMessageLog>(), services.GetRequiredService<IMessageStore>(), services.GetRequiredService<ICellDirectory>(), services.GetRequiredService<Topics>(),
            new AuditOptions(TimeSpan.Zero, 1_000), TimeProvider.System, reports);
        // Twice around all partitions; what was followed once isn't followed again.
        for (var i = 0; i < 4; i++) await auditor.VisitAsync(CancellationToken.None);
    }

    private async Task<int> RemoveAsync(string sql)
    {
        await using var database = new SqliteConnection($"Data Source={Path.Combine(cell.Options.DataDirectory, "store.db")};Pooling=False;Default Timeout=30");
        await database.OpenAsync();
        await using var command = database.CreateCommand();
        command.CommandText = sql;
        return await command.ExecuteNonQueryAsync();
    }

    private async Task<string> MetricsAsync()
    {
        using var response = await cell.SendAsync(HttpMethod.Get, cell.Internal, "/metrics", null);
        return await response.Content.ReadAsStringAsync();
    }

    private static double Value(string metrics, string series) =>
        metrics.Split('\n').FirstOrDefault(l => l.StartsWith(series + " ", StringComparison.Ordinal)) is { } line
            ? double.Parse(line[(series.Length + 1)..], System.Globalization.CultureInfo.InvariantCulture)
            : 0;

    /// <summary>What the auditor said.</summary>
    private sealed class Reports : ILogger<LossAuditor>
    {
        private readonly List<string> lost = [];

        public IReadOnlyList<string> Lost
        {
            get
            {
                lock (lost) return [.. lost];
            }
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel < LogLevel.Warning) return;
            lock (lost) lost.Add(formatter(state, exception) + exception);
        }
    }
}
