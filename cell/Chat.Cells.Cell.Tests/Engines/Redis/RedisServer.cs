using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Chat.Cells.Cell.Tests.Engines.Redis;

/// <summary>A redis-server of its own on a free loopback port, without persistence. Stopped by its process, and its folder removed.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    /// <summary>A cluster's bus is this far above its port.</summary>
    private const int BusAbove = 10_000;

    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);
    private readonly string folder = Directory.CreateTempSubdirectory("chatcells-redis-").FullName;
    private readonly ConcurrentQueue<string> said = new();
    private string? password;
    private readonly string[] more;
    private Process process = null!;

    private readonly HeldPort port;
    private readonly HeldPort bus;

    private RedisServer(string? password, string[] more)
    {
        this.password = password;
        this.more = more;
        (port, bus) = Ports();
    }

    public int Port => port.Number;
    public string Endpoint => port.EndPoint.ToString();

    /// <summary>Starts one that answers.</summary>
    public static async Task<RedisServer> StartAsync(string? password = null, params string[] more)
    {
        var server = new RedisServer(password, more);
        if (await server.TryRunAsync()) return server;
        await server.DisposeAsync();
        throw new InvalidOperationException($"redis-server can't be started: {string.Join('\n', server.said)}");
    }

    /// <summary>Runs again on its port after <see cref="KillAsync"/>.</summary>
    public async Task RestartAsync()
    {
        if (!await TryRunAsync()) throw new InvalidOperationException($"redis-server can't be started again: {string.Join('\n', said)}");
    }

    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
    }

    /// <summary>As <c>CONFIG SET requirepass</c> does: who is logged in stays so, and is then sent away.</summary>
    public async Task ChangePasswordAsync(string next)
    {
        Assert.StartsWith("+OK", await AskAsync("CONFIG", "SET", "requirepass", next), StringComparison.Ordinal);
        password = next;
        foreach (var kind in new[] { "normal", "pubsub" }) await AskAsync("CLIENT", "KILL", "TYPE", kind);
    }

    public Task PauseAsync() => SignalAsync("-STOP");

    public Task ContinueAsync() => SignalAsync("-CONT");

    /// <summary>Sends one command over a connection of its own and returns the first bytes of the answer.</summary>
    public async Task<string> AskAsync(params string[] command)
    {
        using var bound = new CancellationTokenSource(Bound);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port, bound.Token);
        var stream = client.GetStream();
        if (password is not null) await AskAsync(stream, ["AUTH", password], bound.Token);
        return await AskAsync(stream, command, bound.Token);
    }

    public async ValueTask DisposeAsync()
    {
        if (process is not null && !process.HasExited) await KillAsync();
        process?.Dispose();
        port.Dispose();
        bus.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private static async Task<string> AskAsync(NetworkStream stream, string[] command, CancellationToken cancellationToken)
    {
        var text = new StringBuilder($"*{command.Length}\r\n");
        foreach (var part in command) text.Append(System.Globalization.CultureInfo.InvariantCulture, $"${Encoding.UTF8.GetByteCount(part)}\r\n{part}\r\n");
        await stream.WriteAsync(Encoding.UTF8.GetBytes(text.ToString()), cancellationToken);
        var buffer = new byte[4096];
        return Encoding.UTF8.GetString(buffer, 0, await stream.ReadAsync(buffer, cancellationToken));
    }

    /// <summary>False when the process ended, or does not answer.</summary>
    private async Task<bool> TryRunAsync()
    {
        var start = new ProcessStartInfo("redis-server") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, WorkingDirectory = folder };
        string[] arguments = ["--port", $"{Port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder, .. more];
        // A password is in a file that only its owner may read: everybody sees a process's arguments.
        if (password is not null) start.ArgumentList.Add(WriteSettings(folder, $"requirepass \"{password}\"\n"));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        process?.Dispose();
        process = Process.Start(start)!;
        process.OutputDataReceived += (_, e) => said.Enqueue(e.Data ?? string.Empty);
        process.ErrorDataReceived += (_, e) => said.Enqueue(e.Data ?? string.Empty);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < Bound && !process.HasExited)
        {
            if (await AnswersAsync() && !process.HasExited) return true;
            await Task.Delay(20);
        }
        if (!process.HasExited) await KillAsync();
        return false;
    }

    private static string WriteSettings(string folder, string text)
    {
        var path = Path.Combine(folder, "redis.conf");
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var file = new FileStream(path, options);
        file.Write(Encoding.UTF8.GetBytes(text));
        return path;
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            // Ours, not another's that came to the port before.
            return (await AskAsync("INFO", "server")).Contains($"process_id:{process.Id}", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is SocketException or IOException or OperationCanceledException)
        {
            return false;
        }
    }

    private async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [signal, $"{process.Id}"]);
        await kill.WaitForExitAsync();
        Assert.Equal(0, kill.ExitCode);
    }

    /// <summary>Where the server is, and where its bus is if it is one of a cluster.</summary>
    private static (HeldPort Port, HeldPort Bus) Ports()
    {
        while (true)
        {
            var first = new HeldPort();
            try
            {
                if (first.Number + BusAbove <= IPEndPoint.MaxPort) return (first, new HeldPort(first.Number + BusAbove));
            }
            catch (SocketException)
            {
                // Somebody has that one: another pair.
                first.Dispose();
                continue;
            }
            first.Dispose();
        }
    }
}
