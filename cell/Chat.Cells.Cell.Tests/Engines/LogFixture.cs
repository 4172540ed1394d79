using System.Collections.Concurrent;
using System.Text;
using Chat.Cells.Cell.Engines.Files;
using Chat.Cells.Cell.Ports;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Cell.Tests.Engines;

/// <summary>Opens segment logs on test disks, and keeps what they log.</summary>
internal static class LogFixture
{
    public static readonly TopicPartition First = new("topic", 0);

    public static SegmentLogOptions Options { get; } = new() { SegmentBytes = 4096, CacheBytes = 1000, RetentionInterval = TimeSpan.FromMinutes(1) };

    public static async Task<SegmentLog> OpenAsync(ILogFiles files, TimeProvider? time = null, ILogger<SegmentLog>? logger = null, SegmentLogOptions? options = null) =>
        await SegmentLog.OpenAsync(files, options ?? Options, time ?? TimeProvider.System, logger ?? new LogLines(), default);

    public static async Task CreateTopicAsync(this SegmentLog log, int partitions = 1, TimeSpan? retention = null) =>
        await log.EnsureTopicsAsync([new TopicSpec(First.Topic, partitions, retention ?? TimeSpan.FromDays(1))], default);

    public static async Task<LogPosition> AppendAsync(this SegmentLog log, string value, int partition = 0) =>
        await log.AppendAsync(First with { Partition = partition }, "key"u8.ToArray(), Encoding.UTF8.GetBytes(value), default);

    public static async Task<List<string>> ReadAllAsync(this SegmentLog log, int partition = 0)
    {
        var values = new List<string>();
        var name = First with { Partition = partition };
        var from = (await log.GetOffsetsAsync(name, default)).Oldest;
        while (true)
        {
            var records = await log.ReadAsync(name, from, 100, TimeSpan.Zero, default);
            if (records.Count == 0) return values;
            foreach (var record in records)
            {
                Assert.Equal(from++, record.Offset);
                values.Add(Encoding.UTF8.GetString(record.Value.Span));
            }
        }
    }
}

/// <summary>What was logged.</summary>
internal sealed class LogLines : ILogger<SegmentLog>
{
    public ConcurrentQueue<(LogLevel Level, string Text)> Lines { get; } = new();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Lines.Enqueue((logLevel, formatter(state, exception)));
}
