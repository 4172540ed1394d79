namespace Cassandra;

/// <summary>Names in CQL.</summary>
public static class CqlIdentifier
{
    /// <summary>A name in double quotes: its case and any character survive.</summary>
    public static string Quote(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
