using System.Buffers;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Tests.Messaging.Doubles;

namespace Chat.Cells.Cell.Tests.Inbox;

/// <summary>What follows a record that never comes: because it can't be read or the log lost it, or because its append failed and both come again.</summary>
public sealed class LostPredecessorTests
{
    private const long Source = 77;
    private static readonly TopicPartition Partition = TestCell.InboxPartitions[0];
    private readonly TestCell cell = new();

    /// <summary>Records that can't be read, in the place of source offset 2.</summary>
    public static TheoryData<string> Poisons => ["garbage", "text", "cut short", "newer format"];

    [Theory]
    [MemberData(nameof(Poisons))]
    public async Task Process_ChainGoesOnBehindAnUnreadableRecord_WhatFollowsIsDelivered(string poison)
    {
        Append(1, null);
        AppendPoison(poison);
        Append(3, 2);
        Append(4, 3);
        await cell.DeliverAllAsync();
        Assert.Equal([1L, 3, 4], Delivered());
        Assert.Single(cell.Log.Records(new TopicPartition(Topics.Dead, 0)));
    }

    [Theory]
    [MemberData(nameof(Poisons))]
    public async Task Process_AnotherWorkerForEachRecord_DecidesAsOneDoes(string poison)
    {
        Append(1, null);
        AppendPoison(poison);
        Append(3, 2);
        Append(4, 3);
        for (var i = 0; i < 4; i++) await (await StartAsync()).StepAsync(1);
        Assert.Equal([1L, 3, 4], Delivered());
    }

    [Theory]
    [MemberData(nameof(Poisons))]
    public async Task Process_TwoWorkersAtOnceAndReplays_WriteTheSameRows(string poison)
    {
        Append(1, null);
        AppendPoison(poison);
        Append(3, 2);
        Append(5, 4); // the append of 4 failed
        Append(4, 3);
        Append(5, 4);
        var slow = await StartAsync();
        await cell.DeliverAllAsync();
        var rows = cell.Store.Inbox.Keys.ToList();
        while (await slow.StepAsync(2))
        {
        }
        for (var from = 0; from < 6; from++)
        {
            cell.Log.SetCommitted(DeliveryRole.Group, Partition, new CommittedOffset(from, ""));
            await cell.DeliverAllAsync(1);
        }

        Assert.Equal([1L, 3, 4, 5], Delivered());
        Assert.Equal(rows, cell.Store.Inbox.Keys);
    }

    [Fact]
    public async Task Process_LogBeginsInTheMiddleOfAChain_TheRestOfItIsDelivered()
    {
        for (var i = 0; i < 6; i++) Append(i, i == 0 ? null : i - 1);
        cell.Log.Oldest[Partition] = 3;
        await cell.DeliverAllAsync();
        Assert.Equal([3L, 4, 5], Delivered());
    }

    [Fact]
    public async Task Process_LogBeginsInTheMiddleOfTwoChains_AnotherWorkerDeliversTheSecond()
    {
        Append(1, null);
        Append(11, null, source: 78);
        Append(2, 1);
        Append(12, 11, source: 78);
        cell.Log.Oldest[Partition] = 2;
        await (await StartAsync()).StepAsync(1);
        await (await StartAsync()).StepAsync(1);
        Assert.Equal([2L, 12], Delivered());
    }

    [Fact]
    public async Task Process_AppendFailedBehindAnUnreadableRecord_WaitsForBothToComeAgain()
    {
        Append(1, null);
        AppendPoison("garbage");
        Append(2, 1);
        await ThreeFailsAndFourComesAsync([1, 2]);
    }

    [Fact]
    public async Task Process_AppendFailedBehindAnUnreadableRecordOfAnotherSource_WaitsForBothToComeAgain()
    {
        Append(1, null);
        Append(2, 1);
        AppendPoison("newer format", 78);
        await ThreeFailsAndFourComesAsync([1, 2]);
    }

    [Fact]
    public async Task Process_AppendFailedLongAfterAnUnreadableRecord_WaitsForBothToComeAgain()
    {
        Append(2, null);
        AppendPoison("garbage");
        cell.Log.Now += 3_600_000;
        await ThreeFailsAndFourComesAsync([2]);
    }

    [Fact]
    public async Task Process_AppendFailedLongAfterTheOldestRecord_WaitsForBothToComeAgain()
    {
        Append(1, null, source: 78);
        Append(2, 1, source: 78);
        cell.Log.Oldest[Partition] = 1;
        cell.Log.Now += 3_600_000;
        await ThreeFailsAndFourComesAsync([2]);
    }

    [Fact]
    public async Task Process_FirstAppendEverFailed_WaitsForBothToComeAgain() => await ThreeFailsAndFourComesAsync([]);

    [Fact]
    public async Task Process_UnreadableRecordWithinWhatComesAgain_WaitsForAllOfIt()
    {
        Append(1, null);
        Append(3, 2); // the append of 2 failed
        AppendPoison("garbage");
        Append(5, 4);
        await cell.DeliverAllAsync();
        Assert.Equal([1L], Delivered());
        for (var i = 2; i <= 5; i++) Append(i, i == 2 ? null : i - 1);
        await cell.DeliverAllAsync();
        Assert.Equal([1L, 2, 3, 4, 5], Delivered());
    }

    [Fact]
    public async Task Process_AppendBeforeAnUnreadableRecordFailed_WaitsForAllOfIt()
    {
        Append(0, null);
        AppendPoison("newer format"); // it is 2, and says that 1 came before it
        Append(3, 2);
        await cell.DeliverAllAsync();
        Assert.Equal([0L], Delivered());
        Append(1, null);
        AppendPoison("newer format");
        Append(3, 2);
        await cell.DeliverAllAsync();
        Assert.Equal([0L, 1, 3], Delivered());
    }

    private async Task ThreeFailsAndFourComesAsync(long[] before)
    {
        Append(4, 3);
        Append(5, 4);
        await cell.DeliverAllAsync();
        Assert.Equal(before, Delivered());
        Append(3, null);
        Append(4, 3);
        Append(5, 4);
        await cell.DeliverAllAsync(1);
        Assert.Equal([.. before, 3, 4, 5], Delivered());
    }

    private Task<Worker> StartAsync() => Worker.StartAsync(cell.Log, DeliveryRole.Group, Partition, cell.Delivery());

    private IEnumerable<long> Delivered() => cell.InboxOf(Say.Anna).Select(e => e.SourceOffset);

    private void Append(long sourceOffset, long? previous, long source = Source) => Append(InboxRecord.Encode(Record(sourceOffset, previous, source)));

    private void AppendPoison(string kind, long source = Source)
    {
        Append(kind switch
        {
            "garbage" => [9, 9, 9],
            "text" => "no record, but longer than one must be"u8.ToArray(),
            "cut short" => InboxRecord.Encode(Record(2, 1, source))[..^5],
            _ => NewerFormat(),
        });

        byte[] NewerFormat()
        {
            var buffer = new ArrayBufferWriter<byte>();
            var w = new RecordWriter(buffer);
            w.Byte(2);
            w.Byte((byte)InboxKind.Message);
            w.UInt64((ulong)source);
            w.Int(2);
            w.Int(1 + 1);
            w.Text("whatever that is");
            return buffer.WrittenSpan.ToArray();
        }
    }

    private void Append(byte[] value) => cell.Log.Add(Partition, "k"u8.ToArray(), value);

    private static InboxRecord Record(long sourceOffset, long? previous, long source) =>
        new(source, sourceOffset, [Say.Anna], InboxKind.Message, "g", Ulid.MinValue, Say.Anna, "r", 1, new byte[] { 1 }, previous);
}
