using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Auditing;

/// <summary>How much the auditor looks at.</summary>
/// <param name="Delay">A send that is older should have been judged and be in its recipients' inboxes.</param>
/// <param name="PerSecond">Sends that are followed; of more, the newest.</param>
internal sealed record AuditOptions(TimeSpan Delay, int PerSecond);

/// <summary>
/// Compares what was appended with what was judged, stored and delivered, a few partitions a second, all the while. A few sends are all followed; of many, a bounded share.
/// Each server with the fan-out role has one; that some sends are followed by several changes no ratio.
/// </summary>
internal sealed partial class LossAuditor : BackgroundService
{
    /// <summary>Few: on Kafka a partition that isn't read otherwise costs a client each time.</summary>
    private const int PartitionsPerTick = 4;

    /// <summary>So far behind fan-out a server begins, to see what became of the sends around its start.</summary>
    private const int Lookback = 256;

    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    private readonly IMessageLog log;
    private readonly MessageTrail trail;
    private readonly AuditOptions options;
    private readonly TimeProvider time;
    private readonly ILogger<LossAuditor> logger;
    private readonly TopicPartition[] partitions;
    private readonly Dictionary<TopicPartition, long> next = [];
    private readonly Dictionary<TopicPartition, long> undelivered = [];
    private int turn;

    public LossAuditor(IMessageLog log, IMessageStore store, ICellDirectory cells, Topics topics, AuditOptions options, TimeProvider time, ILogger<LossAuditor> logger)
    {
        this.log = log;
        this.options = options;
        this.time = time;
        this.logger = logger;
        trail = new MessageTrail(log, store, cells, topics);
        partitions =
        [
            .. Enumerable.Range(0, topics.Direct).Select(p => new TopicPartition(Topics.DirectMessages, p)),
            .. Enumerable.Range(0, topics.Group).Select(p => new TopicPartition(Topics.GroupMessages, p)),
        ];
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Tick, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) await VisitAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops.
        }
        finally
        {
            foreach (var partition in partitions) SetUndelivered(partition, 0);
        }
    }

    /// <summary>Looks at the next few partitions.</summary>
    internal async Task VisitAsync(CancellationToken cancellationToken)
    {
        var count = Math.Min(PartitionsPerTick, partitions.Length);
        var budget = options.PerSecond;
        for (var i = 0; i < count; i++)
        {
            var partition = partitions[turn++ % partitions.Length];
            try
            {
                budget = await VisitAsync(partition, budget, cancellationToken);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                // Whatever it was, a damaged row for one: an exception that left here would stop the whole server.
                LogFailed(e, partition.Topic, partition.Partition);
            }
        }
    }

    private async Task<int> VisitAsync(TopicPartition partition, int budget, CancellationToken cancellationToken)
    {
        var judged = (await log.GetCommittedAsync(FanOutRole.Group, partition, cancellationToken))?.NextOffset;
        var range = await log.GetOffsetsAsync(partition, cancellationToken);
        // A judge that has committed nothing began at the oldest record.
        var until = judged ?? range.Oldest;
        var from = Math.Max(range.Oldest, next.GetValueOrDefault(partition, until - Lookback));
        var waiting = until < range.Next && await IsDueAsync(partition, until, cancellationToken) ? Between(until, range.Next) : 0;
        if (until - from > Lookback)
        {
            AuditMetrics.Skipped.Add(Math.Max(0, Between(from, until) - Lookback));
            from = Math.Max(range.Oldest, until - Lookback);
        }
        if (budget > 0 && from < until)
        {
            foreach (var record in await log.ReadAsync(partition, from, (int)Math.Min(budget, until - from), TimeSpan.Zero, cancellationToken))
            {
                if (record.Offset >= until || !IsDue(record)) break;
                budget--;
                if (await AuditAsync(partition, record, cancellationToken)) from = record.Offset + 1;
                else
                {
                    waiting += Between(record.Offset, until);
                    break;
                }
            }
        }
        next[partition] = from;
        SetUndelivered(partition, waiting);
        return budget;
    }

    /// <summary>False when the send is still on its way.</summary>
    private async ValueTask<bool> AuditAsync(TopicPartition partition, LogRecord record, CancellationToken cancellationToken)
    {
        if (Decode(record) is not { } send) return true;
        var result = await trail.FollowAsync(partition, record, send, cancellationToken);
        if (result.Outcome == AuditOutcome.Pending) return false;
        AuditMetrics.Count(result);
        if (result.Outcome == AuditOutcome.Lost) LogLost(logger, partition.Topic, partition.Partition, record.Offset, result.Stage!, send.ChannelId, result.MessageId, result.UserId);
        if (result.Outcome == AuditOutcome.Doubled) LogDoubled(logger, partition.Topic, partition.Partition, record.Offset, send.ChannelId, result.MessageId, result.UserId);
        return true;
    }

    private async ValueTask<bool> IsDueAsync(TopicPartition partition, long offset, CancellationToken cancellationToken)
    {
        var first = await log.ReadAsync(partition, offset, 1, TimeSpan.Zero, cancellationToken);
        return first.Count > 0 && IsDue(first[0]);
    }

    /// <summary>How many records lie between two offsets; where a topic was made anew in between, those of the newer one.</summary>
    private static long Between(long from, long until) =>
        LogOffset.GenerationOf(from) == LogOffset.GenerationOf(until) ? until - from : LogOffset.OwnOf(until);

    private bool IsDue(LogRecord record) => time.GetUtcNow().ToUnixTimeMilliseconds() - record.AppendTime >= options.Delay.TotalMilliseconds;

    /// <summary>What isn't a send, or can't be read (fan-out has put it on <c>chat.dead</c>), is not followed.</summary>
    private static SendRecord? Decode(LogRecord record)
    {
        try
        {
            return ChannelRecord.Decode(record.Value) as SendRecord;
        }
        catch (RecordFormatException)
        {
            return null;
        }
    }

    private void SetUndelivered(TopicPartition partition, long count)
    {
        AuditMetrics.UndeliveredChanged(count - undelivered.GetValueOrDefault(partition));
        undelivered[partition] = count;
    }

    [LoggerMessage(600, LogLevel.Error, "Lost: {Topic}[{Partition}] offset {Offset}, accepted as {MessageId} in {Channel}, is missing at the stage {Stage} (user {UserId}).")]
    private static partial void LogLost(ILogger logger, string topic, int partition, long offset, string stage, string channel, Ulid? messageId, string? userId);

    [LoggerMessage(602, LogLevel.Error, "Doubled: {Topic}[{Partition}] offset {Offset}, accepted as {MessageId} in {Channel}, is in the inbox of {UserId} twice.")]
    private static partial void LogDoubled(ILogger logger, string topic, int partition, long offset, string channel, Ulid? messageId, string? userId);

    [LoggerMessage(601, LogLevel.Warning, "The auditor could not look at {Topic}[{Partition}]; it does so again.")]
    private partial void LogFailed(Exception fault, string topic, int partition);
}
