using System.Globalization;
using Chat.Cells.Bench;
using Chat.Cells.Bench.Bare;
using Chat.Cells.Bench.CommandLine;
using Chat.Cells.Bench.Growth;
using Chat.Cells.Bench.SocketFree;

using var stopping = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    stopping.Cancel();
};
try
{
    switch (args.FirstOrDefault())
    {
        case "--help" or "-h" or "help":
            Console.WriteLine(BenchOptions.Help);
            return 0;
        case "bare" when args.Length == 2:
            return await BareServer.RunAsync(int.Parse(args[1], CultureInfo.InvariantCulture), stopping.Token);
        case "growth":
            return await GrowthRun.RunAsync(BenchOptions.Parse(args[1..]), stopping.Token);
        case "socket-free" when args.Length == 3:
            return await SocketFreeRun.RunAsync(args[1], int.Parse(args[2], CultureInfo.InvariantCulture), stopping.Token);
        default:
            return await BenchRun.RunAsync(BenchOptions.Parse(args), stopping.Token);
    }
}
catch (BenchException e)
{
    Console.Error.WriteLine($"bench: {e.Message}");
    return 2;
}
catch (OperationCanceledException) when (stopping.IsCancellationRequested)
{
    return 130;
}
