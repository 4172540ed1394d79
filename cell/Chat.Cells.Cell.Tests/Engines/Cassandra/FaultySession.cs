using Cassandra;
using ISession = Cassandra.ISession;

namespace Chat.Cells.Cell.Tests.Engines.Cassandra;

/// <summary>A session whose next statements can be told to fail, before or after the ring has done them.</summary>
internal sealed class FaultySession : ISession
{
    private readonly Lock sync = new();
    private ISession? inner;
    private Func<int, Fault> plan = static _ => Fault.None;
    private int executed;

    public enum Fault
    {
        None,

        /// <summary>Never reached the ring, and nobody knows.</summary>
        Lost,

        /// <summary>Done, but the answer was a time-out.</summary>
        DoneButTimedOut,
    }

    public IReadOnlyCollection<Host> Hosts => inner!.Hosts;

    public int ProtocolVersion => inner!.ProtocolVersion;

    /// <summary>How many statements there were since the plan was made.</summary>
    public int Executed
    {
        get
        {
            lock (sync) return executed;
        }
    }

    public ISession Before(ISession session)
    {
        inner = session;
        return this;
    }

    /// <summary>What becomes of the statements from now on, by their number from 0.</summary>
    public void Plan(Func<int, Fault> faults)
    {
        lock (sync) (plan, executed) = (faults, 0);
    }

    public async Task<RowSet> ExecuteAsync(IStatement statement, CancellationToken cancellationToken = default)
    {
        Fault fault;
        lock (sync) fault = plan(executed++);
        if (fault == Fault.Lost) throw TimedOut();
        var rows = await inner!.ExecuteAsync(statement, cancellationToken);
        return fault == Fault.None ? rows : throw TimedOut();
    }

    public Task<PreparedStatement> PrepareAsync(string cql, CancellationToken cancellationToken = default) => inner!.PrepareAsync(cql, cancellationToken);

    private static WriteTimeoutException TimedOut() => new("Operation timed out - received only 0 responses.", ConsistencyLevel.LocalQuorum, 0, 1, "CAS");
}
