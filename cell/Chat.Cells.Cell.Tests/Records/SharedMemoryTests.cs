using System.Text;
using System.Text.Json;
using Chat.Cells.Cell.Connections;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Unread;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Cell.Tests.Records;

/// <summary>Buffers and strings that encodings share: nothing of one encoding gets into another.</summary>
public sealed class SharedMemoryTests
{
    /// <summary>Encodings of all kinds, small and too large to keep the buffer of, on several threads at once: each is still what it was when all are done.</summary>
    [Fact]
    public async Task Encodings_OnSeveralThreads_KeepWhatWasWritten()
    {
        var threads = Enumerable.Range(0, 4).Select(t => Task.Run(() =>
        {
            var made = new List<(int Seed, byte[][] Encodings)>();
            for (var i = 0; i < 2_000; i++) made.Add(((i * 4) + t, Encode((i * 4) + t)));
            return made;
        })).ToArray();
        foreach (var (seed, encodings) in (await Task.WhenAll(threads)).SelectMany(m => m)) Check(seed, encodings);
    }

    [Fact]
    public void Take_WhileOneIsTaken_GivesAnother()
    {
        using var outer = Scratch.Take();
        new RecordWriter(outer.Buffer).Text("outer");
        using (var inner = Scratch.Take())
        {
            Assert.NotSame(outer, inner);
            new RecordWriter(inner.Buffer).Text("inner");
        }
        Assert.Equal([5, .. "outer"u8], outer.ToArray());
    }

    [Fact]
    public void Take_AfterOneThatWasBrokenOff_IsEmpty()
    {
        try
        {
            using var broken = Scratch.Take();
            broken.BeginJson().WriteStartObject();
            broken.BeginJson().WriteString("a", new string('x', 500));
            throw new RecordFormatException("broken off");
        }
        catch (RecordFormatException)
        {
            using var next = Scratch.Take();
            Assert.Equal(0, next.Buffer.WrittenCount);
            var json = next.BeginJson();
            json.WriteNullValue();
            json.Flush();
            Assert.Equal("null"u8.ToArray(), next.ToArray());
        }
    }

    [Fact]
    public void KnownText_OfAnyText_IsThatText() =>
        Prop.ForAll<NonNull<string>>(text =>
        {
            var utf8 = Encoding.UTF8.GetBytes(text.Get);
            var expected = Encoding.UTF8.GetString(utf8);
            return KnownTexts.Get(utf8) == expected && KnownTexts.Get(utf8) == expected;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1_000));

    [Fact]
    public void KnownText_Again_IsTheSameString() => Assert.Same(KnownTexts.Get("eu-west-1.01ARZ3NDEKTSV4RRFFQ69G5FAV"u8), KnownTexts.Get("eu-west-1.01ARZ3NDEKTSV4RRFFQ69G5FAV"u8));

    [Theory]
    [InlineData(new byte[] { 0xFF })]
    [InlineData(new byte[] { (byte)'a', 0xC3 })]
    public void KnownText_NotUtf8_IsRefused(byte[] bytes) => Assert.Throws<DecoderFallbackException>(() => KnownTexts.Get(bytes));

    /// <summary>More texts than the table has places, from several threads: a lost place costs a string, never a wrong one.</summary>
    [Fact]
    public void KnownTexts_MoreThanPlacesOnSeveralThreads_AreRight() =>
        Parallel.For(0, 4, t =>
        {
            for (var i = 0; i < 40_000; i++)
            {
                var text = $"user-{((i * 7) + t) % 30_000}";
                Assert.Equal(text, KnownTexts.Get(Encoding.UTF8.GetBytes(text)));
            }
        });

    [Fact]
    public void Cursor_AsBytes_IsItsText() =>
        Prop.ForAll<int, int, long>((epoch, bucket, offset) =>
        {
            var cursor = new InboxCursor(epoch, bucket, offset);
            var utf8 = new byte[InboxCursor.MaxTextLength];
            return cursor.TryFormat(utf8, out var written) && Encoding.ASCII.GetString(utf8.AsSpan(0, written)) == cursor.ToString();
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1_000));

    [Fact]
    public void Cursor_OfTheLowestNumbers_HasRoom()
    {
        Span<byte> utf8 = stackalloc byte[InboxCursor.MaxTextLength];
        Assert.True(new InboxCursor(int.MinValue, int.MinValue, long.MinValue).TryFormat(utf8, out _));
    }

    [Theory]
    [InlineData("plain-1")]
    [InlineData("with\"quote\\and")]
    [InlineData("ünï code")]
    public void LiveFrame_AnyRequestId_IsJsonWithThatRequestId(string requestId)
    {
        var record = new InboxRecord(0, 0, [], InboxKind.Message, "g.cell.1", Ulid.MaxValue, "cell.a", requestId, 1, "\"content\":\"x\""u8.ToArray());
        using var frame = JsonDocument.Parse(EventFrames.Live(record, record.Payload.Span, "cell.a", new InboxCursor(1, 2, 3), 4));
        Assert.Equal(requestId, frame.RootElement.GetProperty("payload").GetProperty("requestId").GetString());
        Assert.Equal("1.2.3", frame.RootElement.GetProperty("payload").GetProperty("cursor").GetString());
    }

    private static byte[][] Encode(int seed)
    {
        var content = Content(seed);
        var id = IdOf(seed);
        var user = $"cell.{seed}";
        var row = new MessageRow("g.cell.1", id, user, "text", content, null, seed);
        var payload = EventPayload.FullMessage(row);
        var record = new InboxRecord(seed, seed, [user, "cell.b"], InboxKind.Message, "g.cell.1", id, user, $"r{seed}", seed, payload);
        return
        [
            ChannelRecord.Encode(new SendRecord("g.cell.1", new RequestOrigin("s", user, "d", $"r{seed}"), "text", content, null, id, null, seed)),
            InboxRecord.Encode(record, [user], seed),
            ServerMessage.Encode(new Hint(InboxRecord.EncodeRow(record), [new HintedUser(user, InboxCursor.Start, new InboxCursor(1, 2, seed))])),
            EventFrames.Live(record, payload.Span, user, new InboxCursor(1, 2, seed), seed),
            ServerFrames.Ack($"r{seed}", "g.cell.1", id, seed),
            UnreadFrames.Write([new ChannelUnread(user, 3, id)], all: true, seed),
        ];
    }

    private static void Check(int seed, byte[][] encodings)
    {
        var content = Content(seed);
        var user = $"cell.{seed}";
        var send = Assert.IsType<SendRecord>(ChannelRecord.Decode(encodings[0]));
        Assert.Equal((user, $"r{seed}", seed), (send.Origin.UserId, send.Origin.RequestId, send.ChannelVersion));
        Assert.Equal(content, send.Content.ToArray());
        var inbox = InboxRecord.Decode(encodings[1]);
        Assert.Equal([user], inbox.Recipients);
        Assert.Equal(seed, inbox.Previous);
        var hint = Assert.IsType<Hint>(ServerMessage.Decode(encodings[2]));
        Assert.Equal(seed, hint.Users[0].Cursor.Offset);
        var row = InboxRecord.Decode(hint.Record);
        Assert.Empty(row.Recipients);
        Assert.Null(row.Previous);
        Assert.Equal(inbox.Payload.ToArray(), row.Payload.ToArray());
        using var frame = JsonDocument.Parse(encodings[3]);
        Assert.Equal(Encoding.UTF8.GetString(content), frame.RootElement.GetProperty("payload").GetProperty("content").GetString());
        using var ack = JsonDocument.Parse(encodings[4]);
        Assert.Equal(IdOf(seed).ToString(), ack.RootElement.GetProperty("payload").GetProperty("messageId").GetString());
        Assert.Equal($"r{seed}", ack.RootElement.GetProperty("requestId").GetString());
        using var unread = JsonDocument.Parse(encodings[5]);
        Assert.Equal(user, unread.RootElement.GetProperty("payload").GetProperty("channels")[0].GetProperty("channelId").GetString());
    }

    private static byte[] Content(int seed) => Encoding.UTF8.GetBytes(new string((char)('a' + (seed % 26)), seed % 97 == 0 ? 70_000 : 1 + (seed % 200)));

    private static Ulid IdOf(int seed)
    {
        var bytes = new byte[16];
        BitConverter.TryWriteBytes(bytes.AsSpan(12), seed);
        return new Ulid(bytes);
    }
}
