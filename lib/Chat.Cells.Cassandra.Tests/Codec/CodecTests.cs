using System.Net;
using Cassandra.Protocol;
using Cassandra.Tests.Faults;
using FsCheck;
using FsCheck.Fluent;
using Result = Cassandra.Protocol.Result;

namespace Cassandra.Tests.Codec;

public sealed class CodecTests
{
    [Fact]
    public void Values_EncodedAndDecoded_AreTheSame()
    {
        RoundTrip<long>(ColumnTypeCode.Bigint);
        RoundTrip<int>(ColumnTypeCode.Int);
        RoundTrip<short>(ColumnTypeCode.SmallInt);
        RoundTrip<sbyte>(ColumnTypeCode.TinyInt);
        RoundTrip<bool>(ColumnTypeCode.Boolean);
        RoundTrip<double>(ColumnTypeCode.Double);
        RoundTrip<float>(ColumnTypeCode.Float);
        RoundTrip<Guid>(ColumnTypeCode.Uuid);
        RoundTrip<byte[]>(ColumnTypeCode.Blob);
        RoundTrip<UnicodeString>(ColumnTypeCode.Text, s => new string([.. s.Get.Where(c => !char.IsSurrogate(c))]));
        RoundTrip<IPAddress>(ColumnTypeCode.Inet);
        RoundTrip<int>(ColumnTypeCode.Timestamp, s => DateTimeOffset.FromUnixTimeMilliseconds(s * 12_345L));
    }

    [Fact]
    public void Collections_EncodedAndDecoded_AreTheSame() => Prop.ForAll(ArbMap.Default.ArbFor<Dictionary<int, long[]>>(), map =>
    {
        var type = new CqlType(ColumnTypeCode.Map, [new CqlType(ColumnTypeCode.Int, []), new CqlType(ColumnTypeCode.List, [new CqlType(ColumnTypeCode.Bigint, [])])]);
        var decoded = (Dictionary<object, object?>)ValueCodec.Decode(type, ValueCodec.Encode(type, map));
        Assert.Equal(map.Count, decoded.Count);
        foreach (var (key, value) in map) Assert.Equal(value, ((List<object?>)decoded[key]!).Cast<long>());
    }).Check(Config.QuickThrowOnFailure);

    [Theory]
    [InlineData(ColumnTypeCode.Int, 1L)]
    [InlineData(ColumnTypeCode.Text, 1)]
    [InlineData(ColumnTypeCode.Ascii, "é")]
    [InlineData(ColumnTypeCode.Varint, 1)]
    public void Encode_ValueThatDoesNotFit_IsRefused(ColumnTypeCode code, object value) => Assert.Throws<InvalidTypeException>(() => ValueCodec.Encode(new CqlType(code, []), value));

    [Fact]
    public void Encode_HalfASurrogatePair_IsRefused() => Assert.Throws<InvalidTypeException>(() => ValueCodec.Encode(new CqlType(ColumnTypeCode.Text, []), "a" + '\ud800'));

    [Theory]
    [InlineData(ColumnTypeCode.Int, "000000")]
    [InlineData(ColumnTypeCode.Text, "ff")]
    [InlineData(ColumnTypeCode.Inet, "010203")]
    [InlineData(ColumnTypeCode.Timestamp, "7fffffffffffffff")]
    [InlineData(ColumnTypeCode.Boolean, "")]
    public void Decode_MalformedBytes_AreRefused(ColumnTypeCode code, string bytes) =>
        Assert.Throws<InvalidTypeException>(() => ValueCodec.Decode(new CqlType(code, []), Convert.FromHexString(bytes)));

    [Theory]
    [InlineData("7fffffff00000004")]
    [InlineData("ffffffff")]
    [InlineData("0000000200000004000000")]
    public void Decode_CollectionThatClaimsMore_IsRefused(string bytes) =>
        Assert.Throws<InvalidTypeException>(() => ValueCodec.Decode(new CqlType(ColumnTypeCode.List, [new CqlType(ColumnTypeCode.Int, [])]), Convert.FromHexString(bytes)));

    [Fact]
    public void Responses_AnyBytes_AreReadOrRefusedAndNothingElse() => Prop.ForAll(ArbMap.Default.ArbFor<(byte[] Bytes, int Kind)>(), c =>
    {
        byte[] body = [0, 0, 0, (byte)((c.Kind & 0x7) + 1), .. c.Bytes];
        OnlyDriverErrors(() => Result.Read(Opcode.Result, body, 5, null));
        OnlyDriverErrors(() => ServerErrors.Read(new BodyReader(body)));
        OnlyDriverErrors(() => ServerEvent.Read(new BodyReader(c.Bytes)));
        OnlyDriverErrors(() => Frames.Content((FrameFlags)(c.Kind & 0xF), c.Bytes));
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(1_000));

    [Fact]
    public void Response_CutAnywhere_IsRefused()
    {
        CqlColumn[] columns = [new("k", "t", "a", new CqlType(ColumnTypeCode.Int, [])), new("k", "t", "b", new CqlType(ColumnTypeCode.Text, []))];
        var whole = Reply.Rows(columns, [[1, "one"], [2, "two"]], pagingState: [1]).Body;
        Assert.IsType<RowsResult>(Result.Read(Opcode.Result, whole, 5, null));
        for (var length = 0; length < whole.Length; length++) Assert.Throws<DriverInternalError>(() => Result.Read(Opcode.Result, whole.AsMemory(0, length), 5, null));
    }

    [Fact]
    public void Rows_NullAndEmptyValues_AreToldApart()
    {
        CqlColumn[] columns = [new("k", "t", "a", new CqlType(ColumnTypeCode.Text, [])), new("k", "t", "b", new CqlType(ColumnTypeCode.Text, [])), new("k", "t", "c", new CqlType(ColumnTypeCode.Int, []))];

        var row = new RowSet(Assert.IsType<RowsResult>(Result.Read(Opcode.Result, Reply.Rows(columns, [[null, "", null]]).Body, 5, null)), null)[0];

        Assert.Equal((true, false, true), (row.IsNull("a"), row.IsNull("b"), row.IsNull("c")));
        Assert.Equal((null, ""), (row.GetValue<string?>("a"), row.GetValue<string?>("b")));
        Assert.Null(row.GetValue<int?>("c"));
    }

    [Fact]
    public void Rows_NoneOfManyColumnsLeftOut_AreRead()
    {
        var columns = Enumerable.Range(0, 12).Select(i => new CqlColumn("k", "t", $"c{i}", new CqlType(ColumnTypeCode.Int, []))).ToArray();

        var rows = Assert.IsType<RowsResult>(Result.Read(Opcode.Result, Reply.Rows(columns, [], noMetadata: true).Body, 5, columns));

        Assert.Empty(rows.Rows);
        Assert.Equal(12, rows.Columns.Count);
    }

    [Fact]
    public void Headers_WrittenAndRead_AreTheSame() => Prop.ForAll(ArbMap.Default.ArbFor<(byte Version, bool IsResponse, short Stream, byte Opcode, NonNegativeInt Length)>(), c =>
    {
        var header = new FrameHeader((byte)(c.Version & 0x7F), c.IsResponse, FrameFlags.Warning, c.Stream, (Opcode)c.Opcode, c.Length.Get);
        var bytes = new byte[FrameHeader.Length];
        header.Write(bytes);
        Assert.Equal(header, FrameHeader.Read(bytes));
    }).Check(Config.QuickThrowOnFailure);

    private static void OnlyDriverErrors(Action read)
    {
        try
        {
            read();
        }
        catch (DriverInternalError)
        {
            // Refused.
        }
    }

    private static void RoundTrip<T>(ColumnTypeCode code, Func<T, object>? map = null) => Prop.ForAll(ArbMap.Default.ArbFor<T>(), sample =>
    {
        var value = map is null ? sample : map(sample);
        if (value is null) return;
        var type = new CqlType(code, []);
        Assert.Equal(value, ValueCodec.Decode(type, ValueCodec.Encode(type, value)));
    }).Check(Config.QuickThrowOnFailure);
}
