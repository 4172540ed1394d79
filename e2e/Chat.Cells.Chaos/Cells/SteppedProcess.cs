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
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

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

    /// <summary>Takes the trap away, and waits until that is done. When it has sprung meanwhile the process goes on.</summary>
    /// <exception cref="HarnessException">It does not hear.</exception>
    public async Task DisarmAsync(CancellationToken cancellationToken)
    {
        await TellAsync("disarm\nsteps", cancellationToken);
    }

    /// <summary>The steps that it has taken since it started, and how often.</summary>
    /// <exception cref="HarnessException">It does not tell.</exception>
    public async Task<IReadOnlyDictionary<Step, int>> StepsAsync(CancellationToken cancellationToken)
    {
        var lines = await TellAsync("steps", cancellationToken);
        return lines.Select(l => l.Split(' ', 2)).ToDictionary(p => Step.Parse(p[1]), p => int.Parse(p[0], CultureInfo.InvariantCulture));
    }

    private async Task<string[]> TellAsync(string asked, CancellationToken cancellationToken)
    {
        var file = SteppedCell.StepsFile(data, serverId);
        File.Delete(file);
        var start = TimeProvider.System.GetTimestamp();
        var isAsked = false;
        while (!File.Exists(file))
        {
            // It may just be starting again.
            isAsked = isAsked || await process.WriteLineAsync(asked, cancellationToken);
            if (TimeProvider.System.GetElapsedTime(start) > Bound) throw new HarnessException($"{process.Name} does not tell its steps.");
            // It may have stepped on its trap before it could hear that there is none any more.
            if (IsStopped) process.Current?.Resume();
            await Task.Delay(10, cancellationToken);
        }
        return await File.ReadAllLinesAsync(file, cancellationToken);
    }
}
