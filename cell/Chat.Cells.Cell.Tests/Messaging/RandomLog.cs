using System.Text;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Tests.Messaging.Doubles;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Tests.Messaging;

/// <summary>One thing that somebody does; the bytes choose who, where and what, from few enough values that repeats, conflicts and refusals are common.</summary>
public sealed record Op(byte Kind, byte Channel, byte User, byte Request, byte Detail);

/// <summary>Turns drawn operations into the records of two partitions.</summary>
internal static class RandomLog
{
    private static readonly string[] Users = [Say.Anna, Say.Ben, Say.Cleo, Say.Dora, Say.Xena, Say.Yuri];

    private static readonly string Foreign = ChannelId.ForGroup("b", Say.Xena, "create");

    private static readonly string[] Channels = [Say.Group, Say.Group, Foreign, ChannelId.ForDirect(Say.Anna, Say.Ben), ChannelId.ForDirect(Say.Anna, Say.Xena)];

    public static void AppendTo(TestCell cell, IReadOnlyList<Op> ops)
    {
        cell.Add(Say.CreateGroup(Say.Ben, Say.Xena));
        cell.Add(Say.CreateDirect(Say.Anna, Say.Ben));
        cell.Add(Say.CreateDirect(Say.Anna, Say.Xena));
        cell.Add(new SnapshotRecord(Foreign, Snapshot(1, 0), "b"));
        var foresight = new Foresight(cell);
        foreach (var op in ops) Append(cell, op, foresight.MessagesSoFar());
    }

    /// <param name="sent">Messages that may be changed.</param>
    public static void Append(TestCell cell, Op op, IReadOnlyList<MessageRow>? sent = null)
    {
        cell.Log.Now += op.Detail % 5 == 0 ? -700 : 11;
        cell.Add(Record(op, cell.Log.Now, sent ?? []));
    }

    private static ChannelRecord Record(Op op, long now, IReadOnlyList<MessageRow> sent)
    {
        var channel = Channels[op.Channel % Channels.Length];
        var user = Users[op.User % Users.Length];
        var other = Users[op.Detail % Users.Length];
        var request = "r" + (op.Request % 12);
        Assert.True(ChannelId.TryGetType(channel, out var type));
        return (op.Kind % 16) switch
        {
            0 => Command(ChannelCommand.AddMembers, MemberRole.Member),
            1 => Command(ChannelCommand.RemoveMembers, MemberRole.Member),
            2 => Command(ChannelCommand.SetRole, (MemberRole)(1 + (op.Detail % 3))),
            3 => Say.Rename(channel, user, "c" + op.Request, "name " + op.Detail),
            4 => new SnapshotRecord(Foreign, Snapshot(1 + (op.Request % 9), op.Detail), "b"),
            5 => new ReceiptRecord(channel, user, Id(op.Request), op.Detail % 2 == 0 ? Id(op.Detail) : null, Users, op.Detail % 2 == 0 ? ReadCursor() : null),
            6 or 7 or 8 => Change(),
            _ => Say.Send(
                channel,
                user,
                request,
                op.Detail % 9 == 0 ? "other" : "content of " + request,
                op.Detail % 4 == 0 ? Id(op.Request) : null,
                op.Detail % 3 == 0 ? "r" + ((op.Request + 11) % 12) : null,
                op.Detail % 6 == 0 ? op.Request % 4 : 0),
        };

        // Mostly of a message that is there, by its sender or by somebody else; sometimes of none, or with a request that was a message's.
        ChangeRecord Change()
        {
            var target = sent.Count == 0 || op.Detail % 11 == 0 ? new MessageRow(channel, Id(op.Request), user, "text", default, null, 1) : sent[op.Detail % sent.Count];
            var by = op.Request % 2 == 0 ? target.SenderId : user;
            var name = op.Channel % 7 == 0 ? request : "e" + (op.Request % 12);
            return op.User % 3 == 0
                ? Say.Delete(target.ChannelId, by, name, target.MessageId)
                : Say.Edit(target.ChannelId, by, name, target.MessageId, op.Detail % 9 == 0 ? new string('x', InboxRecord.MaxInlineContent + 1) : null, op.Detail % 6 == 0 ? op.Request % 4 : 0);
        }

        CommandRecord Command(ChannelCommand command, MemberRole role) =>
            new(channel, Say.Origin(user, "c" + op.Request), command, type, null, [other], role, null);

        // Half of the users have gateways from before read cursors.
        InboxCursor? ReadCursor() => op.User % 2 == 0 ? new InboxCursor(1, InboxCursor.BucketOf(now), op.Request % 50) : null;

        Ulid Id(int ahead) => MessageId.Create(now + (ahead * 40), 2, 0, ahead);
    }

    private static ChannelSnapshot Snapshot(int version, int choice)
    {
        var members = new List<SnapshotMember> { new(Say.Xena, MemberRole.Owner) };
        for (var i = 0; i < 4; i++)
        {
            if ((choice >> i & 1) == 0) members.Add(new SnapshotMember(Users[i], (MemberRole)(1 + ((choice >> 4) % 2))));
        }
        return new ChannelSnapshot(ChannelType.Group, "there " + version, "b", version, 7, members);
    }

    /// <summary>What a change says, without its address in memory.</summary>
    public static string Text(MessageChange c) => $"{c.ChannelId} {c.MessageId} {c.EventId} {c.IsDeletion} {c.ChangedBy} {Encoding.UTF8.GetString(c.Content.Span)}";

    /// <summary>What a message row says, without its address in memory.</summary>
    public static string Text(MessageRow m) => $"{m.ChannelId} {m.MessageId} {m.SenderId} {Encoding.UTF8.GetString(m.Content.Span)} v{m.ChannelVersion}";
}

/// <summary>Judges what is in a cell's log beside the cell, so that later records can name the messages that came of it.</summary>
internal sealed class Foresight(TestCell cell)
{
    private readonly (Judge Judge, JudgeState State)[] judges =
        [.. TestCell.JudgedPartitions.Select(p => (new Judge(cell.Directory, Topics.LogPartition(p)), new JudgeState(0)))];

    private readonly int[] judged = new int[TestCell.JudgedPartitions.Count];
    private readonly List<MessageRow> messages = [];

    public IReadOnlyList<MessageRow> MessagesSoFar()
    {
        for (var p = 0; p < judges.Length; p++)
        {
            var (judge, state) = judges[p];
            foreach (var record in cell.Log.Records(TestCell.JudgedPartitions[p]).Skip(judged[p]))
            {
                judged[p]++;
                var decoded = ChannelRecord.Decode(record.Value);
                if (!state.Knows(decoded.ChannelId)) state.Load(decoded.ChannelId, null);
                var (own, after) = Judge.RequestsOf(decoded);
                if (own is { } first && !state.Knows(first)) state.Load(first, null);
                if (after is { } second && !state.Knows(second)) state.Load(second, null);
                if (decoded is ChangeRecord change) state.Load(change.ChannelId, change.MessageId, new KnownMessage(messages.Find(m => m.MessageId == change.MessageId && m.ChannelId == change.ChannelId), null));
                if (judge.Decide(state, record.Offset, record.AppendTime, decoded).Message is { } message) messages.Add(message);
            }
        }
        return messages;
    }
}
