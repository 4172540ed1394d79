using System.Text;
using Chat.Cells.Cell.Bridging;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Tests.Messaging.Doubles;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Tests.Bridging;

/// <summary>Cell b looks at what its peer a sends.</summary>
public sealed class BridgeAdmissionTests
{
    private const long Now = 1_700_000_000_000;
    private static readonly ushort Partition = Topics.LogPartition(new TopicPartition(Topics.GroupMessages, 0));
    private static readonly BridgedMessage Hello = new(Say.Group, MessageId.Create(Now, 1, Partition, 5), Say.Anna, "text", "hello"u8.ToArray(), null, 1, [Say.Xena]);
    private static readonly ChannelSnapshot State = new(ChannelType.Group, "Friends", "a", 1, 5, [new(Say.Anna, MemberRole.Owner), new(Say.Xena, MemberRole.Member)]);
    private static readonly string OurGroup = ChannelId.ForGroup("b", Say.Xena, "create");

    [Fact]
    public void Refusal_HonestRecords_None()
    {
        Assert.Null(Refusal(Hello));
        Assert.Null(Refusal(new BridgedReceipt(Say.Group, Say.Anna, Hello.MessageId, null, [Say.Xena])));
        Assert.Null(Refusal(Channel(new SnapshotRecord(Say.Group, State, "ignored"))));
        Assert.Null(Refusal(Channel(Say.Rename(OurGroup, Say.Anna, "r1", "x"))));
    }

    [Fact]
    public void Refusal_ForgedRecords_SaysWhy()
    {
        Refused("sender does not live", Hello with { SenderId = Say.Yuri });
        Refused("sender does not live", Hello with { SenderId = "mars.01HZZZZZZZZZZZZZZZZZZZZZM1" });
        Refused("recipient does not live here", Hello with { Recipients = [Say.Xena, Say.Ben] });
        Refused("recipient does not live here", Hello with { Recipients = [] });
        Refused("id is not of its position", Hello with { MessageId = MessageId.Create(Now, 1, Partition, 6) });
        Refused("id is not of its position", Hello with { MessageId = MessageId.Create(Now, 2, Partition, 5) });
        Refused("from the future", Hello with { MessageId = MessageId.Create(Now + (3 * Judge.MaxAfterAhead), 1, Partition, 5) });
        Refused("too long", Hello with { Content = new byte[ProtocolLimits.MaxTextBytes + 1] });
        Refused("not UTF-8", Hello with { Content = new byte[] { 0xFF } });
        Refused("of the other kind of channel", Hello with { ChannelId = ChannelId.ForDirect(Say.Anna, Say.Xena) });
        Refused("channel id is malformed", Hello with { ChannelId = "x" });
        Refused("user does not live", new BridgedReceipt(Say.Group, Say.Yuri, Hello.MessageId, null, [Say.Xena]));
        Refused("recipient does not live here", new BridgedReceipt(Say.Group, Say.Anna, Hello.MessageId, null, [Say.Ben]));
        Refused("does not decide", Channel(new SnapshotRecord(OurGroup, State with { Home = "b" }, "b")));
        Refused("does not decide", Channel(new SnapshotRecord(Say.Group, State with { Home = "b" }, "a")));
        foreach (var user in new[] { "", "anna", "a.", new string('a', 70_000), Say.Ben.ToLowerInvariant(), Say.Ben + " " })
        {
            Refused("does not decide", Channel(new SnapshotRecord(Say.Group, State with { Members = [.. State.Members, new(user, MemberRole.Member)] }, "a")));
        }
        foreach (var name in new[] { null, "", " ", new string('n', ChannelRules.MaxNameLength + 1) })
        {
            Refused("does not decide", Channel(new SnapshotRecord(Say.Group, State with { Name = name }, "a")));
        }
        Refused("of another channel", new BridgedChannelRecord(Say.Group, ChannelRecord.Encode(new SnapshotRecord(OurGroup, State, "a"))));
        Refused("actor does not live", Channel(Say.Rename(OurGroup, Say.Xena, "r1", "x")));
        Refused("not decided here", Channel(Say.Rename(Say.Group, Say.Anna, "r1", "x")));
        Refused("take no commands", Channel(Say.Rename(ChannelId.ForDirect(Say.Anna, Say.Xena), Say.Anna, "r1", "x")));
        Refused("does not travel", Channel(Say.CreateGroup() with { ChannelId = OurGroup }));
        Refused("does not travel", Channel(Say.Send(OurGroup, Say.Anna, "m1")));
        Refused("ends too early", new BridgedChannelRecord(Say.Group, new byte[] { 1 }));
        Assert.Equal("its origin is not the peer", Refusal(Hello, origin: 2));
        Assert.Equal("its key is not the channel id", Refusal(Hello, key: "other"));
        Assert.Equal("it was passed on, which nothing does yet", Refusal(Hello, hops: 1));
    }

    [Fact]
    public void Refusal_ChangesOfMessages_OnlyWhatItsUsersMayDo()
    {
        var direct = ChannelId.ForDirect(Say.Anna, Say.Xena);
        var theirs = MessageId.Create(Now, 2, Partition, 1);
        var edit = new BridgedChange(Say.Group, MessageId.Create(Now, 1, Partition, 2), MessageId.Create(Now, 1, Partition, 5), Say.Anna, Say.Anna, false, "text", "better"u8.ToArray(), 1, [Say.Xena]);
        var deletion = edit with { MessageId = theirs, SenderId = Say.Xena, IsDeletion = true, ContentType = "", Content = default };
        Assert.Null(Refusal(edit));
        Assert.Null(Refusal(deletion));
        Assert.Null(Refusal(deletion with { SenderId = Say.Anna }));

        Refused("does not live in the peer", edit with { ChangedBy = Say.Yuri, SenderId = Say.Yuri });
        Refused("recipient does not live here", edit with { Recipients = [Say.Ben] });
        Refused("recipient does not live here", edit with { Recipients = [] });
        Refused("id is not of its position", edit with { EventId = MessageId.Create(Now, 1, Partition, 6) });
        Refused("from the future", edit with { EventId = MessageId.Create(Now + (3 * Judge.MaxAfterAhead), 1, Partition, 5) });
        Refused("from the future", edit with { MessageId = MessageId.Create(Now + (3 * Judge.MaxAfterAhead), 1, Partition, 2) });
        Refused("only its sender", edit with { SenderId = Say.Xena });
        Refused("of the other kind of channel", edit with { ChannelId = direct });
        Refused("has no content", deletion with { Content = "x"u8.ToArray() });
        Refused("has no content", deletion with { ContentType = "text" });
        Refused("too long", edit with { Content = new byte[ProtocolLimits.MaxTextBytes + 1] });
        Refused("content type is too long", edit with { ContentType = new string('t', 200) });
        Refused("not UTF-8", edit with { Content = new byte[] { 0xFF } });

        var partition = Topics.LogPartition(new TopicPartition(Topics.DirectMessages, 0));
        var between = edit with { ChannelId = direct, EventId = MessageId.Create(Now, 1, partition, 5) };
        Assert.Null(Refusal(between, partition: partition));
        Assert.Null(Refusal(between with { IsDeletion = true, ContentType = "", Content = default }, partition: partition));
        Assert.Contains("only its sender", Refusal(between with { SenderId = Say.Xena, IsDeletion = true, ContentType = "", Content = default }, partition: partition), StringComparison.Ordinal);
        Assert.Contains("not the channel's members", Refusal(between with { Recipients = [Say.Yuri] }, partition: partition), StringComparison.Ordinal);
    }

    [Fact]
    public void ForJudge_PeerAndServerNamedInTheRecord_AreReplacedByTheAuthenticatedOnes()
    {
        var snapshot = (SnapshotRecord)BridgeAdmission.ForJudge(Channel(new SnapshotRecord(Say.Group, State, "forged")), "a");
        Assert.Equal("a", snapshot.FromCell);
        var command = (CommandRecord)BridgeAdmission.ForJudge(Channel(Say.Rename(OurGroup, Say.Anna, "r1", "x")), "a");
        Assert.Equal(("a", ""), (command.FromCell, command.Origin.ServerId));
    }

    private static BridgedChannelRecord Channel(ChannelRecord record) => new(record.ChannelId, ChannelRecord.Encode(record));

    private static void Refused(string reason, BridgeBody body) => Assert.Contains(reason, Refusal(body) ?? "(served)", StringComparison.Ordinal);

    private static string? Refusal(BridgeBody body, ushort origin = 1, string? key = null, int hops = 0, ushort? partition = null) =>
        BridgeAdmission.Refusal(new BridgeRecord(origin, partition ?? Partition, 5, hops, body), "a", Encoding.UTF8.GetBytes(key ?? body.ChannelId), new TestDirectory("b"), Now);
}
