using System.Globalization;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Inbox;

/// <summary>The cursor bucket of an inbox partition as of its committed offset; it travels in the commit's metadata, because it never runs backwards.</summary>
internal static class DeliveryBucket
{
    public static string ToMetadata(int bucket) => string.Create(CultureInfo.InvariantCulture, $"b={bucket}");

    /// <summary>From the commit; where that has none, from the record before the committed offset.</summary>
    public static async ValueTask<int> RecoverAsync(IMessageLog log, IPartitionAssignment assignment, CancellationToken cancellationToken)
    {
        if (assignment.Committed is not { } committed) return 0;
        if (committed.Metadata.StartsWith("b=", StringComparison.Ordinal)
            && int.TryParse(committed.Metadata.AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out var bucket))
        {
            return bucket;
        }
        var range = await log.GetOffsetsAsync(assignment.Partition, cancellationToken);
        if (committed.NextOffset <= range.Oldest) return 0;
        var before = await log.ReadAsync(assignment.Partition, committed.NextOffset - 1, 1, TimeSpan.Zero, cancellationToken);
        return before.Count == 0 ? 0 : InboxCursor.BucketOf(before[0].AppendTime);
    }
}
