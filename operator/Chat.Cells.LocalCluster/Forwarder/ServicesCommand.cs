using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Config;
using Chat.Cells.LocalCluster.CommandLine;
using Chat.Cells.LocalCluster.Processes;

namespace Chat.Cells.LocalCluster.Forwarder;

/// <summary>The verb <c>services</c>: forwards ClusterIPs and NodePorts to pods.</summary>
public static class ServicesCommand
{
    /// <summary>Runs until cancelled; returns the exit code.</summary>
    /// <exception cref="UsageException">The options are wrong.</exception>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var options = Arguments.Parse(args, ["--kubeconfig", "--state"], []);
        var kubeconfig = options.Required("--kubeconfig");
        if (PlatformGuard.Refusal() is { } refusal)
        {
            throw new UsageException(refusal);
        }

        using var logs = ProcessLog.Create();
        var logger = logs.CreateLogger("services");
        using var client = new KubernetesClient(KubeConfig.Load(kubeconfig));
        await using var forwarder = new ServiceForwarder(client, options["--state"] is { } state ? new ForwarderSnapshot(state, logger) : null, logger, TimeProvider.System);
        await forwarder.RunAsync(cancellationToken);
        return 0;
    }
}
