using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Chat.Cells.Processes;

/// <summary>One server program that is started again whenever it ends, unless it is held down. Its output goes to a log file.</summary>
public sealed class ServerProcess : IAsyncDisposable
{
    private readonly ServerCommand command;
    private readonly string log;
    private readonly TimeSpan restartAfter;
    private readonly CancellationTokenSource stopping = new();
    private readonly Lock gate = new();
    private TaskCompletionSource? held;
    private Task? running;
    private volatile ProcessRef? current;
    private volatile StreamWriter? input;

    /// <param name="role">What kind of server it is, for <see cref="ICluster.Find"/>.</param>
    /// <param name="name">For people, unique in the cluster.</param>
    /// <param name="command">What is run.</param>
    /// <param name="log">The file that its output is appended to.</param>
    /// <param name="restartAfter">From its end to its next start.</param>
    public ServerProcess(string role, string name, ServerCommand command, string log, TimeSpan restartAfter)
    {
        Role = role;
        Name = name;
        this.command = command;
        this.log = log;
        this.restartAfter = restartAfter;
    }

    public string Role { get; }

    public string Name { get; }

    /// <summary>How often it was started.</summary>
    public int Starts { get; private set; }

    /// <summary>The last line of its output; null when there is none.</summary>
    public async Task<string?> LastLineAsync(CancellationToken cancellationToken) => (await ReadOutputAsync(cancellationToken)).Last;

    /// <summary>How many lines its output has so far.</summary>
    public async Task<int> CountLinesAsync(CancellationToken cancellationToken) => (await ReadOutputAsync(cancellationToken)).Lines;

    /// <summary>The process that ran last; it may have ended.</summary>
    public ProcessRef? Current => current;

    /// <summary>Starts it for the first time. A program that can't be run at all makes <see cref="DisposeAsync"/> throw.</summary>
    public void Start() => running = Task.Run(RunAsync);

    /// <summary>From now on a process that ends stays down, until <see cref="Release"/>.</summary>
    public void Hold()
    {
        lock (gate) held ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Starts it again when it is down, and from now on whenever it ends.</summary>
    public void Release()
    {
        lock (gate)
        {
            held?.TrySetResult();
            held = null;
        }
    }

    /// <summary>Writes a line to its standard input. False: it doesn't run, or has ended meanwhile.</summary>
    public async Task<bool> WriteLineAsync(string line, CancellationToken cancellationToken)
    {
        if (input is not { } writer) return false;
        try
        {
            await writer.WriteLineAsync(line.AsMemory(), cancellationToken);
            await writer.FlushAsync(cancellationToken);
            return true;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>SIGKILL for what runs, and no other start.</summary>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        if (running is not null) await running;
        stopping.Dispose();
    }

    private async Task<(int Lines, string? Last)> ReadOutputAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(log)) return (0, null);
        await using var stream = new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        var lines = 0;
        string? last = null;
        while (await reader.ReadLineAsync(cancellationToken) is { } line) (lines, last) = (lines + 1, line);
        return (lines, last);
    }

    private async Task RunAsync()
    {
        try
        {
            while (!stopping.IsCancellationRequested)
            {
                await RunOnceAsync();
                await Task.Delay(restartAfter, stopping.Token);
                await WhileHeldAsync();
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return; // the cluster is stopped
        }
    }

    private Task WhileHeldAsync()
    {
        lock (gate) return held?.Task.WaitAsync(stopping.Token) ?? Task.CompletedTask;
    }

    private async Task RunOnceAsync()
    {
        var start = new ProcessStartInfo(command.FileName) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in command.Arguments) start.ArgumentList.Add(argument);
        foreach (var (name, value) in command.Environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        using var process = new Process { StartInfo = start };
        await using var writer = new StreamWriter(log, append: true, Encoding.UTF8) { AutoFlush = true };
        void Write(object _, DataReceivedEventArgs e)
        {
            if (e.Data is null) return;
            lock (writer) writer.WriteLine(e.Data);
        }
        process.OutputDataReceived += Write;
        process.ErrorDataReceived += Write;
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            throw new ClusterException($"{command.FileName} can't be run ({Name}): {e.Message}", e);
        }
        Starts++;
        current = ProcessRef.Of($"{Role} {Name}", process.Id);
        input = process.StandardInput;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            await process.WaitForExitAsync(stopping.Token);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
            throw;
        }
    }
}
