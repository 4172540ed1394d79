using Chat.Cells.Chaos.Cells;
using Chat.Cells.Chaos.CommandLine;
using Chat.Cells.Chaos.Reporting;
using Chat.Cells.Chaos.Scenarios;
using Chat.Cells.Processes;

// Before anything that is this program's and not the cell's: signals are the server's own there.
if (args is ["cell", ..]) return await SteppedCell.RunAsync(args[1..]);

using var stop = new StopSignals();
if (args is ["--help" or "-h"])
{
    Console.WriteLine(ChaosOptions.Help);
    return 0;
}
try
{
    var options = ChaosOptions.Parse(args);
    if (!options.List) return await ChaosRun.RunAsync(options, Console.Out, stop.Token);
    foreach (var scenario in Catalog.All) Console.WriteLine($"{scenario.Name,-26} {(scenario.IsShort ? "short" : "     ")} {scenario.What}");
    return 0;
}
catch (HarnessException e)
{
    Console.Error.WriteLine(e.Message);
    return (int)Ending.HarnessFailed;
}
catch (OperationCanceledException) when (stop.Token.IsCancellationRequested)
{
    return 130;
}
