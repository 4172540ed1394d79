using Chat.Cells.LocalCluster.Processes;

namespace Chat.Cells.LocalCluster.Up;

/// <summary>Finds the build output that stands for each image.</summary>
public static class ImageMapWriter
{
    private static readonly (string Image, string Project)[] Images =
    [
        ("chat-cells/cell:dev", "cell/Chat.Cells.Cell"),
        ("chat-cells/bridge:dev", "cell/Chat.Cells.Bridge"),
        ("chat-cells/router:dev", "router/Chat.Cells.Router"),
        ("chat-cells/operator:dev", "operator/Chat.Cells.Operator"),
    ];

    /// <summary>Writes the image map.</summary>
    /// <param name="root">The repository.</param>
    /// <param name="output">Configuration and framework, as in <c>Debug/net10.0</c>.</param>
    /// <param name="dotnet">The dotnet host.</param>
    /// <param name="file">Where the map goes.</param>
    /// <exception cref="UpException">A project is not built.</exception>
    public static void Write(string root, string output, string dotnet, string file)
    {
        var map = new Dictionary<string, string[]>(StringComparer.Ordinal);
        foreach (var (image, project) in Images)
        {
            var assembly = Path.Combine(root, project, "bin", output, Path.GetFileName(project) + ".dll");
            if (!File.Exists(assembly))
            {
                throw new UpException($"{assembly} is missing: build first, with `make build`.");
            }

            map[image] = [dotnet, assembly];
        }

        DurableFile.Write(file, JsonSerializer.SerializeToUtf8Bytes(map));
    }
}
