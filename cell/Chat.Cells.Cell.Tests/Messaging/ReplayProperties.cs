using System.Text;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Tests.Messaging.Doubles;
using Chat.Cells.Protocol;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Cell.Tests.Messaging;

/// <summary>Whatever the batches, crashes and doubled workers: the same verdicts, ids and rows, and each event once in each inbox.</summary>
public sealed class ReplayProperties
{
    private static readonly Config Config = Config.QuickThrowOnFailure.WithMaxTest(150);

    [Fact]
    public void Judge_AnyBatchSizes_DecideTheSame() =>
        Prop.ForAll<Op[], byte>(async (ops, batch) =>
        {
            var one = await RunAsync(ops, 1);
            var other = await RunAsync(ops, 2 + (batch % 50));
            AssertSame(one, other);
        }).Check(Config);

    [Fact]
    public void Cell_CrashesBetweenAnyTwoEffects_LosesAndDoublesNothing() =>
        Prop.ForAll<Op[], byte[], byte>(async (ops, crashes, batch) =>
        {
            var expected = await RunAsync(ops, 7);
            var cell = new TestCell();
            RandomLog.AppendTo(cell, ops);
            await cell.RunAllThroughCrashesAsync(crashes, 1 + (batch % 30));
            AssertSame(expected, cell);
        }).Check(Config);

    [Fact]
    public void Cell_ReplayedFromAnyEarlierCommit_LosesAndDoublesNothing() =>
        Prop.ForAll<Op[], byte, byte>(async (ops, back, batch) =>
        {
            var expected = await RunAsync(ops, 7);
            var cell = new TestCell();
            RandomLog.AppendTo(cell, ops);
            var commits = new Dictionary<TopicPartition, List<CommittedOffset>>();
            foreach (var partition in TestCell.JudgedPartitions)
            {
                commits[partition] = [];
                var worker = await Worker.StartAsync(cell.Log, FanOutRole.Group, partition, cell.FanOut());
                while (await worker.StepAsync(1 + (batch % 5))) commits[partition].Add(cell.Log.Committed(FanOutRole.Group, partition)!);
            }
            await cell.DeliverAllAsync();
            foreach (var (partition, made) in commits) cell.Log.SetCommitted(FanOutRole.Group, partition, made.Count == 0 ? null : made[back % made.Count]);
            foreach (var partition in TestCell.InboxPartitions) cell.Log.SetCommitted(DeliveryRole.Group, partition, null);
            await cell.RunAllAsync();
            AssertSame(expected, cell);
        }).Check(Config);

    [Fact]
    public void Cell_TwoWorkersOnEachPartition_LoseAndDoubleNothing() =>
        Prop.ForAll<Op[], byte[]>(async (ops, turns) =>
        {
            var expected = await RunAsync(ops, 7);
            var cell = new TestCell();
            RandomLog.AppendTo(cell, ops);
            var workers = new List<Worker>();
            foreach (var partition in TestCell.JudgedPartitions)
            {
                workers.Add(await Worker.StartAsync(cell.Log, FanOutRole.Group, partition, cell.FanOut()));
                workers.Add(await Worker.StartAsync(cell.Log, FanOutRole.Group, partition, cell.FanOut()));
            }
            foreach (var partition in TestCell.InboxPartitions)
            {
                workers.Add(await Worker.StartAsync(cell.Log, DeliveryRole.Group, partition, cell.Delivery()));
                workers.Add(await Worker.StartAsync(cell.Log, DeliveryRole.Group, partition, cell.Delivery()));
            }
            foreach (var turn in turns) await workers[turn % workers.Count].StepAsync(1 + (turn / 32));
            var moved = true;
            while (moved)
            {
                moved = false;
                foreach (var worker in workers) moved |= await worker.StepAsync(3);
            }
            AssertSame(expected, cell);
        }).Check(Config);

    [Fact]
    public void Cell_AppendRefusedAmongOthers_LeavesNoHole() =>
        Prop.ForAll<Op[], byte[], byte>(async (ops, refusals, batch) =>
        {
            var expected = await RunAsync(ops, 7);
            var cell = new TestCell();
            RandomLog.AppendTo(cell, ops);
            foreach (var refusal in refusals.Take(10))
            {
                // The n-th append has no room; those that were started with it are made.
                var left = refusal % 30;
                cell.Log.Refuses = _ => left-- == 0;
                foreach (var partition in TestCell.JudgedPartitions)
                {
                    var worker = await Worker.StartAsync(cell.Log, FanOutRole.Group, partition, cell.FanOut());
                    try
                    {
                        while (await worker.StepAsync(1 + (batch % 30)))
                        {
                        }
                    }
                    catch (LogFullException)
                    {
                        continue;
                    }
                }
                cell.Log.Refuses = _ => false;
                await cell.DeliverAllAsync();
            }
            await cell.RunAllAsync();
            AssertSame(expected, cell);
        }).Check(Config);

    [Fact]
    public void Judge_RandomLogs_KeepsTheOrderAndTheMembership() =>
        Prop.ForAll<Op[]>(async ops =>
        {
            var cell = await RunAsync(ops, 9);
            foreach (var partition in TestCell.JudgedPartitions)
            {
                var last = new Dictionary<string, Ulid>();
                foreach (var record in cell.Log.Records(partition))
                {
                    if (ChannelRecord.Decode(record.Value) is not SendRecord send) continue;
                    var id = cell.Store.Messages.Values.FirstOrDefault(m => m.ChannelId == send.ChannelId && MessageId.PositionOf(m.MessageId).Offset == record.Offset)?.MessageId;
                    var row = cell.Store.Channels[send.ChannelId];
                    var members = row.Members.Where(m => m.From <= record.Offset && (m.Until is null || record.Offset < m.Until)).Select(m => m.UserId).ToHashSet();
                    if (id is null) continue;
                    Assert.Contains(send.Origin.UserId, members);
                    Assert.True(id > last.GetValueOrDefault(send.ChannelId), "Ids grow in a channel.");
                    last[send.ChannelId] = id.Value;
                    if (send.After is { } after) Assert.True(id > after, "An answer sorts after what it answers.");
                    var recipients = cell.Store.Inbox.Values.Where(r => InboxRecord.Decode(r.Payload).EventId == id).Select(r => r.UserId).ToList();
                    Assert.Equal(members.Where(m => m.StartsWith("a.", StringComparison.Ordinal)).Order(), recipients.Order());
                }
            }
        }).Check(Config);

    private static async Task<TestCell> RunAsync(Op[] ops, int batch)
    {
        var cell = new TestCell();
        RandomLog.AppendTo(cell, ops);
        await cell.RunAllAsync(batch);
        return cell;
    }

    private static void AssertSame(TestCell expected, TestCell actual)
    {
        Assert.Equal(expected.Store.Messages.Values.Select(RandomLog.Text), actual.Store.Messages.Values.Select(RandomLog.Text));
        Assert.Equal(expected.Store.Changes.Values.Select(RandomLog.Text), actual.Store.Changes.Values.Select(RandomLog.Text));
        Assert.Equal(Requests(expected), Requests(actual));
        Assert.Equal(Channels(expected), Channels(actual));
        Assert.Equal(expected.Store.Receipts.Values, actual.Store.Receipts.Values);
        Assert.Equal(Verdicts(expected), Verdicts(actual));
        Assert.Equal(Inboxes(expected), Inboxes(actual));
        Assert.Equal(Outbound(expected), Outbound(actual));
        foreach (var user in actual.Store.Inbox.Keys.Select(k => k.User).Distinct())
        {
            Assert.Equal(actual.Store.Inbox.Keys.Last(k => k.User == user).Cursor, actual.State.Cursors[user]);
        }

        static IEnumerable<string> Requests(TestCell cell) => cell.Store.Requests.Values.Select(r => r.ToString()).Order(StringComparer.Ordinal);

        static IEnumerable<string> Channels(TestCell cell) =>
            cell.Store.Channels.Values.OrderBy(c => c.ChannelId, StringComparer.Ordinal).Select(c => $"{c with { Members = [] }} {string.Join(' ', c.Members)}");

        // A verdict may come again, and "retry" may turn into the verdict of the request that came after it; never into another one.
        static IEnumerable<string> Verdicts(TestCell cell) => cell.State.Verdicts.Select(v => v.ToString()).Distinct().Order(StringComparer.Ordinal);

        // Within a source the order is kept; between two it depends on who appended first.
        static IEnumerable<string> Inboxes(TestCell cell) =>
            cell.Store.Inbox.Values.Select(r => (r.UserId, Event: InboxRecord.Decode(r.Payload))).GroupBy(r => (r.UserId, r.Event.Source))
                .OrderBy(g => g.Key.UserId, StringComparer.Ordinal).ThenBy(g => g.Key.Source)
                .Select(g => $"{g.Key}: " + string.Join("; ", g.Select(r => $"{r.Event.SourceOffset} {r.Event.Kind} {r.Event.EventId} {WithoutName(r.Event)}")));

        static IEnumerable<string> Outbound(TestCell cell) =>
            Enumerable.Range(0, TestCell.Topics.Bridge).SelectMany(p =>
            {
                var marks = new Dictionary<int, long>();
                return cell.Log.Records(new TopicPartition(Topics.BridgeTo("b"), p)).Select(r => BridgeRecord.Decode(r.Value))
                    .Where(r =>
                    {
                        if (marks.TryGetValue(r.OriginPartition, out var mark) && r.OriginOffset <= mark) return false;
                        marks[r.OriginPartition] = r.OriginOffset;
                        return true;
                    })
                    .OrderBy(r => r.OriginPartition).ThenBy(r => r.OriginOffset)
                    .Select(r => $"{p} {r.OriginPartition} {r.OriginOffset} {r.Body.GetType().Name} {r.Body.ChannelId}");
            });

        // A replayed change is announced with the name that the channel has got since.
        static string WithoutName(InboxRecord record) =>
            record.Kind == InboxKind.ChannelChanged ? $"v{record.ChannelVersion}" : Encoding.UTF8.GetString(record.Payload.Span);
    }
}
