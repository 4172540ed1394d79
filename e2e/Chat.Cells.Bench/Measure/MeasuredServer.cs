using System.Diagnostics;
using Chat.Cells.Processes;

namespace Chat.Cells.Bench.Measure;

/// <summary>
/// A server under measurement. It is started once for each <see cref="Start"/> and never by itself, killed at an instant of the workload's choosing, and nothing of it goes through
/// this process, which generates the load: it writes its log itself. (<see cref="ServerProcess"/> is for servers that come back by themselves.)
/// </summary>
/// <param name="name">For people.</param>
/// <param name="command">What is run.</param>
/// <param name="log">A file for what it says.</param>
/// <param name="readiness">Answers 200 when it is ready.</param>
internal sealed class MeasuredServer(string name, ServerCommand command, string log, Uri readiness) : IAsyncDisposable
{
    private static readonly TimeSpan ReadyBound = TimeSpan.FromSeconds(60);

    private Process? process;
    private ProcessRef? running;

    /// <summary>CPU seconds used since its start, user and system.</summary>
    /// <exception cref="BenchException">It doesn't run.</exception>
    public double CpuSeconds => running?.CpuSeconds ?? throw Gone();

    /// <summary>Resident memory in bytes.</summary>
    /// <exception cref="BenchException">It doesn't run.</exception>
    public long ResidentBytes => running?.ResidentBytes ?? throw Gone();

    /// <summary>Starts it, and doesn't wait.</summary>
    public void Start()
    {
        var start = new ProcessStartInfo("/bin/sh") { UseShellExecute = false };
        // The shell gives the log to the program and is replaced by it: nothing here has to read what it says.
        foreach (var argument in (string[])["-c", "exec \"$@\" >>\"$0\" 2>&1 </dev/null", log, command.FileName, .. command.Arguments]) start.ArgumentList.Add(argument);
        foreach (var (key, value) in command.Environment ?? new Dictionary<string, string>()) start.Environment[key] = value;
        process = Process.Start(start) ?? throw new BenchException($"{name} could not be started.");
        running = ProcessRef.Of(name, process.Id);
    }

    /// <summary>Waits until it answers that it is ready.</summary>
    /// <exception cref="BenchException">It ended, or wasn't ready in time.</exception>
    public async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(2) };
        var start = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(start) < ReadyBound)
        {
            if (process is null or { HasExited: true }) throw new BenchException($"{name} ended at its start; see {log}.");
            if (await IsReadyAsync(http, cancellationToken)) return;
            await Task.Delay(20, cancellationToken);
        }
        throw new BenchException($"{name} wasn't ready within {ReadyBound.TotalSeconds} s; see {log}.");
    }

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        if (process is null) return;
        if (!process.HasExited) process.Kill();
        await process.WaitForExitAsync(CancellationToken.None);
        process.Dispose();
        (process, running) = (null, null);
    }

    public async ValueTask DisposeAsync() => await KillAsync();

    private async Task<bool> IsReadyAsync(HttpClient http, CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await http.GetAsync(readiness, cancellationToken);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return false; // not up yet: asked again, within the bound
        }
    }

    private BenchException Gone() => new($"{name} isn't running; see {log}.");
}
