using Cassandra.Protocol;

namespace Cassandra.Tests.Faults;

internal enum Fault
{
    None,

    /// <summary>Never answers.</summary>
    Silence,

    /// <summary>Closes the connection.</summary>
    Drop,

    /// <summary>Writes half of the answer, then closes the connection.</summary>
    HalfFrame,

    /// <summary>Answers on a stream id that nobody used.</summary>
    WrongStream,
}

/// <summary>What the scripted server answers.</summary>
internal sealed record Reply(Opcode Opcode, byte[] Body, Fault Fault = Fault.None)
{
    public static readonly Reply Void = Result(1, _ => { });
    public static readonly Reply Silence = Void with { Fault = Fault.Silence };
    public static readonly Reply Drop = Void with { Fault = Fault.Drop };
    public static readonly Reply HalfFrame = Void with { Fault = Fault.HalfFrame };
    public static readonly Reply WrongStream = Void with { Fault = Fault.WrongStream };

    public static Reply Of(Opcode opcode, Action<BodyWriter> write)
    {
        var w = new BodyWriter();
        write(w);
        return new Reply(opcode, w.Written.ToArray());
    }

    public static Reply Result(int kind, Action<BodyWriter> write) => Of(Opcode.Result, w =>
    {
        w.Int(kind);
        write(w);
    });

    public static Reply Error(int code, string message, Action<BodyWriter>? more = null) => Of(Opcode.Error, w =>
    {
        w.Int(code);
        w.String(message);
        more?.Invoke(w);
    });

    public static Reply Unavailable() => Error(0x1000, "Cannot achieve consistency level LOCAL_QUORUM", w =>
    {
        w.Short((ushort)ConsistencyLevel.LocalQuorum);
        w.Int(2);
        w.Int(1);
    });

    public static Reply Overloaded() => Error(0x1001, "Too many in flight hints");

    /// <param name="columns">The result's.</param>
    /// <param name="rows">Encoded by the columns' types.</param>
    /// <param name="pagingState">Not null: there are more pages.</param>
    /// <param name="noMetadata">The columns are left out, as the client asked.</param>
    /// <param name="newMetadataId">v5: the columns have changed.</param>
    public static Reply Rows(IReadOnlyList<CqlColumn> columns, IEnumerable<object?[]> rows, byte[]? pagingState = null, bool noMetadata = false, byte[]? newMetadataId = null) => Result(2, w =>
    {
        w.Int((pagingState is null ? 0 : 2) | (noMetadata ? 4 : 0) | (newMetadataId is null ? 0 : 8));
        w.Int(columns.Count);
        if (pagingState is not null) w.Bytes(pagingState);
        if (newMetadataId is not null) w.ShortBytes(newMetadataId);
        if (!noMetadata) Columns(w, columns);
        var list = rows.ToList();
        w.Int(list.Count);
        foreach (var row in list)
        {
            for (var i = 0; i < columns.Count; i++) w.Bytes(ValueCodec.Encode(columns[i].Type, row[i]));
        }
    });

    public static void Columns(BodyWriter w, IReadOnlyList<CqlColumn> columns)
    {
        foreach (var column in columns)
        {
            w.String(column.Keyspace);
            w.String(column.Table);
            w.String(column.Name);
            Type(w, column.Type);
        }
    }

    private static void Type(BodyWriter w, CqlType type)
    {
        w.Short((ushort)type.Code);
        foreach (var element in type.Elements) Type(w, element);
    }
}

/// <summary>A statement that the scripted server knows how to prepare.</summary>
internal sealed record Prepared(CqlColumn[] Variables, int[] PartitionKeys, CqlColumn[] Columns);

/// <summary>A QUERY, EXECUTE or BATCH as the scripted server read it.</summary>
internal sealed record ServerRequest(Opcode Opcode, short Stream, byte Version, string Cql, ConsistencyLevel Consistency, long? Timestamp)
{
    public IReadOnlyList<byte[]?> Values { get; init; } = [];
    public bool SkipMetadata { get; init; }
    public int? PageSize { get; init; }
    public byte[]? PagingState { get; init; }
    public byte[]? ResultMetadataId { get; init; }
    public int Statements { get; init; } = 1;
}
