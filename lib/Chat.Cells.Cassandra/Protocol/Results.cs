namespace Cassandra.Protocol;

/// <summary>A decoded RESULT body (specification, section 4.2.5).</summary>
internal abstract record Result
{
    [Flags]
    private enum RowsFlags
    {
        GlobalTableSpec = 1,
        HasMorePages = 2,
        NoMetadata = 4,
        MetadataChanged = 8,
    }

    /// <param name="opcode">The response's; anything but a RESULT is an error.</param>
    /// <param name="body">The response's.</param>
    /// <param name="version">The protocol's.</param>
    /// <param name="known">The columns of the prepared statement, when the server was asked to leave them out.</param>
    public static Result Read(Opcode opcode, ReadOnlyMemory<byte> body, byte version, IReadOnlyList<CqlColumn>? known)
    {
        if (opcode != Opcode.Result) throw new DriverInternalError($"The server answered with {opcode} where a RESULT was wanted.");
        var reader = new BodyReader(body);
        var kind = reader.Int();
        switch (kind)
        {
            case 1:
                return new VoidResult();
            case 2:
                return ReadRows(ref reader, known);
            case 3:
                return new SetKeyspaceResult(reader.String());
            case 4:
                return ReadPrepared(ref reader, version);
            case 5:
                return new SchemaChangeResult();
            default:
                throw new DriverInternalError($"Result kind {kind} is not known.");
        }
    }

    private static RowsResult ReadRows(ref BodyReader reader, IReadOnlyList<CqlColumn>? known)
    {
        var flags = (RowsFlags)reader.Int();
        var columnCount = ColumnCount(ref reader);
        var pagingState = flags.HasFlag(RowsFlags.HasMorePages) ? reader.Bytes()?.ToArray() : null;
        var newMetadataId = flags.HasFlag(RowsFlags.MetadataChanged) ? reader.ShortBytes() : null;
        var columns = flags.HasFlag(RowsFlags.NoMetadata)
            ? known ?? throw new DriverInternalError("Rows came without their columns.")
            : ReadColumns(ref reader, columnCount, flags.HasFlag(RowsFlags.GlobalTableSpec));
        if (columns.Count != columnCount) throw new DriverInternalError($"Rows have {columnCount} columns, the prepared statement {columns.Count}.");
        var rowCount = reader.Count(reader.Int());
        var rows = new ReadOnlyMemory<byte>?[rowCount][];
        for (var i = 0; i < rowCount; i++)
        {
            var row = new ReadOnlyMemory<byte>?[columnCount];
            for (var j = 0; j < columnCount; j++) row[j] = reader.Bytes();
            rows[i] = row;
        }
        return new RowsResult(columns, rows, pagingState, newMetadataId);
    }

    private static PreparedResult ReadPrepared(ref BodyReader reader, byte version)
    {
        var id = reader.ShortBytes();
        var resultMetadataId = version >= 5 ? reader.ShortBytes() : null;
        var flags = (RowsFlags)reader.Int();
        var count = reader.Count(reader.Int());
        var partitionKeys = new int[reader.Count(reader.Int())];
        for (var i = 0; i < partitionKeys.Length; i++) partitionKeys[i] = reader.Short();
        var variables = ReadColumns(ref reader, count, flags.HasFlag(RowsFlags.GlobalTableSpec));

        var resultFlags = (RowsFlags)reader.Int();
        var resultCount = ColumnCount(ref reader);
        if (resultFlags.HasFlag(RowsFlags.HasMorePages)) reader.Bytes();
        IReadOnlyList<CqlColumn> columns = resultFlags.HasFlag(RowsFlags.NoMetadata) ? [] : ReadColumns(ref reader, resultCount, resultFlags.HasFlag(RowsFlags.GlobalTableSpec));
        return new PreparedResult(id, resultMetadataId, variables, partitionKeys, columns);
    }

    // Not held against what is left of the body: a result without rows whose columns were left out is only these numbers.
    private static int ColumnCount(ref BodyReader reader)
    {
        var count = reader.Int();
        return count is >= 0 and <= ushort.MaxValue ? count : throw new DriverInternalError($"A result claims {count} columns.");
    }

    private static CqlColumn[] ReadColumns(ref BodyReader reader, int count, bool global)
    {
        var keyspace = global ? reader.String() : "";
        var table = global ? reader.String() : "";
        var columns = new CqlColumn[count];
        for (var i = 0; i < count; i++)
        {
            columns[i] = global
                ? new CqlColumn(keyspace, table, reader.String(), CqlType.Read(ref reader))
                : new CqlColumn(reader.String(), reader.String(), reader.String(), CqlType.Read(ref reader));
        }
        return columns;
    }
}

internal sealed record VoidResult : Result;

internal sealed record SetKeyspaceResult(string Keyspace) : Result;

internal sealed record SchemaChangeResult : Result;

internal sealed record RowsResult(IReadOnlyList<CqlColumn> Columns, ReadOnlyMemory<byte>?[][] Rows, byte[]? PagingState, byte[]? NewMetadataId) : Result;

internal sealed record PreparedResult(
    byte[] Id, byte[]? ResultMetadataId, IReadOnlyList<CqlColumn> Variables, IReadOnlyList<int> PartitionKeys, IReadOnlyList<CqlColumn> Columns) : Result;
