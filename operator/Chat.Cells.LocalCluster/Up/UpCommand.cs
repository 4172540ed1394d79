using System.Globalization;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Config;
using Chat.Cells.LocalCluster.CommandLine;
using Chat.Cells.LocalCluster.Processes;

namespace Chat.Cells.LocalCluster.Up;

/// <summary>The verb <c>up</c>: a whole cluster on this machine, from nothing to a page, and back on Ctrl-C.</summary>
public static class UpCommand
{
    private const long FreeBytesNeeded = 256L * 1024 * 1024;

    /// <summary>Runs until cancelled (or as the options say); returns the exit code.</summary>
    /// <exception cref="UsageException">The options are wrong.</exception>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        if (args.Contains("--help") || args.Contains("-h"))
        {
            Console.WriteLine(UpOptions.Help);
            return 0;
        }

        var options = UpOptions.Parse(args);
        var console = new UpConsole(Console.Out, TimeProvider.System);
        try
        {
            if (PlatformGuard.Refusal() is { } refusal)
            {
                throw new UpException(refusal);
            }

            return options.Detach ? await DetachedUp.RunAsync(options, args, console, cancellationToken) : await RunAsync(options, console, cancellationToken);
        }
        catch (UpException e)
        {
            Console.Error.WriteLine($"up: {e.Message}");
            return 1;
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            Console.Error.WriteLine($"up: {e.Message}{(DiskIsFull(e) ? " Free some space on the disk of " + options.Data + ", or give another folder with --data." : "")}");
            return 1;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return 130;
        }
    }

    private static async Task<int> RunAsync(UpOptions options, UpConsole console, CancellationToken cancellationToken)
    {
        var paths = new ClusterPaths(options.Data);
        paths.Create();
        CheckSpace(paths.Data, new DriveInfo(paths.Data).AvailableFreeSpace);
        foreach (var needed in (string[])[options.Samples, Path.Combine(options.RepositoryRoot, "crds"), Path.Combine(options.RepositoryRoot, "charts", "install.yaml")])
        {
            if (!File.Exists(needed) && !Directory.Exists(needed))
            {
                throw new UpException($"{needed} is missing.");
            }
        }

        using var folderLock = FolderLock.Take(paths);
        File.Delete(paths.Description);
        NoteSelf(paths);
        var output = Path.GetRelativePath(Path.Combine(options.RepositoryRoot, "operator", "Chat.Cells.LocalCluster", "bin"), AppContext.BaseDirectory).TrimEnd('/');
        var dotnet = DotnetHost();
        ImageMapWriter.Write(options.RepositoryRoot, output.StartsWith("..", StringComparison.Ordinal) ? "Debug/net10.0" : output, dotnet, paths.Images);
        foreach (var name in (string[])[ClusterProcesses.Services, ClusterProcesses.Pods, ClusterProcesses.ApiServer])
        {
            await SupervisedProcess.StopLeftoverAsync(name, paths, TimeProvider.System, cancellationToken);
        }

        var settings = ClusterSettings.Choose(paths, options.Port, PodLeftovers.Without(ClusterSettings.Listening(), paths));
        await using var processes = new ClusterProcesses(dotnet, paths, settings, console, TimeProvider.System);
        var shutdown = new PodShutdown(paths, console, TimeProvider.System);
        var exitCode = 0;
        try
        {
            exitCode = await StartAndWaitAsync(options, paths, settings, processes, console, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            console.Line("");
        }
        finally
        {
            File.Delete(paths.Description);
            await StopAsync(processes, shutdown, console);
        }

        return exitCode;
    }

    private static async Task<int> StartAndWaitAsync(
        UpOptions options, ClusterPaths paths, ClusterSettings settings, ClusterProcesses processes, UpConsole console, CancellationToken cancellationToken)
    {
        console.Step($"starting the API server on {settings.ApiServerAddress}");
        await processes.StartApiServerAsync(cancellationToken);
        using var client = new KubernetesClient(KubeConfig.Load(paths.Kubeconfig));
        console.Step("starting the pod runner and the Service forwarder");
        processes.StartOthers();

        console.Step("applying the ChatCell definition, the operator, the router and " + Path.GetRelativePath(Environment.CurrentDirectory, options.Samples));
        var applier = new ManifestApplier(client, TimeProvider.System);
        foreach (var file in Directory.GetFiles(Path.Combine(options.RepositoryRoot, "crds"), "*.yaml").Order(StringComparer.Ordinal))
        {
            await applier.ApplyAsync(ManifestReader.Read(await File.ReadAllTextAsync(file, cancellationToken), file), file, cancellationToken);
        }

        foreach (var file in (string[])[Path.Combine(options.RepositoryRoot, "charts", "install.yaml"), options.Samples])
        {
            var text = (await File.ReadAllTextAsync(file, cancellationToken)).Replace(
                ClusterSettings.DefaultNodePort.ToString(CultureInfo.InvariantCulture), settings.NodePort.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
            await applier.ApplyAsync(ManifestReader.Read(text, file), file, cancellationToken);
        }

        var readiness = new ReadinessWait(client, console, TimeProvider.System);
        var cells = await readiness.WaitAsync(() => processes.RunnerIdentity, new Uri(settings.Url.Replace("localhost", "127.0.0.1", StringComparison.Ordinal)), options.ReadyWithin, cancellationToken);
        var readyAfter = console.Elapsed;
        void Describe() => processes.Describe(paths, settings, readyAfter).Write(paths);
        Describe();
        processes.OnRestarted(Describe);

        console.Step("ready");
        console.Line("");
        console.Line($"  {settings.Url}");
        console.Line("");
        console.Table([["CELL", "REGION", "READY", "GATEWAYS"], .. cells.Select(cell => new[] { cell.Name, cell.Region, cell.Ready, cell.Gateways })]);
        console.Line("");
        console.Line($"  kubectl: export KUBECONFIG={paths.Kubeconfig}");
        if (options.ExitWhenReady)
        {
            return 0;
        }

        console.Line("  Ctrl-C stops everything (make down, where it was started with --detach); data stays in " + paths.Data);
        await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        return 0;
    }

    private static async Task StopAsync(ClusterProcesses processes, PodShutdown shutdown, UpConsole console)
    {
        // The first Ctrl-C brought us here; the next one stops waiting for grace periods.
        using var hurry = new CancellationTokenSource();
        using var again = System.Runtime.InteropServices.PosixSignalRegistration.Create(System.Runtime.InteropServices.PosixSignal.SIGINT, context =>
        {
            context.Cancel = true;
            hurry.Cancel();
        });
        await processes.StopRunnerAsync();
        await shutdown.StopAllAsync(hurry.Token);
        await processes.StopAllAsync();
        console.Step("stopped");
    }

    private static void NoteSelf(ClusterPaths paths)
    {
        var stat = File.ReadAllText("/proc/self/stat").Trim();
        DurableFile.Write(paths.ProcessFile("up"), $"{ProcessIdentity.ThisBoot}\n{stat}\n");
    }

    private static string DotnetHost() =>
        Environment.ProcessPath is { } path && string.Equals(Path.GetFileNameWithoutExtension(path), "dotnet", StringComparison.Ordinal) ? path
        : Environment.GetEnvironmentVariable("DOTNET_ROOT") is { Length: > 0 } root && File.Exists(Path.Combine(root, "dotnet")) ? Path.Combine(root, "dotnet")
        : "dotnet";

    internal static void CheckSpace(string data, long free)
    {
        if (free < FreeBytesNeeded)
        {
            throw new UpException(string.Create(CultureInfo.InvariantCulture,
                $"the disk of {data} has only {free / 1024 / 1024} MB left; at least {FreeBytesNeeded / 1024 / 1024} MB are needed. Free some space, or give another folder with --data."));
        }
    }

    private static bool DiskIsFull(Exception e) => e is IOException && (e.HResult & 0xFFFF) is 28;
}
