using System.Buffers;
using System.Text;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Cell.Tests.Records;

/// <summary>The log records' binary forms: what is written is read again, and nothing malformed gets through as anything but a <see cref="RecordFormatException"/>.</summary>
public sealed class RecordCodecTests
{
    private static readonly Ulid IdA = Ulid.Parse("01ARZ3NDEKTSV4RRFFQ69G5FAV");
    private static readonly Ulid IdB = Ulid.MaxValue;
    private static readonly byte[] Text = Encoding.UTF8.GetBytes("häl\0lo ☃ 😀");
    private static readonly RequestOrigin Origin = new("server-1", "cell.user", "device", "request");

    private static readonly ChannelRecord[] ChannelRecords =
    [
        new SendRecord("g.cell.1", Origin, "text", Text, null, null, null, 0),
        new SendRecord("g.cell.1", Origin with { ServerId = "" }, "text", new byte[70_000], IdA, IdB, "previous", int.MaxValue),
        new CommandRecord("d.1", Origin, ChannelCommand.Create, ChannelType.Direct, null, ["b.user"], MemberRole.Member, null),
        new CommandRecord("g.cell.1", Origin, ChannelCommand.AddMembers, ChannelType.Group, "Näme", [.. Enumerable.Range(0, 100).Select(i => $"cell.{i}")], MemberRole.Admin, "peer"),
        new SnapshotRecord(
            "g.cell.1",
            new ChannelSnapshot(ChannelType.Group, "A name", "cell", 7, 1_790_000_000_000, [new SnapshotMember("cell.a", MemberRole.Owner), new SnapshotMember("cell.b", MemberRole.Member)]),
            "peer"),
        new SnapshotRecord("d.1", new ChannelSnapshot(ChannelType.Direct, null, "cell", 1, 0, []), ""),
        new ReceiptRecord("g.cell.1", "cell.user", IdA, null, ["cell.a", "cell.b"]),
        new ReceiptRecord("g.cell.1", "cell.user", null, IdB, []),
        new ReceiptRecord("g.cell.1", "cell.user", IdA, IdB, ["cell.a"], new InboxCursor(2, 2_900, 7)),
        new ReceiptRecord("g.cell.1", "cell.user", IdA, IdB, [], InboxCursor.Start),
        new ChangeRecord("g.cell.1", Origin, IdA, false, "text", Text, 3),
        new ChangeRecord("d.1", Origin, IdB, true, "", default, 0),
    ];

    private static readonly InboxRecord[] InboxRecords =
    [
        new(InboxSource.Create(ushort.MaxValue, ushort.MaxValue, ushort.MaxValue), long.MaxValue, ["cell.a", "cell.b"], InboxKind.Message, "g.cell.1", IdA, "cell.a", "request", 3, Text),
        new(0, 0, [], InboxKind.Read, "d.1", IdB, "", "", 0, default),
        new(1, 0, ["cell.a"], InboxKind.MessageChanged, "d.1", IdB, "cell.a", "request", 1, IdA.ToByteArray()),
    ];

    private static readonly BridgeRecord[] BridgeRecords =
    [
        new(1, 4097, 99, 0, new BridgedMessage("g.cell.1", IdA, "cell.a", "text", Text, IdB, 3, ["peer.a"])),
        new(ushort.MaxValue, ushort.MaxValue, long.MaxValue, 3, new BridgedMessage("g.cell.1", IdA, "cell.a", "text", default, null, 0, [])),
        new(1, 2, 3, 1, new BridgedChannelRecord("g.cell.1", ChannelRecord.Encode(ChannelRecords[4]))),
        new(1, 2, 3, 1, new BridgedReceipt("g.cell.1", "cell.a", null, IdA, ["peer.a"])),
        new(1, 2, 3, 0, new BridgedChange("g.cell.1", IdA, IdB, "cell.a", "cell.b", true, "", default, 3, ["peer.a", "peer.b"])),
        new(1, 2, 3, 0, new BridgedChange("g.cell.1", IdA, IdB, "cell.a", "cell.a", false, "text", Text, 3, [])),
    ];

    private static readonly ServerMessage[] ServerMessages =
    [
        new Verdict("cell.a", "device", "request", "g.cell.1", IdA, null, 0),
        new Verdict("cell.a", "device", "request", "g.cell.1", null, "busy", 5000),
        new Verdict("cell.a", "device", "request", "g.cell.1", IdA, null, 0, IdB),
        new Hint(Text, [new HintedUser("cell.a", InboxCursor.Start, new InboxCursor(1, 2900, 0)), new HintedUser("cell.b", new InboxCursor(1, 2, 3), new InboxCursor(2, 0, long.MaxValue - 1))]),
        new ReceiptHint("g.cell.1", "cell.a", IdA, null, ["cell.b"]),
    ];

    public static TheoryData<int> ChannelRecordNumbers => [.. Enumerable.Range(0, ChannelRecords.Length)];
    public static TheoryData<int> InboxRecordNumbers => [.. Enumerable.Range(0, InboxRecords.Length)];
    public static TheoryData<int> BridgeRecordNumbers => [.. Enumerable.Range(0, BridgeRecords.Length)];
    public static TheoryData<int> ServerMessageNumbers => [.. Enumerable.Range(0, ServerMessages.Length)];

    [Theory]
    [MemberData(nameof(ChannelRecordNumbers))]
    public void ChannelRecord_EncodedAndDecoded_IsTheSame(int number) =>
        AssertRoundTrip(ChannelRecords[number], ChannelRecord.Encode(ChannelRecords[number]), bytes => ChannelRecord.Decode(bytes));

    [Theory]
    [MemberData(nameof(InboxRecordNumbers))]
    public void InboxRecord_EncodedAndDecoded_IsTheSame(int number) =>
        AssertRoundTrip(InboxRecords[number], InboxRecord.Encode(InboxRecords[number]), bytes => InboxRecord.Decode(bytes));

    [Theory]
    [MemberData(nameof(BridgeRecordNumbers))]
    public void BridgeRecord_EncodedAndDecoded_IsTheSame(int number) =>
        AssertRoundTrip(BridgeRecords[number], BridgeRecord.Encode(BridgeRecords[number]), bytes => BridgeRecord.Decode(bytes));

    [Theory]
    [MemberData(nameof(ServerMessageNumbers))]
    public void ServerMessage_EncodedAndDecoded_IsTheSame(int number) =>
        AssertRoundTrip(ServerMessages[number], ServerMessage.Encode(ServerMessages[number]), bytes => ServerMessage.Decode(bytes));

    [Fact]
    public void Decode_EveryPrefixOfARecord_IsRefused()
    {
        foreach (var record in ChannelRecords.Where(record => record is not (SendRecord { Content.Length: > 1000 } or ReceiptRecord { ReadCursor: not null }))) AssertPrefixesRefused(ChannelRecord.Encode(record), bytes => ChannelRecord.Decode(bytes));
        foreach (var record in InboxRecords) AssertPrefixesRefused(InboxRecord.Encode(record), bytes => InboxRecord.Decode(bytes));
        foreach (var record in BridgeRecords) AssertPrefixesRefused(BridgeRecord.Encode(record), bytes => BridgeRecord.Decode(bytes));
        foreach (var message in ServerMessages.Where(message => message is not Verdict { EventId: not null })) AssertPrefixesRefused(ServerMessage.Encode(message), bytes => ServerMessage.Decode(bytes));
    }

    [Fact]
    public void Decode_VerdictOfBeforeChangesOfMessages_HasNoEvent()
    {
        var now = new Verdict("cell.a", "device", "request", "g.cell.1", IdA, null, 0, IdB);
        var bytes = ServerMessage.Encode(now);
        var shorter = ServerMessage.Encode(now with { EventId = null }).Length;

        Assert.Equal(now with { EventId = null }, ServerMessage.Decode(bytes.AsMemory(0, shorter)));
        for (var length = 0; length < bytes.Length; length++)
        {
            var cut = bytes.AsMemory(0, length);
            if (length != shorter) Assert.Throws<RecordFormatException>(() => ServerMessage.Decode(cut));
        }
    }

    [Fact]
    public void Decode_ReceiptOfBeforeReadCursors_HasNone()
    {
        var now = new ReceiptRecord("g.cell.1", "cell.user", IdA, IdB, ["cell.a"], new InboxCursor(2, 2_900, 7));
        var before = now with { ReadCursor = null };
        var bytes = ChannelRecord.Encode(now);
        var shorter = ChannelRecord.Encode(before).Length;

        Assert.Null(((ReceiptRecord)ChannelRecord.Decode(bytes.AsMemory(0, shorter))).ReadCursor);
        // A record that ends anywhere else is refused.
        for (var length = 0; length < bytes.Length; length++)
        {
            var cut = bytes.AsMemory(0, length);
            if (length != shorter) Assert.Throws<RecordFormatException>(() => ChannelRecord.Decode(cut));
        }
    }

    [Fact]
    public void Decode_AnyBytes_GivesARecordOrTheFormatException()
    {
        var seeds = ChannelRecords.Select(ChannelRecord.Encode).Concat(InboxRecords.Select(InboxRecord.Encode)).Concat(BridgeRecords.Select(BridgeRecord.Encode))
            .Concat(ServerMessages.Select(ServerMessage.Encode)).Where(bytes => bytes.Length < 1000).ToArray();
        var damaged = from seed in Gen.Elements(seeds)
                      from at in Gen.Choose(0, seed.Length - 1)
                      from value in Gen.Choose(0, 255)
                      from more in Gen.Choose(0, 255).ArrayOf(3)
                      select (byte[])[.. seed[..at], (byte)value, .. more.Select(b => (byte)b), .. seed[at..]];
        var noise = Gen.Choose(0, 255).Select(i => (byte)i).ArrayOf();
        Prop.ForAll(Gen.OneOf(damaged, noise).ToArbitrary(), bytes =>
        {
            ChecksFormat(() => ChannelRecord.Decode(bytes));
            ChecksFormat(() => InboxRecord.Decode(bytes));
            _ = InboxRecord.FindPlace(bytes);
            ChecksFormat(() => BridgeRecord.Decode(bytes));
            ChecksFormat(() => ServerMessage.Decode(bytes));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2_000));
    }

    [Fact]
    public void Decode_AnUnknownFormat_IsRefused()
    {
        foreach (var bytes in new[] { ChannelRecord.Encode(ChannelRecords[0]), InboxRecord.Encode(InboxRecords[0]), BridgeRecord.Encode(BridgeRecords[0]) })
        {
            bytes[0] = 2;
            Assert.Throws<RecordFormatException>(() => ChannelRecord.Decode(bytes));
            Assert.Throws<RecordFormatException>(() => InboxRecord.Decode(bytes));
            Assert.Throws<RecordFormatException>(() => BridgeRecord.Decode(bytes));
        }
    }

    [Theory]
    [MemberData(nameof(InboxRecordNumbers))]
    public void FindPlace_OfAnInboxRecordWhoseRestCantBeRead_IsFoundAtItsBeginning(int number)
    {
        var record = InboxRecords[number] with { Previous = 5 };
        var expected = new InboxPlace(record.Source, record.SourceOffset, null);
        var bytes = InboxRecord.Encode(record);

        Assert.Equal(expected, InboxRecord.FindPlace(bytes));
        Assert.Equal(expected, InboxRecord.FindPlace(bytes.AsMemory(0, 10 + LengthOf(record.SourceOffset))));
        Assert.Null(InboxRecord.FindPlace(bytes.AsMemory(0, 9 + LengthOf(record.SourceOffset))));
        Assert.Null(InboxRecord.FindPlace(default));
        // A later format goes on with what came before it.
        byte[] later = [2, .. bytes[1..(10 + LengthOf(record.SourceOffset))], 6, 0xFF, 0xFF];
        Assert.Equal(expected with { Previous = 5 }, InboxRecord.FindPlace(later));
        // No source has so many bits.
        bytes[9] = 1;
        Assert.Null(InboxRecord.FindPlace(bytes));

        static int LengthOf(long value) => value == 0 ? 1 : 9;
    }

    [Fact]
    public void Integers_OfAnySize_AreReadAgain()
    {
        foreach (var value in new ulong[] { 0, 1, 127, 128, 16_383, 16_384, long.MaxValue, ulong.MaxValue })
        {
            var buffer = new ArrayBufferWriter<byte>();
            new RecordWriter(buffer).UInt(value);
            Assert.Equal(value, new RecordReader(buffer.WrittenMemory).UInt());
        }
        Assert.Throws<RecordFormatException>(() => new RecordReader(new byte[] { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 }).UInt());
        Assert.Throws<RecordFormatException>(() => new RecordReader(new byte[] { 255, 255, 255, 255, 255, 255, 255, 255, 255, 1 }).Int());
        Assert.Throws<ArgumentOutOfRangeException>(() => new RecordWriter(new ArrayBufferWriter<byte>()).Int(-1));
    }

    [Fact]
    public void Text_ThatIsNoUtf8_IsRefused() => Assert.Throws<RecordFormatException>(() => new RecordReader(new byte[] { 2, 0xC3, 0x28 }).Text());

    private static void AssertRoundTrip<T>(T record, byte[] encoded, Func<ReadOnlyMemory<byte>, T> decode)
    {
        var decoded = decode(encoded);

        // Records compare their lists and memories by reference, so what they hold is written out and compared as text.
        Assert.Equal(Describe(record!), Describe(decoded!));
    }

    private static string Describe(object value) => value switch
    {
        string text => $"'{text}'",
        ReadOnlyMemory<byte> bytes => Convert.ToHexString(bytes.Span),
        System.Collections.IEnumerable items => "[" + string.Join(", ", items.Cast<object>().Select(Describe)) + "]",
        _ when value.GetType().Assembly == typeof(ChannelRecord).Assembly && !value.GetType().IsEnum && value is not InboxCursor =>
            value.GetType().Name + " { " + string.Join(", ", value.GetType().GetProperties().Where(property => property.GetIndexParameters().Length == 0)
                .Select(property => property.Name + " = " + (property.GetValue(value) is { } held ? Describe(held) : "null"))) + " }",
        _ => value.ToString()!,
    };

    private static void AssertPrefixesRefused<T>(byte[] encoded, Func<ReadOnlyMemory<byte>, T> decode)
    {
        for (var length = 0; length < encoded.Length; length++)
        {
            var prefix = encoded.AsMemory(0, length);
            Assert.Throws<RecordFormatException>(() => (object?)decode(prefix));
        }
    }

    private static void ChecksFormat(Func<object> decode)
    {
        if (Record.Exception(() => { decode(); }) is { } error) Assert.IsType<RecordFormatException>(error);
    }
}
