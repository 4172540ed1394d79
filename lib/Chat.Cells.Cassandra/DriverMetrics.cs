using System.Diagnostics.Metrics;

namespace Cassandra;

/// <summary>What the driver measures: meter <c>Chat.Cells.Cassandra</c>. A statement's time is from <see cref="ISession.ExecuteAsync"/> until its answer or failure, with all retries: where nothing is answered in time, what is seen are the time-outs.</summary>
internal static class DriverMetrics
{
    public const string MeterName = "Chat.Cells.Cassandra";

    private static readonly Meter Meter = new(MeterName);
    private static readonly KeyValuePair<string, object?> Read = new("kind", "read");
    private static readonly KeyValuePair<string, object?> Write = new("kind", "write");

    private static readonly Histogram<double> Requests = Meter.CreateHistogram<double>("cassandra.request", "s", "Statements, answered or failed, by kind: read or write.");
    private static readonly Counter<long> Errors = Meter.CreateCounter<long>("cassandra.errors", "{statement}", "Statements that failed after all retries, by kind and error.");

    // Milliseconds, as the alert rules have it.
    private static readonly LatencyWindow Reads = new(TimeProvider.System);
    private static readonly LatencyWindow Writes = new(TimeProvider.System);

    static DriverMetrics()
    {
        Meter.CreateObservableGauge("cassandra_read_latency_p99", static () => Reads.Percentile(0.99).TotalMilliseconds, null, "Milliseconds within which 99 of 100 reads of the last one to two minutes were answered, or had failed.");
        Meter.CreateObservableGauge("cassandra_write_latency_p99", static () => Writes.Percentile(0.99).TotalMilliseconds, null, "Milliseconds within which 99 of 100 writes of the last one to two minutes were acked, or had failed.");
    }

    public static void Failed(IStatement statement, Exception error, TimeSpan took)
    {
        Took(statement, took);
        Errors.Add(1, IsRead(statement) ? Read : Write, new KeyValuePair<string, object?>("error", error.GetType().Name));
    }

    public static void Answered(IStatement statement, TimeSpan took) => Took(statement, took);

    private static void Took(IStatement statement, TimeSpan took)
    {
        var read = IsRead(statement);
        (read ? Reads : Writes).Record(took);
        Requests.Record(took.TotalSeconds, read ? Read : Write);
    }

    private static bool IsRead(IStatement statement) => statement switch
    {
        BoundStatement bound => bound.PreparedStatement.IsRead,
        SimpleStatement simple => IsRead(simple.QueryString),
        _ => false,
    };

    public static bool IsRead(string cql) => cql.AsSpan().TrimStart().StartsWith("SELECT", StringComparison.OrdinalIgnoreCase);
}
