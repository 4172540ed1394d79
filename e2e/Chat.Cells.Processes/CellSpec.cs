namespace Chat.Cells.Processes;

/// <summary>A cell of a cluster.</summary>
/// <param name="Name">Also the prefix of its names in engines that it shares with others.</param>
/// <param name="Number">1 to 65535, unique.</param>
public sealed record CellSpec(string Name, int Number, string Region)
{
    /// <summary>Two cells in two regions.</summary>
    /// <param name="suffix">Put behind their names: engines that outlive the run hold others' names too.</param>
    public static IReadOnlyList<CellSpec> Two(string suffix = "") => [new($"eu-west-1{suffix}", 1, "eu-west"), new($"us-east-1{suffix}", 2, "us-east")];
}
