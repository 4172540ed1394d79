using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Chat.Cells.Processes.Engines;

/// <summary>A <c>redis-server</c> of the run, without persistence: after a restart it is empty.</summary>
public static class RedisProgram
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    /// <summary>Null where it can be run; else what is missing.</summary>
    public static string? Missing => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, "redis-server")))
        ? null
        : "redis-server is not on the PATH (Debian package redis-server; `make setup` installs it)";

    /// <summary>What starts it. Its settings are in a file of the folder that only its owner may read: everybody sees a process's arguments.</summary>
    /// <param name="folder">Made when it isn't there.</param>
    /// <param name="port">On loopback.</param>
    /// <param name="password">Null for none.</param>
    public static ServerCommand Command(string folder, int port, string? password)
    {
        Directory.CreateDirectory(folder);
        var settings = Path.Combine(folder, "redis.conf");
        string[] lines =
        [
            FormattableString.Invariant($"port {port}"), "bind 127.0.0.1", "save \"\"", "appendonly no", $"dir \"{folder}\"",
            .. password is null ? Array.Empty<string>() : [$"requirepass {password}"],
        ];
        SecretFile.Write(settings, string.Join('\n', lines) + "\n");
        return new ServerCommand("redis-server", [settings]);
    }

    /// <summary>Starts it and waits until it answers.</summary>
    internal static async Task<ServerProcess> StartAsync(string folder, int port, string password, CancellationToken cancellationToken)
    {
        if (Missing is { } reason) throw new ClusterException($"{reason}.");
        var number = port.ToString(CultureInfo.InvariantCulture);
        var command = Command(folder, port, password);
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
