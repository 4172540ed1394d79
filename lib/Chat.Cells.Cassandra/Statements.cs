using Cassandra.Protocol;

namespace Cassandra;

/// <summary>Something to execute. What is null is taken from the cluster's <see cref="QueryOptions"/>.</summary>
public interface IStatement
{
    ConsistencyLevel? ConsistencyLevel { get; }
    ConsistencyLevel? SerialConsistencyLevel { get; }

    /// <summary>True when doing it twice is doing it once: only then is it sent again after an outcome that isn't known.</summary>
    bool? IsIdempotent { get; }

    /// <summary>Rows per page; 0 for all at once.</summary>
    int? PageSize { get; }

    byte[]? PagingState { get; }
    TimeSpan? Timeout { get; }

    /// <summary>µs since 1970; null: the session's generator stamps it.</summary>
    long? Timestamp { get; }
}

/// <summary>The settings all statements share.</summary>
public abstract class Statement<TSelf> : IStatement
    where TSelf : Statement<TSelf>
{
    public ConsistencyLevel? ConsistencyLevel { get; private set; }
    public ConsistencyLevel? SerialConsistencyLevel { get; private set; }
    public bool? IsIdempotent { get; private set; }
    public int? PageSize { get; private set; }
    public byte[]? PagingState { get; private set; }
    public TimeSpan? Timeout { get; private set; }
    public long? Timestamp { get; private set; }

    public TSelf SetConsistencyLevel(ConsistencyLevel value)
    {
        ConsistencyLevel = value;
        return (TSelf)this;
    }

    public TSelf SetSerialConsistencyLevel(ConsistencyLevel value)
    {
        SerialConsistencyLevel = value;
        return (TSelf)this;
    }

    public TSelf SetIdempotence(bool value)
    {
        IsIdempotent = value;
        return (TSelf)this;
    }

    public TSelf SetPageSize(int value)
    {
        PageSize = value;
        return (TSelf)this;
    }

    public TSelf SetPagingState(byte[]? value)
    {
        PagingState = value;
        return (TSelf)this;
    }

    public TSelf SetTimeout(TimeSpan value)
    {
        Timeout = value;
        return (TSelf)this;
    }

    /// <param name="microseconds">Since 1970.</param>
    public TSelf SetTimestamp(long microseconds)
    {
        Timestamp = microseconds;
        return (TSelf)this;
    }
}

/// <summary>A statement as text, without values: for schema changes and system tables. Everything else is prepared.</summary>
public sealed class SimpleStatement(string cql) : Statement<SimpleStatement>
{
    public string QueryString { get; } = cql;
}

/// <summary>A statement that the hosts have parsed. Safe for any number of threads; made once and kept.</summary>
public sealed class PreparedStatement
{
    private volatile PreparedResult _result;

    internal PreparedStatement(string cql, PreparedResult result)
    {
        QueryString = cql;
        IsRead = DriverMetrics.IsRead(cql);
        _result = result;
    }

    internal bool IsRead { get; }

    public string QueryString { get; }

    /// <summary>The bind markers, in order.</summary>
    public IReadOnlyList<CqlColumn> Variables => Result.Variables;

    internal PreparedResult Result
    {
        get => _result;
        set => _result = value;
    }

    /// <summary>Binds values in the order of the markers. Null writes a tombstone: leave a column alone with <see cref="Unset.Value"/>.</summary>
    /// <exception cref="InvalidTypeException">A value doesn't fit its column, or there are too many or too few.</exception>
    public BoundStatement Bind(params object?[] values)
    {
        var variables = Variables;
        if (values.Length != variables.Count) throw new InvalidTypeException($"{variables.Count} values are wanted, {values.Length} were given: {QueryString}");
        var encoded = new BoundValue[values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            try
            {
                encoded[i] = ReferenceEquals(values[i], Unset.Value) ? BoundValue.Unset : new BoundValue(ValueCodec.Encode(variables[i].Type, values[i]), false);
            }
            catch (InvalidTypeException e)
            {
                throw new InvalidTypeException($"'{variables[i].Name}': {e.Message}");
            }
        }
        return new BoundStatement(this, encoded);
    }
}

/// <summary>A prepared statement with its values.</summary>
public sealed class BoundStatement : Statement<BoundStatement>
{
    internal BoundStatement(PreparedStatement prepared, IReadOnlyList<BoundValue> values)
    {
        PreparedStatement = prepared;
        Values = values;
    }

    public PreparedStatement PreparedStatement { get; }

    internal IReadOnlyList<BoundValue> Values { get; }

    /// <summary>The serialized partition key; null when the statement doesn't name one.</summary>
    internal byte[]? RoutingKey => Routing.KeyOf(PreparedStatement.Result.PartitionKeys, Values);

    internal string? Keyspace => PreparedStatement.Variables is [var first, ..] ? first.Keyspace : null;
}

/// <summary>How a batch is applied.</summary>
public enum BatchType : byte
{
    /// <summary>All or nothing, by way of the batch log.</summary>
    Logged = 0,

    /// <summary>One request, no promise: for rows of one partition it is atomic all the same.</summary>
    Unlogged = 1,
    Counter = 2,
}

/// <summary>Several bound statements in one request.</summary>
public sealed class BatchStatement : Statement<BatchStatement>
{
    private readonly List<BoundStatement> _statements = [];

    public BatchType BatchType { get; private set; } = BatchType.Logged;

    public IReadOnlyList<BoundStatement> Statements => _statements;

    public BatchStatement Add(BoundStatement statement)
    {
        if (_statements.Count == ushort.MaxValue) throw new InvalidTypeException("A batch holds at most 65,535 statements.");
        _statements.Add(statement);
        return this;
    }

    public BatchStatement SetBatchType(BatchType type)
    {
        BatchType = type;
        return this;
    }
}

/// <summary>A value that leaves its column as it is.</summary>
public sealed class Unset
{
    public static readonly Unset Value = new();

    private Unset()
    {
    }
}
