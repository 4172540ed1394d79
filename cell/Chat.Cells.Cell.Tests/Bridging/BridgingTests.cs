using System.Text;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Tests.Messaging;
using Chat.Cells.Cell.Tests.Messaging.Doubles;
using Chat.Cells.Protocol;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Cell.Tests.Bridging;

public sealed class BridgingTests
{
    private readonly TwoCells cells = new();

    [Fact]
    public async Task Conversation_AcrossCells_ReachesEveryInboxOnceAndInOrder()
    {
        cells.A.Add(Say.CreateGroup(Say.Ben, Say.Xena, Say.Yuri));
        await cells.SettleAsync();
        cells.A.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        await cells.SettleAsync();
        var first = cells.B.Store.Messages.Keys.Single().Id;
        cells.B.Add(Say.Send(Say.Group, Say.Xena, "m2", after: first, version: 1));
        await cells.SettleAsync();

        foreach (var user in new[] { Say.Anna, Say.Ben, Say.Xena, Say.Yuri })
        {
            var events = cells.Of(user).InboxOf(user);
            Assert.Equal([InboxKind.ChannelChanged, InboxKind.Message, InboxKind.Message], events.Select(e => e.Kind));
            Assert.Equal([Say.Anna, Say.Xena], events.Skip(1).Select(e => e.SenderId));
            Assert.True(events[2].EventId > events[1].EventId);
        }
        Assert.Equal(cells.A.Store.Messages.Keys, cells.B.Store.Messages.Keys);
    }

    [Fact]
    public async Task Append_RefusedRecordOfTheGreatestLength_IsPutAsideAndItsPlaceIsKept()
    {
        var garbage = new BridgeFrame(0, 0, 7, new byte[1_500_000], new byte[cells.B.Log.MaxRecordBytes]);

        var result = await cells.B.BridgeInbox().AppendAsync("a", [garbage], CancellationToken.None);

        Assert.Equal((1L, 1L), (result!.Refused, result.Next[0]));
        Assert.Single(cells.B.Log.Records(new TopicPartition(Topics.Dead, 0)));
    }

    [Fact]
    public async Task Direct_StartedInBothCellsAtOnce_IsOneChannel()
    {
        cells.A.Add(Say.CreateDirect(Say.Anna, Say.Xena));
        cells.B.Add(Say.CreateDirect(Say.Xena, Say.Anna));
        cells.B.Add(Say.Send(ChannelId.ForDirect(Say.Anna, Say.Xena), Say.Xena, "m1"));
        await cells.SettleAsync();
        Assert.Equal([InboxKind.ChannelChanged, InboxKind.Message], cells.A.InboxOf(Say.Anna).Select(e => e.Kind));
        Assert.Equal([InboxKind.ChannelChanged, InboxKind.Message], cells.B.InboxOf(Say.Xena).Select(e => e.Kind));
    }

    [Fact]
    public async Task NewMemberElsewhere_IsToldOfTheChannelBeforeItsMessagesAndMayAnswer()
    {
        cells.A.Add(Say.CreateGroup());
        cells.A.Add(Say.Command(Say.Group, Say.Anna, "add", ChannelCommand.AddMembers, MemberRole.Member, Say.Xena));
        cells.A.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        await cells.A.RunAllAsync();
        await TwoCells.CarryAsync(cells.A, cells.B, 100);
        await cells.B.ServeAllAsync("a"); // nothing is judged but what serving waits for
        await cells.B.DeliverAllAsync();
        Assert.Equal([InboxKind.ChannelChanged, InboxKind.Message], cells.B.InboxOf(Say.Xena).Select(e => e.Kind));
        cells.B.Add(Say.Send(Say.Group, Say.Xena, "m2"));
        await cells.SettleAsync();
        Assert.Null(cells.B.State.Verdicts.Single(v => v.RequestId == "m2").ErrorCode);
    }

    [Fact]
    public async Task RemoteAdmin_Commands_AreDecidedAtHomeAndComeBack()
    {
        cells.A.Add(Say.CreateGroup(Say.Xena));
        cells.A.Add(Say.Command(Say.Group, Say.Anna, "promote", ChannelCommand.SetRole, MemberRole.Admin, Say.Xena));
        await cells.SettleAsync();
        cells.B.Add(Say.Command(Say.Group, Say.Xena, "add", ChannelCommand.AddMembers, MemberRole.Member, Say.Yuri));
        cells.B.Add(Say.Rename(Say.Group, Say.Xena, "rename", "Both"));
        await cells.SettleAsync();
        foreach (var cell in new[] { cells.A, cells.B })
        {
            var row = cell.Store.Channels[Say.Group];
            Assert.Equal(("Both", 4, 3), (row.Name, row.Version, ChannelView.Current(row).Members.Count));
        }
        Assert.Equal(2, cells.B.InboxOf(Say.Yuri).Count);
    }

    [Fact]
    public async Task Receipt_AcrossCells_ReachesItsAuthorAsAHint()
    {
        cells.A.Add(Say.CreateGroup(Say.Xena));
        cells.A.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        await cells.SettleAsync();
        var id = cells.B.Store.Messages.Keys.Single().Id;
        cells.B.Add(new ReceiptRecord(Say.Group, Say.Xena, id, id, [Say.Anna]));
        await cells.SettleAsync();
        var hint = Assert.Single(cells.A.State.Published.Select(p => p.Message).OfType<ReceiptHint>());
        Assert.Equal((Say.Xena, id, Say.Anna), (hint.UserId, hint.ReadUpTo!.Value, Assert.Single(hint.Recipients)));
        Assert.Equal(id, cells.A.Store.Receipts[(Say.Group, Say.Xena)].ReadUpTo);
    }

    [Fact]
    public void Bridges_KilledAtAnyBatchAndCellsCrashing_LoseAndDoubleNothing() =>
        Prop.ForAll<Op[], byte[]>(async (ops, kills) =>
        {
            var calm = new TwoCells();
            var rough = new TwoCells();
            foreach (var pair in new[] { calm, rough })
            {
                RandomLog.AppendTo(pair.A, ops);
                await pair.A.JudgeAllAsync();
            }
            await calm.SettleAsync();
            foreach (var kill in kills.Take(15))
            {
                rough.B.Faults.CrashBefore(kill % 40);
                try
                {
                    await TwoCells.CarryAsync(rough.A, rough.B, 1 + (kill % 7), 1 + (kill % 3));
                    await rough.B.ServeAllAsync("a", 1 + (kill % 5));
                }
                catch (CrashException)
                {
                    rough.B.Faults.Restart();
                }
                rough.B.Faults.Restart();
                await rough.B.DeliverAllAsync(3);
            }
            await rough.SettleAsync();
            Assert.Equal(calm.B.Store.Messages.Values.Select(RandomLog.Text), rough.B.Store.Messages.Values.Select(RandomLog.Text));
            Assert.Equal(calm.B.Store.Changes.Values.Select(RandomLog.Text), rough.B.Store.Changes.Values.Select(RandomLog.Text));
            Assert.Equal(Messages(calm), Messages(rough));
            Assert.Equal(
                calm.B.Store.Channels.Values.OrderBy(c => c.ChannelId, StringComparer.Ordinal).Select(c => $"{c.ChannelId} {c.Version} {c.Name}"),
                rough.B.Store.Channels.Values.OrderBy(c => c.ChannelId, StringComparer.Ordinal).Select(c => $"{c.ChannelId} {c.Version} {c.Name}"));

            static IEnumerable<string> Messages(TwoCells pair) => new[] { Say.Xena, Say.Yuri }.Select(u =>
                string.Join(' ', pair.B.InboxOf(u).Where(e => e.Kind is InboxKind.Message or InboxKind.MessageChanged).GroupBy(e => e.Source).OrderBy(g => g.Key).SelectMany(g => g.Select(e => e.EventId))));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(100));

    [Fact]
    public async Task Append_RepeatsGapsAndRestarts_KeepOneCopyOfEachInOrder()
    {
        for (var i = 0; i < 6; i++) cells.A.Log.Add(Lane("chat.bridge.b"), Key, Message(i));
        var frames = TwoCells.Frames(cells.A, cells.B, [0, 0]).ToList();
        var inbox = cells.B.BridgeInbox();
        Assert.Equal((2L, 0L), Counts(await inbox.AppendAsync("a", frames[..2], CancellationToken.None)));
        Assert.Equal((1L, 2L), Counts(await inbox.AppendAsync("a", frames[..3], CancellationToken.None)));
        Assert.Equal((0L, 3L), Counts(await cells.B.BridgeInbox().AppendAsync("a", frames[..3], CancellationToken.None)));
        Assert.Equal((1L, 0L), Counts(await inbox.AppendAsync("a", frames[4..5], CancellationToken.None))); // a gap: the source has lost 3
        Assert.Equal(5, (await cells.B.BridgeInbox().PositionAsync("a", CancellationToken.None))![Partition]);
        Assert.Equal(4, cells.B.Log.Records(Lane(Topics.BridgedFrom("a", "b"))).Count);
        Assert.Null(await inbox.AppendAsync("mars", frames, CancellationToken.None));
        await Assert.ThrowsAsync<InvalidDataException>(() => inbox.AppendAsync("a", [frames[0] with { Partition = 9 }], CancellationToken.None));

        static (long, long) Counts(Chat.Cells.Cell.Bridging.AppendResult? result) => (result!.Appended, result.Repeated);
    }

    [Fact]
    public async Task Position_NothingIsRetainedAnyMore_IsTakenFromTheCommit()
    {
        for (var i = 0; i < 3; i++) cells.A.Log.Add(Lane("chat.bridge.b"), Key, Message(i));
        await TwoCells.CarryAsync(cells.A, cells.B, 100);
        await cells.B.ServeAllAsync("a");
        cells.B.Log.Expired.Add(Lane(Topics.BridgedFrom("a", "b")));
        Assert.Equal(3, (await cells.B.BridgeInbox().PositionAsync("a", CancellationToken.None))![Partition]);
    }

    [Fact]
    public async Task Append_WhatThePeerMayNotSend_GoesToDeadAndKeepsItsPlace()
    {
        cells.A.Log.Add(Lane("chat.bridge.b"), Key, Message(0));
        cells.A.Log.Add(Lane("chat.bridge.b"), Key, Message(1, sender: Say.Yuri));
        cells.A.Log.Add(Lane("chat.bridge.b"), Key, [1, 2, 3]);
        cells.A.Log.Add(Lane("chat.bridge.b"), Key, Message(3));
        var result = await cells.B.BridgeInbox().AppendAsync("a", [.. TwoCells.Frames(cells.A, cells.B, [0, 0])], CancellationToken.None);
        Assert.Equal((2L, 2L, 4L), (result!.Appended, result.Refused, result.Next[Partition]));
        Assert.Equal(4, (await cells.B.BridgeInbox().PositionAsync("a", CancellationToken.None))![Partition]);
        await cells.B.ServeAllAsync("a");
        await cells.B.DeliverAllAsync();
        Assert.Equal(2, cells.B.InboxOf(Say.Xena).Count);
        var dead = cells.B.Log.Records(new TopicPartition(Topics.Dead, 0)).Select(r => DeadLetter.Decode(r.Value)).ToList();
        Assert.Equal([1L, 2], dead.Select(d => d.Offset));
        Assert.Contains("sender does not live in the peer", dead[0].Reason, StringComparison.Ordinal);
    }

    private static byte[] Key => Encoding.UTF8.GetBytes(Say.Group);

    private static int Partition => KeyPartitioner.PartitionFor(Key, TestCell.Topics.Bridge);

    private static TopicPartition Lane(string topic) => new(topic, Partition);

    private byte[] Message(long offset, string sender = Say.Anna)
    {
        var partition = Topics.LogPartition(new TopicPartition(Topics.GroupMessages, 0));
        var id = MessageId.Create(cells.A.Log.Now, 1, partition, offset);
        return BridgeRecord.Encode(new BridgeRecord(1, partition, offset, 0, new BridgedMessage(Say.Group, id, sender, "text", "hello"u8.ToArray(), null, 1, [Say.Xena])));
    }
}
