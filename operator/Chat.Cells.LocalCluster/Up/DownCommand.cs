using Chat.Cells.LocalCluster.CommandLine;
using Chat.Cells.LocalCluster.Processes;

namespace Chat.Cells.LocalCluster.Up;

/// <summary>The verb <c>down</c>: asks the <c>up</c> of a data folder to stop everything, and waits for it.</summary>
public static class DownCommand
{
    private static readonly TimeSpan AtMost = TimeSpan.FromMinutes(3);

    /// <summary>Returns 0 when nothing runs any more.</summary>
    /// <exception cref="UsageException">The options are wrong.</exception>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var console = new UpConsole(Console.Out, TimeProvider.System);
        var options = Arguments.Parse(args, ["--data"], []);
        var paths = new ClusterPaths(UpOptions.Parse(options["--data"] is { } data ? ["--data", data] : []).Data);
        if (ProcessIdentity.ReadFile(paths.ProcessFile("up")) is not { IsAlive: true } up)
        {
            console.Line($"no cluster runs on {paths.Data}");
            return 0;
        }

        console.Step($"asking process {up.Pid} to stop");
        var gone = await ProcessSignals.StopAsync(up, AtMost, TimeProvider.System, cancellationToken);
        console.Step(gone ? "stopped" : "it did not stop in time and was killed; its pods may still run, `up` finds them again");
        return gone ? 0 : 1;
    }
}
