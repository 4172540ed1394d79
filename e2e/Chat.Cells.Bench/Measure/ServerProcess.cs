using System.Diagnostics;
using System.Globalization;

namespace Chat.Cells.Bench.Measure;

/// <summary>A server in a process of its own: started, measured by <c>/proc</c>, killed.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private const double TicksPerSecond = 100; // USER_HZ, fixed on Linux
    private static readonly TimeSpan ReadyBound = TimeSpan.FromSeconds(60);

    private readonly string name;
    private readonly string[] command;
    private readonly IReadOnlyDictionary<string, string> environment;
    private readonly string log;
    private Process? process;

    /// <param name="name">For people.</param>
    /// <param name="command">A program's dll, then its arguments.</param>
    /// <param name="environment">Added to ours.</param>
    /// <param name="log">A file for what it says.</param>
    public ServerProcess(string name, IReadOnlyList<string> command, IReadOnlyDictionary<string, string> environment, string log)
    {
        this.name = name;
        this.command = [.. command];
        this.environment = environment;
        this.log = log;
    }

    /// <summary>CPU seconds used so far, user and system.</summary>
    public double CpuSeconds
    {
        get
        {
            var fields = Stat();
            return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksPerSecond;
        }
    }

    /// <summary>Resident memory in bytes.</summary>
    public long ResidentBytes
    {
        get
        {
            var line = File.ReadLines($"/proc/{Pid}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
            return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
        }
    }

    private int Pid => process?.Id ?? throw new BenchException($"{name} isn't running.");

    /// <summary>Starts it.</summary>
    public void Start()
    {
        var start = new ProcessStartInfo("/bin/sh") { UseShellExecute = false };
        // The shell gives the log to the program and is replaced by it: nothing here has to read what it says.
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("exec dotnet \"$@\" >>\"$0\" 2>&1 </dev/null");
        start.ArgumentList.Add(log);
        foreach (var argument in command) start.ArgumentList.Add(argument);
        foreach (var (key, value) in environment) start.Environment[key] = value;
        process = Process.Start(start) ?? throw new BenchException($"{name} could not be started.");
    }

    /// <summary>Waits until an address answers 200.</summary>
    /// <exception cref="BenchException">It ended, or wasn't ready in time.</exception>
    public async Task WaitUntilReadyAsync(Uri health, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(2) };
        var start = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(start) < ReadyBound)
        {
            if (process is null or { HasExited: true }) throw new BenchException($"{name} ended at its start; see {log}.");
            try
            {
                using var answer = await http.GetAsync(health, cancellationToken);
                if (answer.IsSuccessStatusCode) return;
            }
            catch (Exception e) when (e is HttpRequestException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
            {
                await Task.Delay(20, cancellationToken);
            }
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
        process = null;
    }

    public async ValueTask DisposeAsync() => await KillAsync();

    private string[] Stat()
    {
        // "pid (comm) state ppid …": comm may hold anything, so count from the last parenthesis.
        var line = File.ReadAllText($"/proc/{Pid}/stat");
        return line[(line.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }
}
