using System.Text;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Inbox;
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
        foreach (var op in ops) Append(cell, op);
    }

    public static void Append(TestCell cell, Op op)
    {
        cell.Log.Now += op.Detail % 5 == 0 ? -700 : 11;
        cell.Add(Record(op, cell.Log.Now));
    }

    private static ChannelRecord Record(Op op, long now)
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
            _ => Say.Send(
                channel,
                user,
                request,
                op.Detail % 9 == 0 ? "other" : "content of " + request,
                op.Detail % 4 == 0 ? Id(op.Request) : null,
                op.Detail % 3 == 0 ? "r" + ((op.Request + 11) % 12) : null,
                op.Detail % 6 == 0 ? op.Request % 4 : 0),
        };

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

    /// <summary>What a message row says, without its address in memory.</summary>
    public static string Text(MessageRow m) => $"{m.ChannelId} {m.MessageId} {m.SenderId} {Encoding.UTF8.GetString(m.Content.Span)} v{m.ChannelVersion}";
}
