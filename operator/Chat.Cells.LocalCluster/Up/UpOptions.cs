using System.Globalization;
using Chat.Cells.LocalCluster.CommandLine;

namespace Chat.Cells.LocalCluster.Up;

/// <summary>What <c>up</c> is asked to do.</summary>
public sealed record UpOptions
{
    /// <summary>The text of <c>up --help</c>.</summary>
    public const string Help = """
        usage: up [options]
          --data DIR          where everything is kept (default .data in the repository); a second run finds all of it again
          --samples FILE      the manifests to run (default samples/two-regions.yaml)
          --port N            the port of the one URL (default 30080, or the one chosen before for this folder; 0 takes a free one)
          --exit-when-ready   start, wait until everything is ready, stop everything, and exit
          --detach            start in the background and return when everything is ready; `down --data DIR` stops it
          --ready-within S    give up when not everything is ready after so many seconds (default 300)
        """;

    public required string RepositoryRoot { get; init; }

    public required string Data { get; init; }

    public required string Samples { get; init; }

    /// <summary>Null: what this folder had before, or the default.</summary>
    public int? Port { get; init; }

    public bool ExitWhenReady { get; init; }

    public bool Detach { get; init; }

    public TimeSpan ReadyWithin { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Reads the options.</summary>
    /// <exception cref="UsageException">They are wrong, or this program does not lie in a repository.</exception>
    public static UpOptions Parse(IReadOnlyList<string> args)
    {
        var options = Arguments.Parse(args, ["--data", "--samples", "--port", "--ready-within"], ["--exit-when-ready", "--detach"]);
        var root = FindRoot(AppContext.BaseDirectory) ?? FindRoot(Environment.CurrentDirectory)
            ?? throw new UsageException("Chat.Cells.sln is in no folder above this program or the current folder: run it from a checkout of the repository.");
        return new UpOptions
        {
            RepositoryRoot = root,
            Data = Path.GetFullPath(options["--data"] ?? Path.Combine(root, ".data")),
            Samples = Path.GetFullPath(options["--samples"] ?? Path.Combine(root, "samples", "two-regions.yaml")),
            Port = options["--port"] is { } port ? Number("--port", port, 65_535) : null,
            ExitWhenReady = options.Has("--exit-when-ready"),
            Detach = options.Has("--detach"),
            ReadyWithin = TimeSpan.FromSeconds(options["--ready-within"] is { } seconds ? Number("--ready-within", seconds, 86_400) : 300),
        };
    }

    private static int Number(string name, string text, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= most
            ? number
            : throw new UsageException($"{name} {text}: a number from 0 to {most.ToString(CultureInfo.InvariantCulture)} is needed");

    private static string? FindRoot(string from)
    {
        for (var folder = new DirectoryInfo(from); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Chat.Cells.sln")))
            {
                return folder.FullName;
            }
        }

        return null;
    }
}
