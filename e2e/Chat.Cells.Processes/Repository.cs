namespace Chat.Cells.Processes;

/// <summary>The checkout this program was built from.</summary>
public static class Repository
{
    public static string Root { get; } = Find();

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Chat.Cells.sln"))) return folder.FullName;
        }
        return Environment.CurrentDirectory;
    }
}
