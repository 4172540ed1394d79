using Cassandra.Protocol;

namespace Cassandra.Tests.Faults;

/// <summary>Reads requests as a server does.</summary>
internal static class RequestReader
{
    /// <param name="header">The frame's.</param>
    /// <param name="body">The frame's.</param>
    /// <param name="prepared">The text of a prepared statement; null when it isn't known (any more), which makes <paramref name="unknown"/> its id.</param>
    /// <param name="unknown">The id that isn't known.</param>
    public static ServerRequest Read(FrameHeader header, byte[] body, Func<byte[], string?> prepared, out byte[]? unknown)
    {
        unknown = null;
        var r = new BodyReader(body);
        if (header.Opcode == Opcode.Batch) return ReadBatch(header, ref r, prepared, out unknown);
        string? cql;
        byte[]? metadataId = null;
        if (header.Opcode == Opcode.Execute)
        {
            var id = r.ShortBytes();
            cql = prepared(id);
            if (cql is null) unknown = id;
            if (header.Version >= 5) metadataId = r.ShortBytes();
        }
        else
        {
            cql = r.LongString();
        }
        var consistency = (ConsistencyLevel)r.Short();
        var flags = header.Version >= 5 ? r.Int() : r.Byte();
        var values = new List<byte[]?>();
        if ((flags & 1) != 0)
        {
            for (var n = r.Short(); n > 0; n--) values.Add(r.Bytes()?.ToArray());
        }
        int? pageSize = (flags & 4) != 0 ? r.Int() : null;
        var pagingState = (flags & 8) != 0 ? r.Bytes()?.ToArray() : null;
        if ((flags & 16) != 0) r.Short();
        long? timestamp = (flags & 32) != 0 ? r.Long() : null;
        return new ServerRequest(header.Opcode, header.Stream, header.Version, cql ?? "", consistency, timestamp)
        {
            Values = values,
            SkipMetadata = (flags & 2) != 0,
            PageSize = pageSize,
            PagingState = pagingState,
            ResultMetadataId = metadataId,
        };
    }

    private static ServerRequest ReadBatch(FrameHeader header, ref BodyReader r, Func<byte[], string?> prepared, out byte[]? unknown)
    {
        unknown = null;
        r.Byte();
        var count = r.Short();
        var texts = new List<string>();
        for (var i = 0; i < count; i++)
        {
            if (r.Byte() == 1)
            {
                var id = r.ShortBytes();
                if (prepared(id) is { } text) texts.Add(text);
                else unknown ??= id;
            }
            else
            {
                texts.Add(r.LongString());
            }
            for (var n = r.Short(); n > 0; n--) r.Bytes();
        }
        var consistency = (ConsistencyLevel)r.Short();
        var flags = header.Version >= 5 ? r.Int() : r.Byte();
        if ((flags & 16) != 0) r.Short();
        long? timestamp = (flags & 32) != 0 ? r.Long() : null;
        return new ServerRequest(header.Opcode, header.Stream, header.Version, string.Join("; ", texts), consistency, timestamp) { Statements = count };
    }
}
