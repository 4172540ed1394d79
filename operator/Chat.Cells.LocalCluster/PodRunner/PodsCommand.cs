using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Config;
using Chat.Cells.LocalCluster.CommandLine;
using Chat.Cells.LocalCluster.Controllers;
using Chat.Cells.LocalCluster.PodRunner.Probes;
using Chat.Cells.LocalCluster.PodRunner.State;
using Chat.Cells.LocalCluster.Processes;

namespace Chat.Cells.LocalCluster.PodRunner;

/// <summary>The verb <c>pods</c>: the kubelet and the workload controllers of this machine, in one process. Its end leaves the pods running.</summary>
public static class PodsCommand
{
    /// <summary>Runs until cancelled; returns the exit code.</summary>
    /// <exception cref="UsageException">The options are wrong.</exception>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var options = Arguments.Parse(args, ["--kubeconfig", "--data", "--images", "--pod-cidr"], []);
        var kubeconfig = Path.GetFullPath(options.Required("--kubeconfig"));
        var data = Path.GetFullPath(options.Required("--data"));
        var cidr = options.Required("--pod-cidr");
        ImageMap images;
        try
        {
            LoopbackRange.Parse(cidr);
            images = ImageMap.Load(options.Required("--images"));
        }
        catch (Exception e) when (e is FormatException or InvalidDataException)
        {
            throw new UsageException(e.Message);
        }

        if (PlatformGuard.Refusal() is { } refusal)
        {
            throw new UsageException(refusal);
        }

        using var logs = ProcessLog.Create();
        using var client = new KubernetesClient(KubeConfig.Load(kubeconfig));
        await RunAsync(client, kubeconfig, data, images, cidr, logs, TimeProvider.System, cancellationToken);
        return 0;
    }

    /// <summary>The same, for those who have a client already.</summary>
    public static async Task RunAsync(
        KubernetesClient client, string kubeconfig, string data, ImageMap images, string cidr, ILoggerFactory logs, TimeProvider time, CancellationToken cancellationToken)
    {
        var logger = logs.CreateLogger("pods");
        var claimsFolder = Path.Combine(data, "volumes");
        Directory.CreateDirectory(claimsFolder);
        File.SetUnixFileMode(claimsFolder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute); // cells keep their users' data here
        using var prober = new Prober();
        var reporter = new PodReporter(client, logger, time);
        var objects = new ClusterObjects(client, logs.CreateLogger("pods.cache"), time);
        var runtime = new PodRuntime
        {
            Records = new PodRecordStore(Path.Combine(data, "pods")),
            Images = images,
            Objects = objects,
            Reporter = reporter,
            Prober = prober,
            Time = time,
            Logger = logger,
            ClaimsFolder = claimsFolder,
            Kubeconfig = kubeconfig,
        };
        var agent = new PodAgent(client, objects, runtime, cidr);
        var claims = new ClaimBinder(client, objects, claimsFolder, logger, time);
        var controllers = new LocalControllers(client, logs.CreateLogger("controllers"), time);
        var node = NodeWhenReadyAsync();
        await Task.WhenAll(
            objects.RunAsync(cancellationToken), reporter.RunAsync(cancellationToken), agent.RunAsync(cancellationToken),
            claims.RunAsync(cancellationToken), controllers.RunAsync(cancellationToken), node);

        // The node is Ready only once every pod that was here before has been looked at, and the API knows what was seen.
        async Task NodeWhenReadyAsync()
        {
            try
            {
                await agent.Ready.WaitAsync(cancellationToken);
                await reporter.FlushAsync(cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }

            await new NodeStatus(client, logger, time).RunAsync(cancellationToken);
        }
    }
}
