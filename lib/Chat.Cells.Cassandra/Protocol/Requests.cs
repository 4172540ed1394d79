using System.Text;

namespace Cassandra.Protocol;

/// <summary>A request's opcode and encoded body.</summary>
internal readonly record struct Request(Opcode Opcode, ReadOnlyMemory<byte> Body);

/// <summary>The parameters of QUERY and EXECUTE (specification, section 4.1.4).</summary>
internal sealed record QueryParameters
{
    [Flags]
    private enum Flags
    {
        None = 0,
        Values = 0x01,
        SkipMetadata = 0x02,
        PageSize = 0x04,
        PagingState = 0x08,
        SerialConsistency = 0x10,
        DefaultTimestamp = 0x20,
        NamesForValues = 0x40,
    }

    public required ConsistencyLevel Consistency { get; init; }
    public ConsistencyLevel? SerialConsistency { get; init; }
    public IReadOnlyList<BoundValue> Values { get; init; } = [];
    public bool SkipMetadata { get; init; }
    public int? PageSize { get; init; }
    public byte[]? PagingState { get; init; }

    /// <summary>µs since 1970.</summary>
    public long? Timestamp { get; init; }

    public void Write(BodyWriter w, byte version)
    {
        w.Short((ushort)Consistency);
        var flags = (Values.Count > 0 ? Flags.Values : Flags.None)
            | (SkipMetadata ? Flags.SkipMetadata : Flags.None)
            | (PageSize is null ? Flags.None : Flags.PageSize)
            | (PagingState is null ? Flags.None : Flags.PagingState)
            | (SerialConsistency is null ? Flags.None : Flags.SerialConsistency)
            | (Timestamp is null ? Flags.None : Flags.DefaultTimestamp);
        if (version >= 5) w.Int((int)flags);
        else w.Byte((byte)flags);
        if (Values.Count > 0)
        {
            w.Short((ushort)Values.Count);
            foreach (var value in Values) w.Value(value);
        }
        if (PageSize is { } size) w.Int(size);
        if (PagingState is { } state) w.Bytes(state);
        if (SerialConsistency is { } serial) w.Short((ushort)serial);
        if (Timestamp is { } timestamp) w.Long(timestamp);
    }
}

/// <summary>Encodes requests (specification, section 4.1).</summary>
internal static class Requests
{
    public static Request Startup(string clientName)
    {
        var w = new BodyWriter();
        w.StringMap(new Dictionary<string, string> { ["DRIVER_NAME"] = clientName, ["CQL_VERSION"] = "3.0.0" });
        return new Request(Opcode.Startup, w.Written);
    }

    /// <summary>PasswordAuthenticator: NUL user NUL password.</summary>
    public static Request AuthResponse(string userName, string password)
    {
        var w = new BodyWriter();
        w.Bytes(Encoding.UTF8.GetBytes($"\0{userName}\0{password}"));
        return new Request(Opcode.AuthResponse, w.Written);
    }

    public static Request Options() => new(Opcode.Options, ReadOnlyMemory<byte>.Empty);

    public static Request Register(params string[] events)
    {
        var w = new BodyWriter();
        w.StringList(events);
        return new Request(Opcode.Register, w.Written);
    }

    public static Request Query(string cql, QueryParameters parameters, byte version)
    {
        var w = new BodyWriter();
        w.LongString(cql);
        parameters.Write(w, version);
        return new Request(Opcode.Query, w.Written);
    }

    public static Request Prepare(string cql, byte version)
    {
        var w = new BodyWriter();
        w.LongString(cql);
        if (version >= 5) w.Int(0);
        return new Request(Opcode.Prepare, w.Written);
    }

    public static Request Execute(byte[] id, byte[]? resultMetadataId, QueryParameters parameters, byte version)
    {
        var w = new BodyWriter();
        w.ShortBytes(id);
        if (version >= 5) w.ShortBytes(resultMetadataId ?? throw new DriverInternalError("A v5 EXECUTE needs the result's metadata id."));
        parameters.Write(w, version);
        return new Request(Opcode.Execute, w.Written);
    }

    public static Request Batch(BatchType type, IReadOnlyList<BatchEntry> entries, QueryParameters parameters, byte version)
    {
        var w = new BodyWriter();
        w.Byte((byte)type);
        w.Short((ushort)entries.Count);
        foreach (var entry in entries)
        {
            if (entry.PreparedId is { } id)
            {
                w.Byte(1);
                w.ShortBytes(id);
            }
            else
            {
                w.Byte(0);
                w.LongString(entry.Cql!);
            }
            w.Short((ushort)entry.Values.Count);
            foreach (var value in entry.Values) w.Value(value);
        }
        w.Short((ushort)parameters.Consistency);
        var flags = (parameters.SerialConsistency is null ? 0 : 0x10) | (parameters.Timestamp is null ? 0 : 0x20);
        if (version >= 5) w.Int(flags);
        else w.Byte((byte)flags);
        if (parameters.SerialConsistency is { } serial) w.Short((ushort)serial);
        if (parameters.Timestamp is { } timestamp) w.Long(timestamp);
        return new Request(Opcode.Batch, w.Written);
    }
}

internal readonly record struct BatchEntry(string? Cql, byte[]? PreparedId, IReadOnlyList<BoundValue> Values);
