using System.Globalization;
using Chat.Cells.Bench;
using Chat.Cells.Bench.Bare;
using Chat.Cells.Bench.CommandLine;
using Chat.Cells.Bench.Growth;
using Chat.Cells.Bench.SocketFree;
using Chat.Cells.Processes;

using var stop = new StopSignals();
try
{
    switch (args.FirstOrDefault())
    {
        case "--help" or "-h" or "help":
            Console.WriteLine($"{BenchOptions.Help}\n\n{GrowthOptions.Help}");
            return 0;
        case "bare" when args.Length == 2:
            return await BareServer.RunAsync(int.Parse(args[1], CultureInfo.InvariantCulture), stop.Token);
        case "growth":
            return await GrowthRun.RunAsync(GrowthOptions.Parse(args[1..]), stop.Token);
        case "socket-free" when args.Length == 3:
            return await SocketFreeRun.RunAsync(args[1], int.Parse(args[2], CultureInfo.InvariantCulture), stop.Token);
        default:
            return await BenchRun.RunAsync(BenchOptions.Parse(args), stop.Token);
    }
}
catch (Exception e) when (e is BenchException or ClusterException)
{
    Console.Error.WriteLine($"bench: {e.Message}");
    return 2;
}
catch (OperationCanceledException) when (stop.Token.IsCancellationRequested)
{
    return 130;
}
