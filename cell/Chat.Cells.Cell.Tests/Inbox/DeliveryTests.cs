using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Tests.Messaging.Doubles;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Inbox;

public sealed class DeliveryTests
{
    private static readonly TopicPartition Partition = TestCell.InboxPartitions[0];
    private readonly TestCell cell = new();

    [Fact]
    public async Task Process_SeveralEventsForAUser_HintsFormAChainOfCursors()
    {
        Append(1, null, Say.Anna, Say.Ben);
        Append(2, 1, Say.Anna);
        Append(5, 2, Say.Anna, Say.Ben);
        await cell.DeliverAllAsync();

        var chain = cell.State.Hints.SelectMany(h => h.Users).Where(u => u.UserId == Say.Anna).ToList();
        Assert.Equal(InboxCursor.Start, chain[0].Previous);
        Assert.Equal(chain.Take(2).Select(u => u.Cursor), chain.Skip(1).Select(u => u.Previous));
        Assert.Equal(chain[^1].Cursor, cell.State.Cursors[Say.Anna]);
        var ben = cell.State.Hints.SelectMany(h => h.Users).Where(u => u.UserId == Say.Ben).ToList();
        Assert.Equal(ben[0].Cursor, ben[1].Previous);
        Assert.All(cell.Store.Inbox.Values, r => Assert.Empty(InboxRecord.Decode(r.Payload).Recipients));
    }

    [Fact]
    public async Task Process_AfterARestart_ContinuesTheChainFromTheStore()
    {
        Append(1, null, Say.Anna);
        await cell.DeliverAllAsync();
        var first = cell.State.Cursors[Say.Anna];
        Append(2, 1, Say.Anna);
        await cell.DeliverAllAsync();
        Assert.Equal(first, cell.State.Hints.Last().Users[0].Previous);
    }

    [Fact]
    public async Task Process_AppendedTwice_DeliversOnceHoweverOld()
    {
        for (var i = 0; i < 50; i++) Append(i, null, Say.Anna);
        await cell.DeliverAllAsync(7);
        for (var i = 0; i < 50; i++) Append(i, null, Say.Anna);
        Append(50, 49, Say.Anna);
        await cell.DeliverAllAsync(7);
        Assert.Equal(Enumerable.Range(0, 51).Select(i => (long)i), cell.InboxOf(Say.Anna).Select(e => e.SourceOffset));
    }

    [Fact]
    public async Task Process_PredecessorMissing_WaitsForBothToComeAgain()
    {
        Append(1, null, Say.Anna);
        Append(3, 2, Say.Anna);
        await cell.DeliverAllAsync();
        Assert.Equal([1L], cell.InboxOf(Say.Anna).Select(e => e.SourceOffset));
        Append(2, null, Say.Anna);
        Append(3, 2, Say.Anna);
        await cell.DeliverAllAsync();
        Assert.Equal([1L, 2, 3], cell.InboxOf(Say.Anna).Select(e => e.SourceOffset));
    }

    [Fact]
    public async Task Process_RecordsOfEarlierBatchesAreGone_DeliversWhatComesAfterThem()
    {
        cell.Add(Say.CreateGroup(Say.Ben));
        var fanOut = await Worker.StartAsync(cell.Log, FanOutRole.Group, TestCell.JudgedPartitions[1], cell.FanOut());
        await fanOut.StepAsync(100);
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        await fanOut.StepAsync(100);
        // Delivery was away for so long that the log has dropped them.
        foreach (var partition in TestCell.InboxPartitions)
        {
            cell.Log.SetCommitted(DeliveryRole.Group, partition, new CommittedOffset(cell.Log.Records(partition).Count, ""));
        }
        cell.Add(Say.Send(Say.Group, Say.Anna, "m2"));
        await fanOut.StepAsync(100);

        await cell.DeliverAllAsync();

        Assert.Equal(["m2"], cell.InboxOf(Say.Anna).Select(e => e.RequestId));
        Assert.Single(cell.InboxOf(Say.Ben));
    }

    [Fact]
    public async Task Process_StoppedBetweenRowsAndAnnouncement_AnnouncesWhenItComesBack()
    {
        Append(1, null, Say.Anna);
        cell.Faults.CrashBefore(2); // the row and the mark are written, the cursor is not
        await Assert.ThrowsAsync<CrashException>(async () =>
        {
            var worker = await Worker.StartAsync(cell.Log, DeliveryRole.Group, Partition, cell.Delivery());
            await worker.StepAsync(10);
        });
        Assert.Single(cell.Store.Inbox);
        Assert.Empty(cell.State.Cursors);
        cell.Faults.Restart();
        await cell.DeliverAllAsync();
        Assert.Equal(cell.Store.Inbox.Keys.Single().Cursor, cell.State.Cursors[Say.Anna]);
    }

    [Fact]
    public async Task Process_ClockRunsBackOverAWeek_CursorsStillGrow()
    {
        Append(1, null, Say.Anna);
        cell.Log.Now -= 20L * 24 * 3600 * 1000;
        Append(2, 1, Say.Anna);
        await cell.DeliverAllAsync(1);
        Append(3, 2, Say.Anna);
        await cell.DeliverAllAsync();
        Assert.Equal([1L, 2, 3], cell.InboxOf(Say.Anna).Select(e => e.SourceOffset));
        Assert.Single(cell.Store.Inbox.Keys.Select(k => k.Cursor.Bucket).Distinct());
    }

    [Fact]
    public async Task Process_UnreadableRecord_GoesToDeadAndTheRestGoesOn()
    {
        cell.Log.Add(Partition, "x"u8.ToArray(), [9, 9, 9]);
        Append(1, null, Say.Anna);
        await cell.DeliverAllAsync();
        Assert.Single(cell.InboxOf(Say.Anna));
        var dead = DeadLetter.Decode(Assert.Single(cell.Log.Records(new TopicPartition(Topics.Dead, 0))).Value);
        Assert.Equal((Topics.InboxTopic, 0L), (dead.Topic, dead.Offset));
    }

    [Fact]
    public async Task Process_StateIsDown_DeliversAllTheSame()
    {
        cell.State.Down = true;
        Append(1, null, Say.Anna);
        await cell.DeliverAllAsync();
        Assert.Single(cell.InboxOf(Say.Anna));
        Assert.Equal(1, cell.Log.Committed(DeliveryRole.Group, Partition)!.NextOffset);
    }

    [Fact]
    public async Task Process_StateThatDoesNotAnswer_GoesOnAndAllIsAnnouncedInOrderLater()
    {
        const int count = 100;
        var answers = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        cell.State.Answers = answers.Task;
        for (var i = 0; i < count; i++) Append(i, i == 0 ? null : i - 1, Say.Anna, Say.Ben);

        // One batch of many records, then many of one.
        var worker = await Worker.StartAsync(cell.Log, DeliveryRole.Group, Partition, cell.Delivery());
        await worker.StepAsync(60).WaitAsync(TimeSpan.FromSeconds(30));
        while (await worker.StepAsync(1).WaitAsync(TimeSpan.FromSeconds(30)))
        {
        }

        Assert.Equal(count, cell.Log.Committed(DeliveryRole.Group, Partition)!.NextOffset);
        Assert.Equal(count, cell.InboxOf(Say.Anna).Count);
        Assert.Empty(cell.State.Hints);
        answers.SetResult();
        await Poll.UntilAsync(() => cell.State.Hints.Count() == count, "all hints are published");
        var latest = cell.Store.Inbox.Keys.Max(k => k.Cursor);
        foreach (var user in new[] { Say.Anna, Say.Ben })
        {
            var chain = cell.State.Hints.SelectMany(h => h.Users).Where(u => u.UserId == user).ToList();
            Assert.Equal([InboxCursor.Start, .. chain.SkipLast(1).Select(u => u.Cursor)], chain.Select(u => u.Previous));
            Assert.Equal((latest, latest), (chain[^1].Cursor, cell.State.Cursors[user]));
        }
        Assert.Equal(1 + count - 60, cell.State.UnreadCalls);
    }

    [Fact]
    public async Task Process_StateWasDownAndIsBack_LatestCursorIsRaisedWithoutAnotherMessage()
    {
        cell.State.Down = true;
        Append(1, null, Say.Anna);
        var worker = await Worker.StartAsync(cell.Log, DeliveryRole.Group, Partition, cell.Delivery());
        await worker.StepAsync(10);
        Assert.Empty(cell.State.Cursors);

        cell.State.Down = false;
        await Poll.UntilAsync(() => cell.State.Cursors.ContainsKey(Say.Anna), "the cursor is raised");
        Assert.Equal(cell.Store.Inbox.Keys.Single().Cursor, cell.State.Cursors[Say.Anna]);
    }

    [Fact]
    public async Task Process_PartitionTakenAwayWhileTheStateWasDown_LatestCursorIsRaisedAllTheSame()
    {
        cell.State.Down = true;
        Append(1, null, Say.Anna);
        var worker = await Worker.StartAsync(cell.Log, DeliveryRole.Group, Partition, cell.Delivery());
        await worker.StepAsync(10);
        await worker.StopAsync();

        cell.State.Down = false;

        await Poll.UntilAsync(() => cell.State.Cursors.ContainsKey(Say.Anna), "the cursor is raised");
    }

    [Fact]
    public async Task Announce_ManyUsersMissed_RaisesThemInCallsThatTheStateCanAnswer()
    {
        await using var announcer = new CursorAnnouncer(cell.State, TimeProvider.System, NullLogger.Instance);
        var missed = Enumerable.Range(0, 5_000).Select(i => new UserCursor($"a.{i}", new InboxCursor(1, 1, i))).ToList();
        cell.State.Down = true;
        await Assert.ThrowsAsync<IOException>(async () => await announcer.AdvanceAsync(missed, CancellationToken.None));

        cell.State.Down = false;

        await Poll.UntilAsync(() => cell.State.Cursors.Count == missed.Count, "all cursors are raised");
        Assert.InRange(cell.State.MostCursors, 1, 2_000);
    }

    private void Append(long sourceOffset, long? previous, params string[] users)
    {
        var record = new InboxRecord(77, sourceOffset, users, InboxKind.Message, "g", Ulid.MinValue, Say.Anna, "r", 1, new byte[] { 1 }, previous);
        cell.Log.Add(Partition, "k"u8.ToArray(), InboxRecord.Encode(record));
    }
}
