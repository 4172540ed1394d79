using Chat.Cells.History.Checking;
using Chat.Cells.History.Recording;
using Chat.Cells.Load;
using Chat.Cells.Load.Bench;
using Chat.Cells.Load.CommandLine;
using Chat.Cells.Load.Smoke;
using Chat.Cells.Processes;

using var stop = new StopSignals();
try
{
    switch (args.FirstOrDefault())
    {
        case "smoke":
            return await SmokeRun.RunAsync(LoadOptions.Parse(args[1..], defaultRate: 65), stop.Token);
        case "bench":
            var wanted = LoadOptions.Parse(args[1..], defaultRate: 200);
            if (wanted.RealEngines || wanted.Placement != Placement.Together) throw new LoadException("bench measures cells of one process on embedded engines; `make bench` measures a cell on others.");
            return await BenchRun.RunAsync(wanted, stop.Token);
        case "check" when args.Length == 2:
            var report = HistoryChecker.Check(HistoryRecorder.Read(args[1]));
            Console.WriteLine(report);
            return report.Passed ? 0 : 1;
        default:
            Console.WriteLine(LoadOptions.Help);
            return args.FirstOrDefault() is "--help" or "-h" or "help" ? 0 : 2;
    }
}
catch (Exception e) when (e is LoadException or ClusterException or InvalidDataException or FileNotFoundException)
{
    Console.Error.WriteLine($"{args[0]}: {e.Message}");
    return 1;
}
catch (OperationCanceledException) when (stop.Token.IsCancellationRequested)
{
    return 130;
}
