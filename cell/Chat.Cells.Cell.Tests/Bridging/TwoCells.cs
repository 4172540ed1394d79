using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Messaging.Doubles;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Tests.Bridging;

/// <summary>The cells a and b, with the records that bridges would carry between them carried by hand.</summary>
internal sealed class TwoCells
{
    public TestCell A { get; } = new("a");

    public TestCell B { get; } = new("b");

    public TestCell Of(string user) => user.StartsWith("a.", StringComparison.Ordinal) ? A : B;

    /// <summary>Everything until nothing moves any more.</summary>
    public async Task SettleAsync()
    {
        long before;
        do
        {
            before = Total();
            await A.RunAllAsync();
            await B.RunAllAsync();
            await CarryAsync(A, B, 100);
            await CarryAsync(B, A, 100);
            await B.ServeAllAsync("a");
            await A.ServeAllAsync("b");
        }
        while (Total() != before);
    }

    /// <summary>What a bridge does in one life, in batches.</summary>
    public static async Task CarryAsync(TestCell source, TestCell target, int batch, int maxBatches = int.MaxValue)
    {
        var name = source.Directory.CellName;
        var inbox = target.BridgeInbox();
        var next = (await inbox.PositionAsync(name, CancellationToken.None))!;
        while (maxBatches-- > 0)
        {
            var frames = Frames(source, target, next).Take(batch).ToList();
            if (frames.Count == 0) return;
            next = (await inbox.AppendAsync(name, frames, CancellationToken.None))!.Next;
        }
    }

    public static IEnumerable<BridgeFrame> Frames(TestCell source, TestCell target, long[] from)
    {
        for (var p = 0; p < from.Length; p++)
        {
            foreach (var record in source.Log.Records(new TopicPartition(Topics.BridgeTo(target.Directory.CellName), p)).Skip((int)from[p]))
            {
                yield return new BridgeFrame(p, record.Offset, record.AppendTime, record.Key, record.Value);
            }
        }
    }

    private long Total() => A.Log.Total + B.Log.Total;
}
