using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Tests.Bridging;
using Chat.Cells.Cell.Tests.Messaging;
using Chat.Cells.Cell.Tests.Messaging.Doubles;
using Chat.Cells.Cell.Unread;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Unread;

/// <summary>Unread sets as delivery keeps them, against the inbox rows themselves.</summary>
public sealed class UnreadReplayTests
{
    private static readonly Config Config = Config.QuickThrowOnFailure.WithMaxTest(150);
    private static readonly string[] Users = [Say.Anna, Say.Ben, Say.Cleo, Say.Dora];
    private static readonly string[] Everybody = [.. Users, Say.Xena, Say.Yuri];

    [Fact]
    public void Delivery_RandomLogsBatchesAndReplays_KeepsWhatTheInboxSays() =>
        Prop.ForAll<Op[], byte, byte>(async (ops, batch, back) =>
        {
            var cell = await PreparedAsync(ops);
            await cell.RunAllAsync(1 + (batch % 30));
            foreach (var partition in TestCell.InboxPartitions) cell.Log.SetCommitted(DeliveryRole.Group, partition, null);
            await cell.DeliverAllAsync(1 + (back % 30));

            foreach (var user in Users)
            {
                var counts = (await cell.State.GetUnreadAsync([user], default))[0];
                Assert.NotNull(counts);
                Assert.Equal(LatestOf(cell, user), counts.Cursor);
                Assert.Equal(Expected(cell, user), Sorted(counts));
            }
        }).Check(Config);

    [Fact]
    public void Cell_CrashesBetweenAnyTwoEffects_IsRightOrKnownToBeIncomplete() =>
        Prop.ForAll<Op[], byte[], byte>(async (ops, crashes, batch) =>
        {
            var cell = await PreparedAsync(ops);
            foreach (var crash in crashes.Take(12))
            {
                cell.Faults.CrashBefore(crash % 60);
                await cell.JudgeAllAsync(1 + (batch % 30));
                cell.Faults.Restart();
                cell.Faults.CrashBefore(crash % 40);
                await cell.DeliverAllAsync(1 + (batch % 30));
                cell.Faults.Restart();
            }
            await cell.RunAllAsync();

            var reader = new UnreadReader(cell.State, cell.Store, TimeProvider.System, NullLogger<UnreadReader>.Instance);
            foreach (var user in Users)
            {
                // Sets that reach the inbox's end are right; what lacks something says so, and is rebuilt.
                var latest = LatestOf(cell, user);
                var known = (await cell.State.GetUnreadAsync([user], default))[0];
                if (known is not null && known.Cursor >= latest) Assert.Equal(Expected(cell, user), Sorted(known));
                Assert.Equal(Expected(cell, user), Sorted(await reader.RebuildAsync(user)));
                Assert.Equal(Expected(cell, user), Sorted((await cell.State.GetUnreadAsync([user], default))[0]!));
            }
        }).Check(Config);

    [Fact]
    public async Task Delivery_GroupOfFifty_UpdatesAllInOneCall()
    {
        var cell = new TestCell();
        var others = Enumerable.Range(0, 49).Select(i => $"a.01HZZZZZZZZZZZZZZZZZZZZZ{i:D2}").ToArray();
        cell.Add(Say.CreateGroup(others));
        await cell.RunAllAsync();
        foreach (var user in others.Append(Say.Anna)) await StartAsync(cell, user);
        var before = cell.State.UnreadCalls;

        for (var i = 0; i < 20; i++) cell.Add(Say.Send(Say.Group, Say.Anna, "r" + i));
        await cell.RunAllAsync();

        Assert.InRange(cell.State.UnreadCalls - before, 1, TestCell.InboxPartitions.Count);
        Assert.All(await cell.State.GetUnreadAsync(others, default), counts => Assert.Equal(20, Assert.Single(counts!.Channels).Count));
        Assert.Empty((await cell.State.GetUnreadAsync([Say.Anna], default))[0]!.Channels);
    }

    [Fact]
    public async Task Delivery_StateIsDown_GoesOnAndTheNextUpdateShowsTheHole()
    {
        var cell = new TestCell();
        cell.Add(Say.CreateGroup(Say.Ben));
        await cell.RunAllAsync();
        await StartAsync(cell, Say.Ben);
        cell.State.Down = true;
        cell.Add(Say.Send(Say.Group, Say.Anna, "lost"));
        await cell.RunAllAsync();
        Assert.Single(cell.InboxOf(Say.Ben), e => e.Kind == InboxKind.Message);

        cell.State.Down = false;
        var reader = new UnreadReader(cell.State, cell.Store, TimeProvider.System, NullLogger<UnreadReader>.Instance);
        Assert.Equal(1, Assert.Single((await reader.ReadAsync(Say.Ben, default)).Channels).Count); // behind: rebuilt
        cell.State.Down = true;
        cell.Add(Say.Send(Say.Group, Say.Anna, "lost too"));
        await cell.RunAllAsync();
        cell.State.Down = false;
        cell.Add(Say.Send(Say.Group, Say.Anna, "heard"));
        await cell.RunAllAsync();
        Assert.Null((await cell.State.GetUnreadAsync([Say.Ben], default))[0]);
        Assert.Equal(3, Assert.Single((await reader.ReadAsync(Say.Ben, default)).Channels).Count);
    }

    [Fact]
    public async Task Delivery_LateMessageOfAnotherCell_CountsUnlessTheReaderIsBeyondIt()
    {
        var cells = new TwoCells();
        cells.A.Add(Say.CreateGroup(Say.Ben, Say.Xena));
        await cells.SettleAsync();
        await StartAsync(cells.A, Say.Ben);
        // Judged in the other cell while nothing comes over.
        cells.B.Log.Now = cells.A.Log.Now + 1_000;
        cells.B.Add(Say.Send(Say.Group, Say.Xena, "older than what is read"));
        cells.B.Log.Now += 2_000;
        cells.B.Add(Say.Send(Say.Group, Say.Xena, "older than what is there"));
        await cells.B.JudgeAllAsync();
        cells.A.Log.Now += 2_000;
        cells.A.Add(Say.Send(Say.Group, Say.Anna, "read"));
        await cells.A.RunAllAsync();
        var read = cells.A.InboxOf(Say.Ben)[^1].EventId;
        cells.A.Add(new ReceiptRecord(Say.Group, Say.Ben, read, read, [Say.Anna]));
        cells.A.Log.Now += 2_000;
        cells.A.Add(Say.Send(Say.Group, Say.Anna, "not read"));
        await cells.A.RunAllAsync();
        await AssertCountAsync(1);

        await cells.SettleAsync();

        var late = cells.A.InboxOf(Say.Ben).TakeLast(2).Select(e => e.EventId).ToList();
        Assert.True(late[0] < read && read < late[1]);
        await AssertCountAsync(2);

        async Task AssertCountAsync(int count)
        {
            Assert.Equal(new ChannelUnread(Say.Group, count, read), Assert.Single((await cells.A.State.GetUnreadAsync([Say.Ben], default))[0]!.Channels));
            Assert.Equal(count, Assert.Single(await new StoredUnread(cells.A.Store).ReadAsync(Say.Ben, default), c => c.ChannelId == Say.Group).Ids.Count);
        }
    }

    [Fact]
    public void Bridges_RandomLogsAndLateArrivals_KeepWhatTheInboxSays() =>
        Prop.ForAll<Op[], Op[], byte[]>(async (here, there, turns) =>
        {
            var cells = new TwoCells();
            foreach (var user in Everybody) await StartAsync(cells.Of(user), user);
            RandomLog.AppendTo(cells.A, here);
            await cells.SettleAsync();
            foreach (var op in there.Where(o => o.Kind % 16 > 4)) RandomLog.Append(cells.B, op);
            foreach (var turn in turns.Take(15))
            {
                await cells.B.RunAllAsync(1 + (turn % 9));
                if (turn % 2 == 0) await TwoCells.CarryAsync(cells.B, cells.A, 1 + (turn % 7), 1 + (turn % 3));
                await cells.A.ServeAllAsync("b", 1 + (turn % 5));
                await cells.A.DeliverAllAsync(1 + (turn % 4));
            }
            await cells.SettleAsync();

            foreach (var user in Everybody)
            {
                var counts = (await cells.Of(user).State.GetUnreadAsync([user], default))[0];
                Assert.NotNull(counts);
                Assert.Equal(Expected(cells.Of(user), user), Sorted(counts));
            }
        }).Check(Config);

    private static async Task<TestCell> PreparedAsync(Op[] ops)
    {
        var cell = new TestCell();
        foreach (var user in Users) await StartAsync(cell, user);
        RandomLog.AppendTo(cell, ops);
        return cell;
    }

    private static async Task StartAsync(TestCell cell, string user) =>
        await new UnreadReader(cell.State, cell.Store, TimeProvider.System, NullLogger<UnreadReader>.Instance).RebuildAsync(user);

    private static InboxCursor LatestOf(TestCell cell, string user) =>
        cell.Store.Inbox.Keys.Where(k => k.User == user).Select(k => k.Cursor).LastOrDefault(InboxCursor.Start);

    private static IEnumerable<ChannelUnread> Sorted(UnreadCounts counts) => counts.Channels.OrderBy(c => c.ChannelId, StringComparer.Ordinal);

    /// <summary>By the definition, from the user's inbox rows.</summary>
    private static List<ChannelUnread> Expected(TestCell cell, string user)
    {
        var sets = new SortedDictionary<string, (HashSet<Ulid> Ids, Ulid? ReadUpTo)>(StringComparer.Ordinal);
        foreach (var record in cell.InboxOf(user))
        {
            var (ids, readUpTo) = sets.GetValueOrDefault(record.ChannelId, ([], null));
            var payload = System.Text.Encoding.UTF8.GetString(record.Payload.Span);
            if (record.Kind == InboxKind.Message && record.SenderId != user) ids.Add(record.EventId);
            if (record.Kind == InboxKind.ChannelChanged && payload.Contains("\"removed\":true", StringComparison.Ordinal)) ids.Clear();
            if (record.Kind == InboxKind.Read)
            {
                var pointer = Ulid.Parse(payload[(payload.IndexOf("\"readUpTo\":\"", StringComparison.Ordinal) + 12)..][..26]);
                if (!(readUpTo >= pointer)) readUpTo = pointer;
            }
            sets[record.ChannelId] = (ids, readUpTo);
        }
        return [.. sets.Select(s => new ChannelUnread(s.Key, Math.Min(UnreadLimits.Cap, s.Value.Ids.Count(i => !(i <= s.Value.ReadUpTo))), s.Value.ReadUpTo)).Where(c => c.Count > 0)];
    }
}
