using System.Diagnostics;
using System.Text;

namespace Chat.Cells.Processes;

/// <summary>One server program that is started again whenever it ends. Its output goes to a log file.</summary>
public sealed class ServerProcess(string name, string program, IReadOnlyList<string> arguments, string log, TimeSpan restartAfter) : IAsyncDisposable
{
    private readonly CancellationTokenSource stopping = new();
    private Task? running;
    private volatile ProcessRef? current;

    public ProcessRef? Current => current;

    public void Start() => running = Task.Run(RunAsync);

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        if (running is not null) await running;
        stopping.Dispose();
    }

    private async Task RunAsync()
    {
        while (!stopping.IsCancellationRequested)
        {
            var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
            start.ArgumentList.Add(program);
            foreach (var argument in arguments) start.ArgumentList.Add(argument);
            using var process = new Process { StartInfo = start };
            await using var writer = new StreamWriter(log, append: true, Encoding.UTF8) { AutoFlush = true };
            void Write(object _, DataReceivedEventArgs e)
            {
                if (e.Data is null) return;
                lock (writer) writer.WriteLine(e.Data);
            }
            process.OutputDataReceived += Write;
            process.ErrorDataReceived += Write;
            process.Start();
            current = ProcessRef.Parse(name, await File.ReadAllTextAsync($"/proc/{process.Id}/stat"));
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            try
            {
                await process.WaitForExitAsync(stopping.Token);
                await Task.Delay(restartAfter, stopping.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill();
                await process.WaitForExitAsync(CancellationToken.None);
            }
        }
    }
}
