using System.Net;
using Cassandra.Protocol;

namespace Cassandra.Tests.Codec;

/// <summary>
/// Bytes made by an independent implementation: the Python driver 3.25.0 as Debian ships it (<c>python3-cassandra</c>): requests by <c>ProtocolHandler.encode_message</c> on stream 7,
/// values by <c>cassandra.cqltypes</c>, tokens by <c>cassandra.murmur3</c>.
/// </summary>
public sealed class VectorTests
{
    [Theory]
    [InlineData(4, "STARTUP", "0400000701000000390002000b4452495645525f4e414d450014436861742e43656c6c732e43617373616e647261000b43514c5f56455253494f4e0005332e302e30")]
    [InlineData(4, "OPTIONS", "040000070500000000")]
    [InlineData(4, "AUTH_RESPONSE", "040000070f000000110000000d00616e6e610073c3a973616d65")]
    [InlineData(4, "REGISTER", "040000070b000000310003000f544f504f4c4f47595f4348414e4745000d5354415455535f4348414e4745000d534348454d415f4348414e4745")]
    [InlineData(4, "QUERY", "0400000707000000230000001c53454c454354206b65792046524f4d2073797374656d2e6c6f63616c000100")]
    [InlineData(4, "QUERY paged", "04000007070000003b0000002053454c45435420612046524f4d206b2e742057484552452062203d2027c3a92700063c0000138800000002cafe000900060a2418202240")]
    [InlineData(4, "PREPARE", "04000007090000002800000024494e5345525420494e544f206b2e742028612c2062292056414c55455320283f2c203f29")]
    [InlineData(4, "EXECUTE", "040000070a000000360005010203040500063d00040000000568656c6c6ffffffffffffffffe000000000000006400000003010203000800060a2418202240")]
    [InlineData(4, "BATCH", "040000070d000000420100020100020a0b00020000000178ffffffff000000001b44454c4554452046524f4d206b2e742057484552452061203d203100000004300009000000000000002a")]
    [InlineData(5, "STARTUP", "0500000701000000390002000b4452495645525f4e414d450014436861742e43656c6c732e43617373616e647261000b43514c5f56455253494f4e0005332e302e30")]
    [InlineData(5, "OPTIONS", "050000070500000000")]
    [InlineData(5, "AUTH_RESPONSE", "050000070f000000110000000d00616e6e610073c3a973616d65")]
    [InlineData(5, "REGISTER", "050000070b000000310003000f544f504f4c4f47595f4348414e4745000d5354415455535f4348414e4745000d534348454d415f4348414e4745")]
    [InlineData(5, "QUERY", "0500000707000000260000001c53454c454354206b65792046524f4d2073797374656d2e6c6f63616c000100000000")]
    [InlineData(5, "QUERY paged", "05000007070000003e0000002053454c45435420612046524f4d206b2e742057484552452062203d2027c3a92700060000003c0000138800000002cafe000900060a2418202240")]
    [InlineData(5, "PREPARE", "05000007090000002c00000024494e5345525420494e544f206b2e742028612c2062292056414c55455320283f2c203f2900000000")]
    [InlineData(5, "EXECUTE", "050000070a0000003e000501020304050003a1a2a300060000003d00040000000568656c6c6ffffffffffffffffe000000000000006400000003010203000800060a2418202240")]
    [InlineData(5, "BATCH", "050000070d000000450100020100020a0b00020000000178ffffffff000000001b44454c4554452046524f4d206b2e742057484552452061203d203100000004000000300009000000000000002a")]
    public void Request_Encoded_IsTheOtherDriversFrame(byte version, string name, string expected)
    {
        Assert.Equal(expected, Hex(Frames.Encode(version, 7, RequestNamed(name, version), segmented: false)));
    }

    [Theory]
    [InlineData("ascii hello", "68656c6c6f")]
    [InlineData("text", "4772c3b6c39f6520f09f9982")]
    [InlineData("bigint min", "8000000000000000")]
    [InlineData("bigint 42", "000000000000002a")]
    [InlineData("counter", "0000011f71fb04cb")]
    [InlineData("int", "fffffffe")]
    [InlineData("smallint", "fed4")]
    [InlineData("tinyint", "80")]
    [InlineData("boolean true", "01")]
    [InlineData("boolean false", "00")]
    [InlineData("double", "bf202e4b6ce5dc68")]
    [InlineData("float", "40500000")]
    [InlineData("timestamp", "000001a20271400b")]
    [InlineData("timestamp before 1970", "ffffffffffffffff")]
    [InlineData("uuid", "00112233445566778899aabbccddeeff")]
    [InlineData("timeuuid", "58e0a7d7eebc11d896690800200c9a66")]
    [InlineData("blob", "00ff10")]
    [InlineData("inet4", "c0000207")]
    [InlineData("inet6", "20010db8000000000000000000000007")]
    [InlineData("list<int>", "00000003000000040000000100000004ffffffff0000000400000007")]
    [InlineData("set<text>", "0000000200000001610000000362c3a9")]
    [InlineData("map<text, bigint>", "00000002000000026b31000000080000000000000001000000026b3200000008fffffffffffffffe")]
    [InlineData("empty list", "00000000")]
    [InlineData("list<map<text, uuid>>", "000000010000001e000000010000000269640000001000112233445566778899aabbccddeeff")]
    public void Value_EncodedAndDecoded_IsTheOtherDriversBytes(string name, string expected)
    {
        var (type, value) = ValueNamed(name);

        Assert.Equal(expected, Hex(ValueCodec.Encode(type, value)!));
        Assert.Equal(Plain(value), ValueCodec.Decode(type, Convert.FromHexString(expected)));
    }

    [Theory]
    [InlineData("", 0L)]
    [InlineData("61", -8839064797231613815L)]
    [InlineData("68656c6c6f", -3758069500696749310L)]
    [InlineData("000102030405060708090a0b0c0d0e0f", 4920504430128807728L)]
    [InlineData("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", -9084739235461062116L)]
    [InlineData("ffffffffffffff", 4860178782003914630L)]
    [InlineData("808080808080808080808080808080", -5979218241483680930L)]
    [InlineData("c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6", 4398332801500074197L)]
    [InlineData("4772c3b6c39f6520f09f9982", -4115335159084962537L)]
    [InlineData("000568656c6c6f0000040000002a00", 7666157718303755816L)]
    public void Token_OfKey_IsTheOtherDrivers(string key, long expected) => Assert.Equal(expected, Murmur3.Token(Convert.FromHexString(key)));

    // The other driver never asks to leave the columns out: the flag is the specification's (section 4.1.4).
    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public void Execute_ColumnsLeftOut_SetsOneBit(byte version)
    {
        var with = Requests.Execute([1], [2], new QueryParameters { Consistency = ConsistencyLevel.One, SkipMetadata = true }, version).Body.ToArray();
        var without = Requests.Execute([1], [2], new QueryParameters { Consistency = ConsistencyLevel.One }, version).Body.ToArray();

        Assert.Equal(0, without[^1]);
        Assert.Equal(2, with[^1]);
        Assert.Equal(without[..^1], with[..^1]);
    }

    [Fact]
    public void RoutingKey_OfTwoColumns_IsTheirComposite()
    {
        var key = Routing.KeyOf([1, 0], [new BoundValue([0, 0, 0, 42], false), new BoundValue("hello"u8.ToArray(), false), new BoundValue([9], false)]);

        Assert.Equal("000568656c6c6f0000040000002a00", Hex(key!));
    }

    private static Request RequestNamed(string name, byte version) => name switch
    {
        "STARTUP" => Requests.Startup("Chat.Cells.Cassandra"),
        "OPTIONS" => Requests.Options(),
        "AUTH_RESPONSE" => Requests.AuthResponse("anna", "sésame"),
        "REGISTER" => Requests.Register("TOPOLOGY_CHANGE", "STATUS_CHANGE", "SCHEMA_CHANGE"),
        "QUERY" => Requests.Query("SELECT key FROM system.local", new QueryParameters { Consistency = ConsistencyLevel.One }, version),
        "QUERY paged" => Requests.Query(
            "SELECT a FROM k.t WHERE b = 'é'",
            new QueryParameters { Consistency = ConsistencyLevel.LocalQuorum, SerialConsistency = ConsistencyLevel.LocalSerial, PageSize = 5000, PagingState = [0xCA, 0xFE], Timestamp = 1700000000123456 },
            version),
        "PREPARE" => Requests.Prepare("INSERT INTO k.t (a, b) VALUES (?, ?)", version),
        "EXECUTE" => Requests.Execute(
            [1, 2, 3, 4, 5],
            [0xA1, 0xA2, 0xA3],
            new QueryParameters
            {
                Consistency = ConsistencyLevel.LocalQuorum,
                SerialConsistency = ConsistencyLevel.Serial,
                Values = [new BoundValue("hello"u8.ToArray(), false), new BoundValue(null, false), BoundValue.Unset, new BoundValue([], false)],
                PageSize = 100,
                PagingState = [1, 2, 3],
                Timestamp = 1700000000123456,
            },
            version),
        "BATCH" => Requests.Batch(
            BatchType.Unlogged,
            [new BatchEntry(null, [0x0A, 0x0B], [new BoundValue([0x78], false), new BoundValue(null, false)]), new BatchEntry("DELETE FROM k.t WHERE a = 1", null, [])],
            new QueryParameters { Consistency = ConsistencyLevel.Quorum, SerialConsistency = ConsistencyLevel.LocalSerial, Timestamp = 42 },
            version),
        _ => throw new ArgumentException(name),
    };

    private static (CqlType Type, object Value) ValueNamed(string name)
    {
        var id = Guid.Parse("00112233-4455-6677-8899-aabbccddeeff");
        return name switch
        {
            "ascii hello" => (Simple(ColumnTypeCode.Ascii), "hello"),
            "text" => (Simple(ColumnTypeCode.Text), "Größe 🙂"),
            "bigint min" => (Simple(ColumnTypeCode.Bigint), long.MinValue),
            "bigint 42" => (Simple(ColumnTypeCode.Bigint), 42L),
            "counter" => (Simple(ColumnTypeCode.Counter), 1234567890123L),
            "int" => (Simple(ColumnTypeCode.Int), -2),
            "smallint" => (Simple(ColumnTypeCode.SmallInt), (short)-300),
            "tinyint" => (Simple(ColumnTypeCode.TinyInt), sbyte.MinValue),
            "boolean true" => (Simple(ColumnTypeCode.Boolean), true),
            "boolean false" => (Simple(ColumnTypeCode.Boolean), false),
            "double" => (Simple(ColumnTypeCode.Double), -1234.5e-7),
            "float" => (Simple(ColumnTypeCode.Float), 3.25f),
            "timestamp" => (Simple(ColumnTypeCode.Timestamp), new DateTimeOffset(2026, 11, 22, 8, 48, 26, 123, TimeSpan.Zero)),
            "timestamp before 1970" => (Simple(ColumnTypeCode.Timestamp), new DateTimeOffset(1969, 12, 31, 23, 59, 59, 999, TimeSpan.Zero)),
            "uuid" => (Simple(ColumnTypeCode.Uuid), id),
            "timeuuid" => (Simple(ColumnTypeCode.Timeuuid), Guid.Parse("58e0a7d7-eebc-11d8-9669-0800200c9a66")),
            "blob" => (Simple(ColumnTypeCode.Blob), new byte[] { 0, 0xFF, 0x10 }),
            "inet4" => (Simple(ColumnTypeCode.Inet), IPAddress.Parse("192.0.2.7")),
            "inet6" => (Simple(ColumnTypeCode.Inet), IPAddress.Parse("2001:db8::7")),
            "list<int>" => (Of(ColumnTypeCode.List, Simple(ColumnTypeCode.Int)), new[] { 1, -1, 7 }),
            "set<text>" => (Of(ColumnTypeCode.Set, Simple(ColumnTypeCode.Text)), new[] { "a", "bé" }),
            "map<text, bigint>" => (Of(ColumnTypeCode.Map, Simple(ColumnTypeCode.Text), Simple(ColumnTypeCode.Bigint)), new Dictionary<string, long> { ["k1"] = 1, ["k2"] = -2 }),
            "empty list" => (Of(ColumnTypeCode.List, Simple(ColumnTypeCode.Int)), Array.Empty<int>()),
            "list<map<text, uuid>>" => (
                Of(ColumnTypeCode.List, Of(ColumnTypeCode.Map, Simple(ColumnTypeCode.Text), Simple(ColumnTypeCode.Uuid))), new[] { new Dictionary<string, Guid> { ["id"] = id } }),
            _ => throw new ArgumentException(name),
        };
    }

    // What collections are decoded to.
    private static object Plain(object value) => value switch
    {
        byte[] or string => value,
        System.Collections.IDictionary map => map.Keys.Cast<object>().ToDictionary(k => k, k => (object?)Plain(map[k]!)),
        System.Collections.IEnumerable items => items.Cast<object>().Select(i => (object?)Plain(i)).ToList(),
        _ => value,
    };

    private static CqlType Simple(ColumnTypeCode code) => new(code, []);

    private static CqlType Of(ColumnTypeCode code, params CqlType[] elements) => new(code, elements);

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);
}
