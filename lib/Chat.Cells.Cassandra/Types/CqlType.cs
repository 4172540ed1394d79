using Cassandra.Protocol;

namespace Cassandra;

/// <summary>The types that our tables and the system tables use, with their codes in the native protocol (section 4.2.5.2).</summary>
public enum ColumnTypeCode
{
    Custom = 0x00,
    Ascii = 0x01,
    Bigint = 0x02,
    Blob = 0x03,
    Boolean = 0x04,
    Counter = 0x05,
    Decimal = 0x06,
    Double = 0x07,
    Float = 0x08,
    Int = 0x09,
    Timestamp = 0x0B,
    Uuid = 0x0C,
    Text = 0x0D,
    Varint = 0x0E,
    Timeuuid = 0x0F,
    Inet = 0x10,
    Date = 0x11,
    Time = 0x12,
    SmallInt = 0x13,
    TinyInt = 0x14,
    Duration = 0x15,
    List = 0x20,
    Map = 0x21,
    Set = 0x22,
    Udt = 0x30,
    Tuple = 0x31,
}

/// <summary>A CQL type with its element types.</summary>
public sealed record CqlType(ColumnTypeCode Code, IReadOnlyList<CqlType> Elements)
{
    private const int MaxDepth = 16;

    internal static CqlType Read(ref BodyReader reader, int depth = 0)
    {
        if (depth > MaxDepth) throw new DriverInternalError($"A type is nested deeper than {MaxDepth}.");
        var code = (ColumnTypeCode)reader.Short();
        switch (code)
        {
            case ColumnTypeCode.Custom:
                reader.String();
                return new CqlType(code, []);
            case ColumnTypeCode.List or ColumnTypeCode.Set:
                return new CqlType(code, [Read(ref reader, depth + 1)]);
            case ColumnTypeCode.Map:
                return new CqlType(code, [Read(ref reader, depth + 1), Read(ref reader, depth + 1)]);
            case ColumnTypeCode.Tuple:
                return new CqlType(code, ReadMany(ref reader, reader.Short(), depth));
            case ColumnTypeCode.Udt:
                reader.String();
                reader.String();
                var fields = new CqlType[reader.Short()];
                for (var i = 0; i < fields.Length; i++)
                {
                    reader.String();
                    fields[i] = Read(ref reader, depth + 1);
                }
                return new CqlType(code, fields);
            default:
                return new CqlType(code, []);
        }
    }

    private static CqlType[] ReadMany(ref BodyReader reader, int count, int depth)
    {
        var types = new CqlType[count];
        for (var i = 0; i < count; i++) types[i] = Read(ref reader, depth + 1);
        return types;
    }

    public override string ToString() => Elements.Count == 0 ? Code.ToString().ToLowerInvariant() : $"{Code.ToString().ToLowerInvariant()}<{string.Join(", ", Elements)}>";
}

/// <summary>A column of a result or a bind marker.</summary>
public sealed record CqlColumn(string Keyspace, string Table, string Name, CqlType Type);
