namespace Chat.Cells.Processes;

/// <summary>How a program is started.</summary>
/// <param name="FileName">An executable; <c>dotnet</c> for our own programs.</param>
/// <param name="Arguments">Not shown anywhere: they may hold secrets.</param>
/// <param name="Environment">Variables beside those of this process.</param>
public sealed record ServerCommand(string FileName, IReadOnlyList<string> Arguments, IReadOnlyDictionary<string, string>? Environment = null)
{
    /// <summary>One of the project's programs, built in the configuration of this program.</summary>
    /// <param name="folder">The folder in the repository that has the project's: <c>cell</c>.</param>
    /// <param name="name">The project: <c>Chat.Cells.Cell</c>.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <exception cref="ClusterException">It is not built.</exception>
    public static ServerCommand Of(string folder, string name, IReadOnlyList<string> arguments)
    {
        var configuration = AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";
        var path = Path.Combine(Repository.Root, folder, name, "bin", configuration, "net10.0", name + ".dll");
        return File.Exists(path)
            ? new ServerCommand("dotnet", [path, .. arguments])
            : throw new ClusterException($"{path} does not exist: build the solution first (`make build`).");
    }
}
