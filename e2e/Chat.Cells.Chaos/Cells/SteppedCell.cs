using System.Globalization;
using System.Text;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Chaos.Steps;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Chaos.Cells;

/// <summary>
/// The product's cell server as a process that stops itself (SIGSTOP) at a step of its work when told to: the same options, the same engines, behind
/// <see cref="SteppedEngines"/>. Standard input takes <c>arm STEP N</c>, <c>disarm</c>, and <c>steps</c>, which writes the counts of
/// all steps to <see cref="StepsFile"/>: after a <c>disarm</c> this also says that it was heard.
/// </summary>
public static class SteppedCell
{
    /// <summary>Where a server writes its steps: <c>count step</c>, a line each.</summary>
    public static string StepsFile(string data, string serverId) => Path.Combine(data, serverId + ".steps");

    public static async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        try
        {
            var options = CellOptionsReader.Read([.. arguments], Environment.GetEnvironmentVariable);
            using var loggers = LoggerFactory.Create(l => l.AddJsonConsole(o => (o.UseUtcTimestamp, o.TimestampFormat) = (true, "yyyy-MM-ddTHH:mm:ss.fffZ")).SetMinimumLevel(LogLevel.Information).AddFilter("Microsoft", LogLevel.Warning));
            var board = new StepBoard();
            using var life = new ServerLife(options.ServerId, board);
            await using var engines = await CellEngines.OpenAsync(options, TimeProvider.System, loggers, CancellationToken.None);
            await using var host = await CellHost.StartAsync(options, SteppedEngines.Around(engines, null, life));
            _ = Task.Run(() => ListenAsync(board, StepsFile(options.DataDirectory, options.ServerId)));
            await host.WaitForShutdownAsync(CancellationToken.None);
            return 0;
        }
        catch (Exception e) when (e is OptionsException or LogException or StoreException or CellStateException or IOException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 2;
        }
    }

    private static async Task ListenAsync(StepBoard board, string stepsFile)
    {
        while (await Console.In.ReadLineAsync() is { } line)
        {
            switch (line.Split(' '))
            {
                case ["arm", var step, var nth]:
                    board.Arm(new StepTrap(Step.Parse(step), int.Parse(nth, CultureInfo.InvariantCulture), TrapKind.Stop));
                    break;
                case ["disarm"]:
                    board.Disarm();
                    break;
                case ["steps"]:
                    await WriteStepsAsync(board, stepsFile);
                    break;
                default:
                    await Console.Error.WriteLineAsync($"'{line}' is no command.");
                    break;
            }
        }
    }

    /// <summary>Whole or not at all: somebody waits for the file.</summary>
    private static async Task WriteStepsAsync(StepBoard board, string stepsFile)
    {
        var text = new StringBuilder();
        foreach (var (step, count) in board.Counts) text.AppendLine(CultureInfo.InvariantCulture, $"{count} {step}");
        await File.WriteAllTextAsync(stepsFile + ".new", text.ToString());
        File.Move(stepsFile + ".new", stepsFile, overwrite: true);
    }
}
