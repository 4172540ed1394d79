using Cassandra;

namespace Chat.Cells.Cell.Engines.Cassandra;

/// <summary>Cuts the rows of one partition into requests: a batch for one partition is one mutation, as cheap as a row and all or nothing.</summary>
internal static class PartitionBatches
{
    /// <summary>Takes rows from <paramref name="start"/> on: how many fit one request, at least one.</summary>
    public static int CountFrom<T>(IReadOnlyList<T> rows, int start, int maxRows, int maxBytes, Func<T, int> sizeOf)
    {
        var bytes = sizeOf(rows[start]);
        var count = 1;
        while (count < maxRows && start + count < rows.Count)
        {
            bytes += sizeOf(rows[start + count]);
            if (bytes > maxBytes) break;
            count++;
        }
        return count;
    }

    /// <summary>One statement of several for one partition.</summary>
    public static IStatement Of(IReadOnlyList<BoundStatement> statements)
    {
        if (statements.Count == 1) return statements[0];
        var batch = new BatchStatement().SetBatchType(BatchType.Unlogged).SetIdempotence(true);
        foreach (var statement in statements) batch.Add(statement);
        return batch;
    }
}
