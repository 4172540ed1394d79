using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Cell.Tests.Contracts;

/// <summary>Unread sets.</summary>
public abstract partial class CellStateContract
{
    private static readonly string Group = "g:eu-west-1.01J00000000000000000000000";

    private static InboxCursor At(long offset) => new(1, 2_900, offset);

    private static Ulid Id(int number) => new(BitConverter.GetBytes(number).Reverse().Concat(new byte[12]).ToArray());

    /// <summary>Messages whose cursor is of no interest: reads without cursors cover them by their ids.</summary>
    private static UnreadMessage[] Messages(params int[] ids) => [.. ids.Select(id => new UnreadMessage(Id(id), At(0)))];

    private static UnreadChange Adds(params int[] ids) => new(Group, false, Messages(ids));

    private static UnreadChange AddsAt(long cursor, params int[] ids) => new(Group, false, [.. ids.Select(id => new UnreadMessage(Id(id), At(cursor)))]);

    private static UnreadChange Reads(int upTo, params int[] ids) => new(Group, false, Messages(ids), ReadMark.Of(Id(upTo), null));

    private static UnreadChange ReadsAt(int upTo, long cursor) => new(Group, false, [], ReadMark.Of(Id(upTo), At(cursor)));

    private static ReadMark Read(int upTo) => ReadMark.Of(Id(upTo), null);

    private async Task<UnreadCounts?> UnreadAsync(string user) => (await State.GetUnreadAsync([Name(user)], default))[0];

    private async Task<int> CountAsync(string user) => (await UnreadAsync(user) ?? throw new InvalidOperationException("not known")).Channels.SingleOrDefault(c => c.ChannelId == Group).Count;

    private ValueTask ApplyAsync(string user, long previous, long cursor, params UnreadChange[] changes) =>
        State.ApplyUnreadAsync([new UnreadUpdate(Name(user), At(previous), At(cursor), changes)], default);

    private async Task StartAsync(string user, long at, params UnreadIds[] channels)
    {
        await State.BeginUnreadAsync(Name(user), At(at), "start", default);
        Assert.True(await State.CompleteUnreadAsync(Name(user), "start", channels, default));
    }

    [Fact]
    public async Task Unread_NeverRebuilt_IsNotKnownWhateverIsDelivered()
    {
        await ApplyAsync("a", -1, 5, Adds(1));

        Assert.Null(await UnreadAsync("a"));
        Assert.Empty(await State.GetUnreadAsync([], default));
        Assert.False(await State.CompleteUnreadAsync(Name("a"), "nobody began", [], default));
        Assert.Null(await UnreadAsync("a"));
    }

    [Fact]
    public async Task Unread_SeveralUsers_AnswersInOrder()
    {
        await StartAsync("a", 3, new UnreadIds(Group, Messages(1, 2), Read(0)), new UnreadIds("d:empty", [], Read(9)));
        await StartAsync("b", 4);

        var found = await State.GetUnreadAsync([Name("b"), Name("unknown"), Name("a")], default);

        Assert.Equal(At(4), found[0]!.Cursor);
        Assert.Empty(found[0]!.Channels);
        Assert.Null(found[1]);
        Assert.Equal(At(3), found[2]!.Cursor);
        Assert.Equal(new ChannelUnread(Group, 2, Id(0)), Assert.Single(found[2]!.Channels));
    }

    [Fact]
    public async Task Unread_SameUpdateAgainOrOverlapping_CountsOnce()
    {
        await StartAsync("a", 3);
        for (var i = 0; i < 3; i++) await ApplyAsync("a", 3, 5, Adds(1, 2));
        await ApplyAsync("a", 3, 7, Adds(1, 2, 3)); // replayed in another batch
        await ApplyAsync("a", 3, 4, Adds(1)); // an old one, late

        Assert.Equal(3, await CountAsync("a"));
        Assert.Equal(At(7), (await UnreadAsync("a"))!.Cursor);
    }

    [Fact]
    public async Task Unread_AnUpdateWasLost_IsNotKnownUntilRebuilt()
    {
        await StartAsync("a", 3);
        await ApplyAsync("a", 3, 5, Adds(1));
        await ApplyAsync("a", 6, 8, Adds(3));

        Assert.Null(await UnreadAsync("a"));
        await ApplyAsync("a", 8, 9, Adds(4));
        Assert.Null(await UnreadAsync("a"));

        await StartAsync("a", 9, new UnreadIds(Group, Messages(1, 2, 3, 4)));
        Assert.Equal(4, await CountAsync("a"));
    }

    [Fact]
    public async Task Unread_Read_DropsUpToThePointerAndNeverGoesBack()
    {
        await StartAsync("a", 0);
        await ApplyAsync("a", 0, 1, Adds(10, 20, 30, 40));
        await ApplyAsync("a", 1, 2, Reads(30));
        Assert.Equal(new ChannelUnread(Group, 1, Id(30)), Assert.Single((await UnreadAsync("a"))!.Channels));

        await ApplyAsync("a", 2, 3, Reads(20)); // another device, behind
        await ApplyAsync("a", 3, 4, Adds(25)); // late from another cell, at or below what was read
        await ApplyAsync("a", 4, 5, Adds(35)); // late from another cell, above it
        Assert.Equal(new ChannelUnread(Group, 2, Id(30)), Assert.Single((await UnreadAsync("a"))!.Channels));

        await ApplyAsync("a", 5, 6, Reads(50, 45, 60));
        Assert.Equal(new ChannelUnread(Group, 1, Id(50)), Assert.Single((await UnreadAsync("a"))!.Channels));
        await ApplyAsync("a", 6, 7, Reads(60));
        Assert.Empty((await UnreadAsync("a"))!.Channels);
    }

    [Fact]
    public async Task Unread_MoreThanTheCap_KeepsTheHighestAndCountsDownHonestly()
    {
        await StartAsync("a", 0);
        for (var i = 0; i < 5; i++) await ApplyAsync("a", i, i + 1, Adds([.. Enumerable.Range(1 + (i * 50), 50)]));
        Assert.Equal(UnreadLimits.Cap, await CountAsync("a"));

        await ApplyAsync("a", 5, 6, Reads(100)); // 150 are left: still more than can be counted
        Assert.Equal(UnreadLimits.Cap, await CountAsync("a"));
        await ApplyAsync("a", 6, 7, Reads(200));
        Assert.Equal(50, await CountAsync("a"));
    }

    [Fact]
    public async Task Unread_ChannelLeft_CountsFromAnewAfterwards()
    {
        await StartAsync("a", 0);
        await ApplyAsync("a", 0, 1, Adds(1, 2));
        await ApplyAsync("a", 1, 2, new UnreadChange(Group, true, []));
        Assert.Equal(0, await CountAsync("a"));

        await ApplyAsync("a", 2, 3, Adds(3));
        await ApplyAsync("a", 3, 4, new UnreadChange(Group, true, Messages(5)), new UnreadChange("d:other", false, Messages(6)));
        Assert.Equal([(Group, 1), ("d:other", 1)], (await UnreadAsync("a"))!.Channels.OrderByDescending(c => c.ChannelId, StringComparer.Ordinal).Select(c => (c.ChannelId, c.Count)));
    }

    [Fact]
    public async Task Unread_DeliveredDuringARebuild_IsAddedToWhatTheStoreSays()
    {
        await StartAsync("a", 0, new UnreadIds(Group, Messages(99)));
        await State.BeginUnreadAsync(Name("a"), At(4), "t", default);
        await ApplyAsync("a", 4, 5, Adds(7));
        await ApplyAsync("a", 5, 6, Reads(3));
        Assert.Null(await UnreadAsync("a"));

        Assert.True(await State.CompleteUnreadAsync(Name("a"), "t", [new UnreadIds(Group, Messages(2, 4, 7), Read(1))], default));

        Assert.Equal(At(6), (await UnreadAsync("a"))!.Cursor);
        Assert.Equal(new ChannelUnread(Group, 2, Id(3)), Assert.Single((await UnreadAsync("a"))!.Channels));
    }

    [Fact]
    public async Task Unread_RebuildOvertakenOrBroken_IsNotKept()
    {
        await State.BeginUnreadAsync(Name("a"), At(4), "first", default);
        await State.BeginUnreadAsync(Name("a"), At(5), "second", default);
        Assert.False(await State.CompleteUnreadAsync(Name("a"), "first", [new UnreadIds(Group, Messages(1))], default));
        Assert.True(await State.CompleteUnreadAsync(Name("a"), "second", [new UnreadIds(Group, Messages(2))], default));
        Assert.Equal(1, await CountAsync("a"));

        await State.BeginUnreadAsync(Name("a"), At(5), "third", default);
        await ApplyAsync("a", 7, 8, Adds(9)); // one was lost in between
        Assert.False(await State.CompleteUnreadAsync(Name("a"), "third", [], default));
        Assert.Null(await UnreadAsync("a"));

        await State.BeginUnreadAsync(Name("a"), At(8), "fourth", default);
        await ApplyAsync("a", 8, 9, new UnreadChange(Group, true, [])); // what the rebuild reads may be from before
        Assert.False(await State.CompleteUnreadAsync(Name("a"), "fourth", [new UnreadIds(Group, Messages(1))], default));
        Assert.Null(await UnreadAsync("a"));
    }

    [Fact]
    public async Task Unread_LateBelowThePointer_CountsUntilARead_ThatWentThatFar()
    {
        await StartAsync("a", 0);
        await ApplyAsync("a", 0, 1, AddsAt(1, 10, 20));
        await ApplyAsync("a", 1, 2, ReadsAt(20, 1));
        Assert.Empty((await UnreadAsync("a"))!.Channels);

        await ApplyAsync("a", 2, 3, AddsAt(3, 15)); // late from another cell
        Assert.Equal(new ChannelUnread(Group, 1, Id(20)), Assert.Single((await UnreadAsync("a"))!.Channels));
        await ApplyAsync("a", 3, 4, ReadsAt(20, 1)); // a device that was not sent it yet, or the same read again
        await ApplyAsync("a", 4, 5, AddsAt(5, 25), ReadsAt(5, 2) with { ChannelId = "d:other" });
        Assert.Equal(2, await CountAsync("a"));

        await ApplyAsync("a", 5, 7, new UnreadChange(Group, false, [new UnreadMessage(Id(12), At(6)), new UnreadMessage(Id(26), At(7))], ReadMark.Of(Id(25), At(5))));
        Assert.Equal(new ChannelUnread(Group, 2, Id(25)), Assert.Single((await UnreadAsync("a"))!.Channels)); // 12 came after it, 26 is above it
        await ApplyAsync("a", 7, 8, ReadsAt(26, 7));
        Assert.Empty((await UnreadAsync("a"))!.Channels);
    }

    [Fact]
    public async Task Unread_ReadWithoutACursor_CoversWhatComesLate_UntilOneWithACursorReachesAsFar()
    {
        await StartAsync("a", 0);
        await ApplyAsync("a", 0, 1, ReadsAt(10, 0));
        await ApplyAsync("a", 1, 2, Reads(20)); // by a server of before read cursors
        await ApplyAsync("a", 2, 3, AddsAt(3, 5, 15));
        Assert.Equal(0, await CountAsync("a"));

        await ApplyAsync("a", 3, 4, ReadsAt(20, 3));
        await ApplyAsync("a", 4, 5, AddsAt(5, 15));
        Assert.Equal(1, await CountAsync("a"));
    }

    [Fact]
    public async Task Unread_Rebuilt_TakesTheCursorsOfTheStore()
    {
        await StartAsync("a", 9, new UnreadIds(Group, [new UnreadMessage(Id(5), At(8)), new UnreadMessage(Id(30), InboxCursor.Start)], ReadMark.Of(Id(20), At(7))));
        await ApplyAsync("a", 9, 10, ReadsAt(30, 7)); // of a device that was sent 30, but not what came late
        Assert.Equal(new ChannelUnread(Group, 1, Id(30)), Assert.Single((await UnreadAsync("a"))!.Channels));
        await ApplyAsync("a", 10, 11, ReadsAt(30, 9));
        Assert.Empty((await UnreadAsync("a"))!.Channels);
    }

    [Fact]
    public async Task Unread_MoreThanTheCapAndLateOnesAmongThem_IsNotKnownWhereAReadMayLeaveOne()
    {
        await StartAsync("a", 0);
        await ApplyAsync("a", 0, 1, AddsAt(1, [.. Enumerable.Range(100, 120)])); // 120 to 219 have room
        await ApplyAsync("a", 1, 2, AddsAt(2, 50)); // late: no room, below all that have it
        await ApplyAsync("a", 2, 3, ReadsAt(110, 1)); // covers only such that have none
        Assert.Equal(UnreadLimits.Cap, await CountAsync("a"));

        await ApplyAsync("a", 3, 4, ReadsAt(209, 1)); // 50 came after it: 11 are left, of which 10 are here
        Assert.Null(await UnreadAsync("a"));

        await StartAsync("a", 4, new UnreadIds(Group, [.. Messages([.. Enumerable.Range(300, 100)])], ReadMark.Of(Id(209), At(1)), Trimmed: At(4)));
        await ApplyAsync("a", 4, 5, ReadsAt(389, 4)); // as far as the store was read
        Assert.Equal(10, await CountAsync("a"));

        await StartAsync("a", 5, new UnreadIds(Group, [.. Messages([.. Enumerable.Range(400, 100)])], ReadMark.Of(Id(389), At(4)), Trimmed: At(5)));
        await ApplyAsync("a", 5, 6, ReadsAt(450, 4));
        Assert.Null(await UnreadAsync("a"));
    }

    /// <summary>Deliveries that get through, get lost, come again and come in other batches; rebuilds at any time: whatever is answered is what the inbox says up to its cursor.</summary>
    [Fact]
    public async Task Unread_RandomDeliveriesReplaysReadsAndRebuilds_NeverAnswersWrong()
    {
        var steps = Gen.Choose(0, int.MaxValue - 1).NonEmptyListOf().Resize(60).ToArbitrary();
        await Task.Run(() => Prop.ForAll(steps, async draws =>
        {
            var user = Ulid.NewUlid().ToString();
            var inbox = new UnreadModel(cursors: draws.Count() % 2 == 0);
            var rebuild = (string?)null;
            IReadOnlyList<UnreadIds> stored = [];
            foreach (var draw in draws)
            {
                var random = new Random(draw);
                var kind = draw % 10;
                if (kind < 5)
                {
                    var before = inbox.Length;
                    inbox.Grow(random);
                    if (kind > 0) await State.ApplyUnreadAsync([inbox.Update(user, before, inbox.Length)], default);
                }
                else if (kind < 7)
                {
                    var from = random.Next(inbox.Length + 1);
                    await State.ApplyUnreadAsync([inbox.Update(user, from, random.Next(from, inbox.Length + 1))], default);
                }
                else if (rebuild is null)
                {
                    rebuild = draw.ToString(System.Globalization.CultureInfo.InvariantCulture);
                    await State.BeginUnreadAsync(user, UnreadModel.CursorOf(inbox.Length), rebuild, default);
                    stored = inbox.Stored();
                }
                else
                {
                    await State.CompleteUnreadAsync(user, rebuild, stored, default);
                    rebuild = null;
                }
                if ((await State.GetUnreadAsync([user], default))[0] is not { } answer) continue;
                Assert.Equal(inbox.CountsAt((int)answer.Cursor.Offset), answer.Channels.OrderBy(c => c.ChannelId, StringComparer.Ordinal));
            }
            // Nothing stays unknown for ever.
            await State.BeginUnreadAsync(user, UnreadModel.CursorOf(inbox.Length), "last", default);
            Assert.True(await State.CompleteUnreadAsync(user, "last", inbox.Stored(), default));
            Assert.Equal(inbox.CountsAt(inbox.Length), (await State.GetUnreadAsync([user], default))[0]!.Channels.OrderBy(c => c.ChannelId, StringComparer.Ordinal));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(40)));
    }
}
