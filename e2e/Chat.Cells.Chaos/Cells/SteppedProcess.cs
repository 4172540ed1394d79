using System.Globalization;
using Chat.Cells.Chaos.Reporting;
using Chat.Cells.Chaos.Steps;
using Chat.Cells.Processes;

namespace Chat.Cells.Chaos.Cells;

/// <summary>A process that runs <see cref="SteppedCell"/>, seen from outside.</summary>
/// <param name="process">The process.</param>
/// <param name="data">Its data folder.</param>
/// <param name="serverId">Its server id.</param>
public sealed class SteppedProcess(ServerProcess process, string data, string serverId)
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);

    public ServerProcess Process => process;

    /// <summary>True while it is stopped by a signal.</summary>
    public bool IsStopped
    {
        get
        {
            if (process.Current is not { IsAlive: true } current) return false;
            try
            {
                var stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{current.Pid}/stat"));
                return stat[(stat.LastIndexOf(')') + 2)..].StartsWith('T');
            }
            catch (IOException)
            {
                // Gone meanwhile.
                return false;
            }
        }
    }

    /// <summary>Tells it to stop itself at a step.</summary>
    public Task<bool> ArmAsync(Step step, int nth, CancellationToken cancellationToken) =>
        process.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"arm {step} {nth}"), cancellationToken);

    public Task<bool> DisarmAsync(CancellationToken cancellationToken) => process.WriteLineAsync("disarm", cancellationToken);

    /// <summary>The steps that it has taken since it started, and how often.</summary>
    /// <exception cref="HarnessException">It does not tell.</exception>
    public async Task<IReadOnlyDictionary<Step, int>> StepsAsync(CancellationToken cancellationToken)
    {
        var file = SteppedCell.StepsFile(data, serverId);
        File.Delete(file);
        var start = TimeProvider.System.GetTimestamp();
        await process.WriteLineAsync("steps", cancellationToken);
        while (!File.Exists(file))
        {
            if (TimeProvider.System.GetElapsedTime(start) > Bound) throw new HarnessException($"{process.Name} does not tell its steps.");
            await Task.Delay(20, cancellationToken);
        }
        var lines = await File.ReadAllLinesAsync(file, cancellationToken);
        return lines.Select(l => l.Split(' ', 2)).ToDictionary(p => Step.Parse(p[1]), p => int.Parse(p[0], CultureInfo.InvariantCulture));
    }
}
