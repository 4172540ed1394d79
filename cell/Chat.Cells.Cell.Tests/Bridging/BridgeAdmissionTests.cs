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
    public void ForJudge_PeerAndServerNamedInTheRecord_AreReplacedByTheAuthenticatedOnes()
    {
        var snapshot = (SnapshotRecord)BridgeAdmission.ForJudge(Channel(new SnapshotRecord(Say.Group, State, "forged")), "a");
        Assert.Equal("a", snapshot.FromCell);
        var command = (CommandRecord)BridgeAdmission.ForJudge(Channel(Say.Rename(OurGroup, Say.Anna, "r1", "x")), "a");
        Assert.Equal(("a", ""), (command.FromCell, command.Origin.ServerId));
    }

    private static BridgedChannelRecord Channel(ChannelRecord record) => new(record.ChannelId, ChannelRecord.Encode(record));

    private static void Refused(string reason, BridgeBody body) => Assert.Contains(reason, Refusal(body) ?? "(served)", StringComparison.Ordinal);

    private static string? Refusal(BridgeBody body, ushort origin = 1, string? key = null, int hops = 0) =>
        BridgeAdmission.Refusal(new BridgeRecord(origin, Partition, 5, hops, body), "a", Encoding.UTF8.GetBytes(key ?? body.ChannelId), new TestDirectory("b"), Now);
}
