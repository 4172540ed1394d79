using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Bridging;

/// <summary>Waits until fan-out has judged a record, with all its effects.</summary>
internal sealed partial class JudgedWait(IMessageLog log, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan SayAfter = TimeSpan.FromSeconds(10);

    public async ValueTask UntilJudgedAsync(TopicPartition partition, long offset, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var said = false;
        for (var pause = First; ; pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, Longest.Ticks)))
        {
            if (await log.GetCommittedAsync(FanOutRole.Group, partition, cancellationToken) is { } committed && committed.NextOffset > offset) return;
            if (!said && time.GetElapsedTime(started) > SayAfter)
            {
                said = true;
                LogWaiting(logger, partition.Topic, partition.Partition, offset);
            }
            await Task.Delay(pause, time, cancellationToken);
        }
    }

    [LoggerMessage(30, LogLevel.Warning, "A channel's state from another cell waits for fan-out to judge {Topic}[{Partition}] up to {Offset}; is that role running?")]
    private static partial void LogWaiting(ILogger logger, string topic, int partition, long offset);
}
