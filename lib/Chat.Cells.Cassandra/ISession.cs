namespace Cassandra;

/// <summary>Executes statements on a cluster. Safe for any number of threads; one for the whole process.</summary>
public interface ISession
{
    /// <summary>The hosts that are known.</summary>
    IReadOnlyCollection<Host> Hosts { get; }

    /// <summary>The version of the native protocol that was agreed on.</summary>
    int ProtocolVersion { get; }

    /// <summary>Executes a statement; the first page of its rows.</summary>
    /// <exception cref="DriverException">See its subclasses: each says whether the statement may have been applied.</exception>
    Task<RowSet> ExecuteAsync(IStatement statement, CancellationToken cancellationToken = default);

    /// <summary>Has a statement parsed. Hosts that don't know it (any more) are taught when they say so.</summary>
    Task<PreparedStatement> PrepareAsync(string cql, CancellationToken cancellationToken = default);
}
