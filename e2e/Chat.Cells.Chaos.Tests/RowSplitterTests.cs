using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Chaos.Steps;

namespace Chat.Cells.Chaos.Tests;

public sealed class RowSplitterTests
{
    [Fact]
    public void Split_JudgedBatch_OneRowEachInThePortsOrderAndThePartitionTimeLast()
    {
        var message = new MessageRow("c", Ulid.NewUlid(), "anna", "text", ReadOnlyMemory<byte>.Empty, null, 1);
        var change = new MessageChange("c", message.MessageId, Ulid.NewUlid(), true, "anna", "", default);
        var receipt = new ReceiptRow("c", "anna", null, null);
        var request = new RequestRow("c", "anna", "r", 7, null, 1, null, 5);
        var batch = new JudgedBatch(3, 99, [message, message], [change], [], [receipt], [request]);

        var parts = RowSplitter.Split(batch).ToArray();

        Assert.Equal(["row:message", "row:message", "row:message-change", "row:receipt", "row:request", "row:log-partition"], parts.Select(p => p.Effect));
        var batches = parts.Select(p => (JudgedBatch)p.Batch).ToArray();
        Assert.All(batches[..5], b => Assert.Null(b.LogPartition));
        Assert.All(batches[..5], b => Assert.Equal(1, b.Messages.Count + b.Changes.Count + b.Channels.Count + b.Receipts.Count + b.Requests.Count));
        Assert.Same(message, batches[0].Messages[0]);
        Assert.Same(change, batches[2].Changes[0]);
        Assert.Same(request, batches[4].Requests[0]);
        Assert.Equal(((ushort?)3, 99L, 0), (batches[5].LogPartition, batches[5].PartitionTime, batches[5].Messages.Count));
    }

    [Fact]
    public void Split_DeliveredBatch_RowsBeforeMarksAndThePartitionInEach()
    {
        var row = new InboxRow("anna", new InboxCursor(0, 1, 2), ReadOnlyMemory<byte>.Empty);
        var parts = RowSplitter.Split(new DeliveredBatch(5, [row], [new HighWaterMark(1, 2)])).ToArray();

        Assert.Equal(["row:inbox", "row:high-water-mark"], parts.Select(p => p.Effect));
        Assert.All(parts, p => Assert.Equal(5, ((DeliveredBatch)p.Batch).InboxPartition));
    }

    [Fact]
    public void Split_BatchFromABridge_HasNoPartitionTime()
    {
        var message = new MessageRow("c", Ulid.NewUlid(), "anna", "text", ReadOnlyMemory<byte>.Empty, null, 1);
        Assert.Equal(["row:message"], RowSplitter.Split(new JudgedBatch(null, 0, [message], [], [], [], [])).Select(p => p.Effect));
    }
}
