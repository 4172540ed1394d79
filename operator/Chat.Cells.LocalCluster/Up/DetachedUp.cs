using Chat.Cells.LocalCluster.Processes;

namespace Chat.Cells.LocalCluster.Up;

/// <summary><c>up --detach</c>: starts <c>up</c> in a session of its own and returns when the cluster is ready.</summary>
internal static class DetachedUp
{
    public static async Task<int> RunAsync(UpOptions options, IReadOnlyList<string> args, UpConsole console, CancellationToken cancellationToken)
    {
        var paths = new ClusterPaths(options.Data);
        paths.Create();
        FolderLock.Take(paths).Dispose(); // says so at once when a cluster runs here
        File.Delete(paths.Description);
        var log = paths.Log("up");
        File.Delete(log);
        var environment = Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>()
            .Where(entry => entry.Key is string key && PodRunner.Spec.PodEnvironment.IsPortableName(key))
            .ToDictionary(entry => (string)entry.Key, entry => (string)entry.Value!, StringComparer.Ordinal);
        using var up = DetachedProcess.Start(new DetachedStart(
            [Environment.ProcessPath!, .. SelfArguments(), "up", .. args.Where(argument => !string.Equals(argument, "--detach", StringComparison.Ordinal))],
            environment, Environment.CurrentDirectory, log, paths.ProcessFile("up")));
        var exit = up.WaitForExitAsync(cancellationToken);
        var shown = 0L;
        while (!exit.IsCompleted && ClusterDescription.Read(paths) is null)
        {
            shown = Show(log, shown, console);
            await Task.Delay(TimeSpan.FromMilliseconds(200), cancellationToken);
        }

        Show(log, shown, console);
        return exit.IsCompleted ? await exit : 0;
    }

    // Under the dotnet host the first argument is the program; an apphost is the program itself.
    private static string[] SelfArguments() =>
        string.Equals(Path.GetFileNameWithoutExtension(Environment.ProcessPath), "dotnet", StringComparison.Ordinal) ? [Path.Combine(AppContext.BaseDirectory, "Chat.Cells.LocalCluster.dll")] : [];

    private static long Show(string log, long from, UpConsole console)
    {
        if (!File.Exists(log))
        {
            return from;
        }

        using var reader = new StreamReader(new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        reader.BaseStream.Seek(from, SeekOrigin.Begin);
        var text = reader.ReadToEnd();
        var whole = text.LastIndexOf('\n') + 1;
        if (whole > 0)
        {
            console.Line(text[..(whole - 1)]);
        }

        return from + System.Text.Encoding.UTF8.GetByteCount(text.AsSpan(0, whole));
    }
}
