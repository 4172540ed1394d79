using System.Text;
using Chat.Cells.Bench.Generator;
using Chat.Cells.Bench.Measure;

namespace Chat.Cells.Bench.Tests;

public sealed class FrameTests
{
    private readonly Traffic traffic = new();
    private readonly Connection connection = new(7, []) { Channel = "d.channel" };

    [Fact]
    public void Message_AsWritten_IsAMaskedTextFrameWithItsTimeSenderAndNumber()
    {
        var text = Unmask(new Frames().Message(connection, meantAt: 0x1234, number: 0x99, contentBytes: 100).ToArray());

        Assert.Contains("\"channelId\":\"d.channel\"", text, StringComparison.Ordinal);
        Assert.Contains("\"content\":\"0000000000001234000000070000000000000099" + new string('x', 60) + "\"", text, StringComparison.Ordinal);
        Assert.EndsWith("\"requestId\":\"0000000000000099\"}", text, StringComparison.Ordinal);
        Assert.DoesNotContain("after", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Message_AfterAnUnansweredOne_NamesItAndTheHighestId()
    {
        var parser = new FrameParser(traffic);
        parser.Read(connection, NewMessage(sender: 3, "01AAAAAAAAAAAAAAAAAAAAAAAA"));
        connection.LastSent = 5;

        var text = Unmask(new Frames().Message(connection, 1, 6, 100).ToArray());

        Assert.Contains("\"after\":\"01AAAAAAAAAAAAAAAAAAAAAAAA\"", text, StringComparison.Ordinal);
        Assert.Contains("\"afterRequest\":\"0000000000000005\"", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MessageOfAnother_IsADeliveryAndOnesOwnIsNot()
    {
        var parser = new FrameParser(traffic);

        parser.Read(connection, NewMessage(sender: 3, "01AAAAAAAAAAAAAAAAAAAAAAAA"));
        parser.Read(connection, NewMessage(sender: 7, "01AAAAAAAAAAAAAAAAAAAAAAAB"));

        Assert.Equal(1, traffic.Delivered);
        Assert.Equal("1.2.3", Encoding.ASCII.GetString(connection.Cursor, 0, connection.CursorLength));
        Assert.True(connection.CursorIsNew);
    }

    [Fact]
    public void Read_MessageThatComesTwice_HidesNoneThatIsMissing()
    {
        var parser = new FrameParser(traffic);
        var other = new Connection(8, []);
        traffic.CountSent(4, 0, 0);
        traffic.CountSent(5, 0, 0);

        parser.Read(connection, NewMessage(sender: 3, "01AAAAAAAAAAAAAAAAAAAAAAAA", number: 4));
        parser.Read(other, NewMessage(sender: 3, "01AAAAAAAAAAAAAAAAAAAAAAAA", number: 4));
        parser.Read(connection, NewMessage(sender: 3, "01AAAAAAAAAAAAAAAAAAAAAAAA", number: 4));

        Assert.Equal((2, 1), (traffic.Delivered, traffic.Doubled));
        Assert.Contains("twice", traffic.FirstError, StringComparison.Ordinal);
        parser.Read(connection, NewMessage(sender: 3, "01AAAAAAAAAAAAAAAAAAAAAAAB", number: 5));
        Assert.Equal((3, 1), (traffic.Delivered, traffic.Doubled));
    }

    [Fact]
    public void Read_MessageOfThePhaseBefore_IsNoDeliveryOfThisOne()
    {
        var parser = new FrameParser(traffic);
        traffic.CountSent(4, 0, 0);
        traffic.Clear();
        traffic.CountSent(5, 0, 0);

        parser.Read(connection, NewMessage(sender: 3, "01AAAAAAAAAAAAAAAAAAAAAAAA", number: 4));
        Assert.Equal((0, 0), (traffic.Delivered, traffic.Doubled));
        parser.Read(connection, NewMessage(sender: 3, "01AAAAAAAAAAAAAAAAAAAAAAAA", number: 4));
        Assert.Equal((0, 1), (traffic.Delivered, traffic.Doubled));
    }

    [Fact]
    public void Count_NumbersGoneRound_AreNewMessages()
    {
        const long round = 1 << 20;
        foreach (var number in new[] { 3, 3 + round })
        {
            traffic.CountSent(number, 0, 0);
            for (var member = 100; member < 100 + Traffic.MostMembers; member++) traffic.CountDelivered(number, member, 0, 0);
        }

        Assert.Equal((2 * Traffic.MostMembers, 0), (traffic.Delivered, traffic.Doubled));
    }

    [Fact]
    public void Read_AckAndError_AreCountedWithTheirNumber()
    {
        var parser = new FrameParser(traffic);

        parser.Read(connection, "{\"type\":\"message_ack\",\"payload\":{},\"timestamp\":1,\"requestId\":\"0000000000000011\"}"u8);
        Assert.Equal((1, 17), (traffic.Acked, connection.LastAnswered));
        parser.Read(connection, "{\"type\":\"error\",\"payload\":{\"code\":\"busy\"},\"timestamp\":1,\"requestId\":\"0000000000000012\"}"u8);

        Assert.Equal((1, 18), (traffic.Errors, connection.LastAnswered));
        Assert.Contains("busy", traffic.FirstError, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"type\":\"sync_batch\",\"payload\":{\"events\":[],\"cursor\":\"1.2.3\",\"more\":false},\"timestamp\":1}", true)]
    [InlineData("{\"type\":\"sync_batch\",\"payload\":{\"events\":[],\"cursor\":\"1.2.3\",\"more\":true},\"timestamp\":1}", false)]
    [InlineData("{\"type\":\"sync_reset\",\"payload\":{\"cursor\":\"1.2.3\"},\"timestamp\":1}", true)]
    [InlineData("{\"type\":\"heartbeat\",\"payload\":{},\"timestamp\":1}", false)]
    [InlineData("{}", false)]
    [InlineData("", false)]
    public void Read_Frame_EndsASyncWhenItSaysSo(string frame, bool ends) => Assert.Equal(ends, new FrameParser(traffic).Read(connection, Encoding.UTF8.GetBytes(frame)));

    [Theory]
    [InlineData(5)]
    [InlineData(125)]
    [InlineData(126)]
    [InlineData(70_000)]
    public void TryTake_FrameInPieces_WaitsForTheWhole(int length)
    {
        byte[] header = length switch
        {
            < 126 => [0x81, (byte)length],
            < 65_536 => [0x81, 126, (byte)(length >> 8), (byte)length],
            _ => [0x81, 127, 0, 0, 0, 0, (byte)(length >> 24), (byte)(length >> 16), (byte)(length >> 8), (byte)length],
        };
        byte[] frame = [.. header, .. new byte[length], 0x8A, 0];
        foreach (var cut in new[] { 0, 1, 2, header.Length, frame.Length - 3 })
        {
            ReadOnlySpan<byte> part = frame.AsSpan(0, cut);
            Assert.False(FrameParser.TryTake(ref part, out _, out _));
            Assert.Equal(cut, part.Length);
        }

        ReadOnlySpan<byte> all = frame;
        Assert.True(FrameParser.TryTake(ref all, out var opcode, out var payload));
        Assert.Equal((FrameParser.Text, length, 2), (opcode, payload.Length, all.Length));
    }

    private static byte[] NewMessage(int sender, string id, long number = 0) => Encoding.UTF8.GetBytes(
        $"{{\"type\":\"new_message\",\"payload\":{{\"messageId\":\"{id}\",\"content\":\"{0:x16}{sender:x8}{number:x16}\",\"cursor\":\"1.2.3\"}},\"timestamp\":1}}");

    private static string Unmask(byte[] frame)
    {
        Assert.Equal(0x81, frame[0]);
        var length = frame[1] & 0x7F;
        var at = 2;
        if (length == 126) (length, at) = ((frame[2] << 8) | frame[3], 4);
        Assert.Equal(frame.Length, at + 4 + length);
        return Encoding.UTF8.GetString([.. frame.Skip(at + 4).Select((b, i) => (byte)(b ^ frame[at + (i & 3)]))]);
    }
}
