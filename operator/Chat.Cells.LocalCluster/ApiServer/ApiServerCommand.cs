using System.Net;

namespace Chat.Cells.LocalCluster.ApiServer;

/// <summary>The verb <c>apiserver</c>.</summary>
public static class ApiServerCommand
{
    /// <summary>How the verb is called.</summary>
    public const string Usage = "apiserver --data DIR [--listen 127.0.0.1:PORT] [--kubeconfig FILE] [--service-cidr 127.x.0.0/16] [--pods DIR]";

    /// <summary>Runs an API server until it is cancelled.</summary>
    /// <param name="args">The options after the verb.</param>
    /// <param name="cancellationToken">Stops the server.</param>
    /// <returns>0 after an ordered stop, 1 when it could not start, 2 for wrong options.</returns>
    public static async Task<int> RunAsync(string[] args, CancellationToken cancellationToken)
    {
        LocalApiServerOptions options;
        try
        {
            options = Parse(args);
        }
        catch (FormatException e)
        {
            await Console.Error.WriteLineAsync($"apiserver: {e.Message}\nusage: {Usage}");
            return 2;
        }

        using var loggers = LoggerFactory.Create(l => l.SetMinimumLevel(LogLevel.Warning).AddSimpleConsole(c => c.SingleLine = true));
        LocalApiServer server;
        try
        {
            server = await LocalApiServer.StartAsync(options, loggers, cancellationToken);
        }
        catch (Exception e) when (e is IOException or ArgumentException or InvalidDataException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync($"apiserver: can't start: {e.Message}");
            return 1;
        }

        await using (server)
        {
            Console.WriteLine($"apiserver listening on {server.BaseUrl.GetLeftPart(UriPartial.Authority)}");
            var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await using var registration = cancellationToken.Register(() => stopped.TrySetResult());
            await stopped.Task;
        }

        return 0;
    }

    internal static LocalApiServerOptions Parse(string[] args)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < args.Length; i += 2)
        {
            if (args[i] is not ("--data" or "--listen" or "--kubeconfig" or "--kubeconfig-out" or "--service-cidr" or "--pods"))
            {
                throw new FormatException($"unknown option {args[i]}");
            }

            // The file is written, not read: both spellings say so.
            var name = args[i] == "--kubeconfig-out" ? "--kubeconfig" : args[i];
            values[name] = i + 1 < args.Length ? args[i + 1] : throw new FormatException($"{args[i]} needs a value");
        }

        var options = new LocalApiServerOptions
        {
            DataDirectory = Path.GetFullPath(values.GetValueOrDefault("--data") ?? throw new FormatException("--data is required")),
            KubeconfigPath = values.GetValueOrDefault("--kubeconfig"),
            PodsDirectory = values.GetValueOrDefault("--pods"),
        };
        if (values.TryGetValue("--listen", out var listen))
        {
            options = options with { Listen = IPEndPoint.TryParse(listen, out var endpoint) && listen.Contains(':', StringComparison.Ordinal) ? endpoint : throw new FormatException($"--listen: '{listen}' is not address:port") };
        }

        if (values.TryGetValue("--service-cidr", out var cidr))
        {
            options = options with { ServiceCidr = IPNetwork.TryParse(cidr, out var network) && network.PrefixLength is >= 8 and <= 28 ? network : throw new FormatException($"--service-cidr: '{cidr}' is not a network such as 127.96.0.0/16") };
        }

        return options;
    }
}
