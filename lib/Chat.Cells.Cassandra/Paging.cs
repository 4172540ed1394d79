namespace Cassandra;

/// <summary>A statement, from a place in its rows on.</summary>
internal static class Paging
{
    public static IStatement From(IStatement statement, byte[] state) => statement switch
    {
        BoundStatement bound => Copy(new BoundStatement(bound.PreparedStatement, bound.Values), bound, state),
        SimpleStatement simple => Copy(new SimpleStatement(simple.QueryString), simple, state),
        _ => throw new InvalidOperationException("A batch has no pages."),
    };

    private static T Copy<T>(Statement<T> copy, IStatement original, byte[] state)
        where T : Statement<T>
    {
        var statement = copy.SetPagingState(state);
        if (original.ConsistencyLevel is { } consistency) statement.SetConsistencyLevel(consistency);
        if (original.SerialConsistencyLevel is { } serial) statement.SetSerialConsistencyLevel(serial);
        if (original.IsIdempotent is { } idempotent) statement.SetIdempotence(idempotent);
        if (original.PageSize is { } size) statement.SetPageSize(size);
        if (original.Timeout is { } timeout) statement.SetTimeout(timeout);
        if (original.Timestamp is { } timestamp) statement.SetTimestamp(timestamp);
        return statement;
    }
}
