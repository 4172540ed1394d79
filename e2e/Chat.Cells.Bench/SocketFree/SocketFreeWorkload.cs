using System.Diagnostics;
using System.Globalization;
using Chat.Cells.Bench.Report;

namespace Chat.Cells.Bench.SocketFree;

/// <summary>Runs <see cref="SocketFreeRun"/> in its own process and reports what it printed, as engine <c>socket-free</c> of the workloads <c>direct</c> and <c>group50</c>.</summary>
internal static class SocketFreeWorkload
{
    private const int Seconds = 5;

    public static async Task RunAsync(string folder, BenchReport report, CancellationToken cancellationToken)
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
        report.Say("socket-free: log, judge, store and delivery alone");
        var command = BenchProgram.Command("socket-free", folder, Seconds.ToString(CultureInfo.InvariantCulture));
        var start = new ProcessStartInfo(command.FileName, command.Arguments) { UseShellExecute = false, RedirectStandardOutput = true };
        using var process = Process.Start(start) ?? throw new BenchException("The socket-free run could not be started.");
        await using var _ = cancellationToken.Register(process.Kill);
        var output = await process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        await process.WaitForExitAsync(CancellationToken.None);
        cancellationToken.ThrowIfCancellationRequested();
        if (process.ExitCode != 0) throw new BenchException($"The socket-free run failed: {output}");
        foreach (var line in output.Split('\n').Where(l => l.StartsWith("RESULT ", StringComparison.Ordinal)))
        {
            var parts = line.Split(' ');
            var (deliveries, seconds, cpu) = (Number(parts[2]), Number(parts[3]), Number(parts[4]));
            var unit = parts[1] == "direct" ? 1_000 : 10_000;
            report.Add(parts[1], "socket-free", "delivered_per_second", deliveries / seconds, "1/s");
            report.Add(parts[1], "socket-free", $"server_cpu_seconds_per_{unit}", cpu / deliveries * unit, "s");
        }
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
