using System.Text.Json;
using Chat.Cells.Cell.Channels;
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
            await cell.RunAllThroughCrashesAsync(crashes, 1 + (batch % 30));

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

    /// <summary>Two messages of the other cell are held up while the reader reads on; one of them sorts below the read pointer.</summary>
    [Theory]
    [InlineData(false, 2)]
    [InlineData(true, 3)]
    public async Task Delivery_LateMessageOfAnotherCell_CountsWhateverTheReaderHasReadSince(bool withCursor, int expected)
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
        var readAt = LatestOf(cells.A, Say.Ben);
        cells.A.Add(new ReceiptRecord(Say.Group, Say.Ben, read, read, [Say.Anna, Say.Xena], withCursor ? readAt : null));
        cells.A.Log.Now += 2_000;
        cells.A.Add(Say.Send(Say.Group, Say.Anna, "not read"));
        await cells.A.RunAllAsync();
        await AssertCountAsync(1, read);

        await cells.SettleAsync();

        var late = cells.A.InboxOf(Say.Ben).TakeLast(2).Select(e => e.EventId).ToList();
        Assert.True(late[0] < read && read < late[1]);
        await AssertCountAsync(expected, read);

        // The same read again, of a device that was not sent them: nothing changes. Of one that was: all is read.
        cells.A.Add(new ReceiptRecord(Say.Group, Say.Ben, read, read, [], withCursor ? readAt : null));
        await cells.SettleAsync();
        await AssertCountAsync(expected, read);
        var last = cells.A.InboxOf(Say.Ben).Max(e => e.EventId);
        cells.A.Add(new ReceiptRecord(Say.Group, Say.Ben, last, last, [], LatestOf(cells.A, Say.Ben)));
        await cells.SettleAsync();
        Assert.Empty((await cells.A.State.GetUnreadAsync([Say.Ben], default))[0]!.Channels);
        Assert.Empty(Assert.Single((await StoredAsync(cells.A, Say.Ben)).Channels, c => c.ChannelId == Say.Group).Messages);

        // The cursor is the reader's own business: the other cell has the pointer only.
        Assert.Equal(read, cells.B.Store.Receipts[(Say.Group, Say.Ben)].ReadUpTo);
        Assert.Null(cells.B.Store.Reads[(Say.Group, Say.Ben)].Cursor);

        async Task AssertCountAsync(int count, Ulid pointer)
        {
            Assert.Equal(new ChannelUnread(Say.Group, count, pointer), Assert.Single((await cells.A.State.GetUnreadAsync([Say.Ben], default))[0]!.Channels));
            Assert.Equal(count, Assert.Single((await StoredAsync(cells.A, Say.Ben)).Channels, c => c.ChannelId == Say.Group).Messages.Count);
        }
    }

    [Fact]
    public async Task Rebuild_OverALongInbox_KeepsHowFarItWasReadAndReadsNoMoreThanThat()
    {
        var cell = new TestCell();
        cell.Add(Say.CreateGroup(Say.Ben));
        cell.Add(Say.CreateDirect(Say.Anna, Say.Ben));
        cell.Add(Say.Send(Say.Group, Say.Anna, "first"));
        await cell.RunAllAsync();
        var first = cell.InboxOf(Say.Ben).Max(e => e.EventId);
        cell.Add(new ReceiptRecord(Say.Group, Say.Ben, first, first, [], LatestOf(cell, Say.Ben)));
        await cell.RunAllAsync();
        var direct = ChannelId.ForDirect(Say.Anna, Say.Ben);
        for (var i = 0; i < 300; i++) cell.Add(Say.Send(direct, Say.Anna, "r" + i));
        await cell.RunAllAsync();
        var expected = Expected(cell, Say.Ben);

        await StartAsync(cell, Say.Ben);

        var latest = LatestOf(cell, Say.Ben);
        Assert.Equal(latest, cell.Store.Reads[(Say.Group, Say.Ben)].KnownCursor);
        Assert.False(cell.Store.Reads.ContainsKey((direct, Say.Ben)));
        Assert.Equal(expected, Sorted((await cell.State.GetUnreadAsync([Say.Ben], default))[0]!));
        cell.Add(Say.Send(Say.Group, Say.Anna, "second"));
        await cell.RunAllAsync();
        expected = Expected(cell, Say.Ben);
        await StartAsync(cell, Say.Ben);
        Assert.Equal(latest, cell.Store.Reads[(Say.Group, Say.Ben)].KnownCursor);
        Assert.Equal(expected, Sorted((await cell.State.GetUnreadAsync([Say.Ben], default))[0]!));
    }

    [Fact]
    public async Task Rebuild_OverADamagedRow_CountsTheOthers()
    {
        var cell = new TestCell();
        cell.Add(Say.CreateGroup(Say.Ben));
        cell.Add(Say.Send(Say.Group, Say.Anna, "first"));
        await cell.RunAllAsync();
        var first = cell.InboxOf(Say.Ben).Max(e => e.EventId);
        var at = LatestOf(cell, Say.Ben);
        cell.Add(new ReceiptRecord(Say.Group, Say.Ben, first, first, [], at));
        cell.Add(Say.Send(Say.Group, Say.Anna, "second"));
        cell.Add(Say.Send(Say.Group, Say.Anna, "third"));
        await cell.RunAllAsync();
        var (key, row) = cell.Store.Inbox.First(r => r.Key.User == Say.Ben && r.Key.Cursor > at);
        cell.Store.Inbox[key] = row with { Payload = new byte[] { 200, 1 } };

        await StartAsync(cell, Say.Ben);

        Assert.Equal(new ChannelUnread(Say.Group, 2, first), Assert.Single((await cell.State.GetUnreadAsync([Say.Ben], default))[0]!.Channels));
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

    private static Task<StoredReading> StoredAsync(TestCell cell, string user) => new StoredUnread(cell.Store).ReadAsync(user, LatestOf(cell, user), default);

    private static InboxCursor LatestOf(TestCell cell, string user) =>
        cell.Store.Inbox.Keys.Where(k => k.User == user).Select(k => k.Cursor).LastOrDefault(InboxCursor.Start);

    private static IEnumerable<ChannelUnread> Sorted(UnreadCounts counts) => counts.Channels.OrderBy(c => c.ChannelId, StringComparer.Ordinal);

    /// <summary>By the definition, from the user's inbox rows.</summary>
    private static List<ChannelUnread> Expected(TestCell cell, string user)
    {
        var channels = new SortedDictionary<string, (Dictionary<Ulid, InboxCursor> Messages, ReadMark Read)>(StringComparer.Ordinal);
        foreach (var ((owner, at), row) in cell.Store.Inbox)
        {
            if (owner != user) continue;
            var record = InboxRecord.Decode(row.Payload);
            var (messages, read) = channels.GetValueOrDefault(record.ChannelId, ([], default));
            using var payload = JsonDocument.Parse(record.IsReference ? "{}" : "{" + System.Text.Encoding.UTF8.GetString(record.Payload.Span) + "}");
            if (record.Kind == InboxKind.Message && record.SenderId != user) messages[record.EventId] = at;
            if (record.Kind == InboxKind.ChannelChanged && payload.RootElement.TryGetProperty("removed", out _)) messages.Clear();
            if (record.Kind == InboxKind.Read)
            {
                InboxCursor? cursor = payload.RootElement.TryGetProperty("readCursor", out var text) && InboxCursor.TryParse(text.GetString(), out var parsed) ? parsed : null;
                read = read.Merge(ReadMark.Of(Ulid.Parse(payload.RootElement.GetProperty("readUpTo").GetString()!), cursor));
            }
            channels[record.ChannelId] = (messages, read);
        }
        return
        [
            .. channels
                .Select(c => new ChannelUnread(c.Key, Math.Min(UnreadLimits.Cap, c.Value.Messages.Count(m => !c.Value.Read.Covers(m.Key, m.Value))), c.Value.Read.UpTo))
                .Where(c => c.Count > 0),
        ];
    }
}
