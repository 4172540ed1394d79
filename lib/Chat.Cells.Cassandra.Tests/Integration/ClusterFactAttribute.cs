namespace Cassandra.Tests.Integration;

/// <summary>A test against a real cluster: skipped, and counted so, unless CASSANDRA_CONTACT_POINTS names one.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ClusterFactAttribute : FactAttribute
{
    private bool _needsCredentials;
    private bool _needsNodeCommand;

    public ClusterFactAttribute()
    {
        if (ContactPoints.Count == 0) Skip = "CASSANDRA_CONTACT_POINTS is not set: no real Cassandra was tried.";
    }

    /// <summary>Skips the test as well where the cluster asks for no password: CASSANDRA_USERNAME is not set.</summary>
    public bool NeedsCredentials
    {
        get => _needsCredentials;
        set
        {
            _needsCredentials = value;
            if (value && Skip is null && UserName is null) Skip = "CASSANDRA_USERNAME is not set: no Cassandra that asks for a password was tried.";
        }
    }

    /// <summary>Skips the test as well where nothing stops and starts nodes: CASSANDRA_NODE_COMMAND is not set.</summary>
    public bool NeedsNodeCommand
    {
        get => _needsNodeCommand;
        set
        {
            _needsNodeCommand = value;
            if (value && Skip is null && NodeCommand is null) Skip = "CASSANDRA_NODE_COMMAND is not set: no node was stopped.";
        }
    }

    public static string? NodeCommand { get; } = Environment.GetEnvironmentVariable("CASSANDRA_NODE_COMMAND");

    public static string? UserName { get; } = Environment.GetEnvironmentVariable("CASSANDRA_USERNAME");

    /// <summary>Comma-separated: host or host:port.</summary>
    public static IReadOnlyList<string> ContactPoints { get; } =
        (Environment.GetEnvironmentVariable("CASSANDRA_CONTACT_POINTS") ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
