namespace Cassandra.Tests.Integration;

/// <summary>A test against a real cluster: skipped, and counted so, unless CASSANDRA_CONTACT_POINTS names one.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ClusterFactAttribute : FactAttribute
{
    public ClusterFactAttribute()
    {
        if (ContactPoints.Count == 0) Skip = "CASSANDRA_CONTACT_POINTS is not set: no real Cassandra was tried.";
    }

    /// <summary>Comma-separated: host or host:port.</summary>
    public static IReadOnlyList<string> ContactPoints { get; } =
        (Environment.GetEnvironmentVariable("CASSANDRA_CONTACT_POINTS") ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
