using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Chat.Cells.Processes.Engines;

/// <summary>A <c>redis-server</c> of the run, without persistence: after a restart it is empty.</summary>
internal static class RedisProgram
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    /// <summary>Null where it can be run; else what is missing.</summary>
    public static string? Missing => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, "redis-server")))
        ? null
        : "redis-server is not on the PATH (Debian package redis-server; `make setup` installs it)";

    /// <summary>Starts it and waits until it answers.</summary>
    public static async Task<ServerProcess> StartAsync(string folder, int port, string password, CancellationToken cancellationToken)
    {
        if (Missing is { } reason) throw new ClusterException($"{reason}.");
        Directory.CreateDirectory(folder);
        var number = port.ToString(CultureInfo.InvariantCulture);
        var command = new ServerCommand("redis-server", ["--port", number, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder, "--requirepass", password]);
        var process = new ServerProcess("redis", "redis", command, Path.Combine(folder, "redis.log"), TimeSpan.FromSeconds(1));
        process.Start();
        var start = TimeProvider.System.GetTimestamp();
        while (!await AnswersAsync(port, cancellationToken))
        {
            if (TimeProvider.System.GetElapsedTime(start) > Bound)
            {
                await process.DisposeAsync();
                throw new ClusterException($"redis-server did not answer at port {number} within {Bound.TotalSeconds} s; see {folder}.");
            }
            await Task.Delay(50, cancellationToken);
        }
        return process;
    }

    private static async Task<bool> AnswersAsync(int port, CancellationToken cancellationToken)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
