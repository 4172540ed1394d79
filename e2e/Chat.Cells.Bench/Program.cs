using System.Globalization;
using System.Runtime.InteropServices;
using Chat.Cells.Bench;
using Chat.Cells.Bench.Bare;
using Chat.Cells.Bench.CommandLine;
using Chat.Cells.Bench.Growth;
using Chat.Cells.Bench.SocketFree;
using Chat.Cells.Processes;

using var stopping = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    stopping.Cancel();
};
// What was started for the run is stopped with it, however the run is ended.
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);
try
{
    switch (args.FirstOrDefault())
    {
        case "--help" or "-h" or "help":
            Console.WriteLine($"{BenchOptions.Help}\n\n{GrowthOptions.Help}");
            return 0;
        case "bare" when args.Length == 2:
            return await BareServer.RunAsync(int.Parse(args[1], CultureInfo.InvariantCulture), stopping.Token);
        case "growth":
            return await GrowthRun.RunAsync(GrowthOptions.Parse(args[1..]), stopping.Token);
        case "socket-free" when args.Length == 3:
            return await SocketFreeRun.RunAsync(args[1], int.Parse(args[2], CultureInfo.InvariantCulture), stopping.Token);
        default:
            return await BenchRun.RunAsync(BenchOptions.Parse(args), stopping.Token);
    }
}
catch (Exception e) when (e is BenchException or ClusterException)
{
    Console.Error.WriteLine($"bench: {e.Message}");
    return 2;
}
catch (OperationCanceledException) when (stopping.IsCancellationRequested)
{
    return 130;
}

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stopping.Cancel();
}
