namespace Chat.Cells.Bench;

/// <summary>The source tree that this program was built in.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    /// <summary>A built program of the tree.</summary>
    /// <exception cref="BenchException">It isn't built.</exception>
    public static string Program(string folder, string name)
    {
        var configuration = AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";
        var path = Path.Combine(Root, folder, name, "bin", configuration, "net10.0", name + ".dll");
        return File.Exists(path) ? path : throw new BenchException($"{path} does not exist: build it first (`make bench` does).");
    }

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Chat.Cells.sln"))) return folder.FullName;
        }
        return Environment.CurrentDirectory;
    }
}
