using System.Globalization;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Config;
using Chat.Cells.LocalCluster.Processes;

namespace Chat.Cells.LocalCluster.Up;

/// <summary>The three processes of the cluster, each supervised.</summary>
public sealed class ClusterProcesses : IAsyncDisposable
{
    public const string ApiServer = "apiserver";
    public const string Pods = "pods";
    public const string Services = "services";

    private static readonly TimeSpan ApiServerWithin = TimeSpan.FromSeconds(60);
    private readonly SupervisedProcess apiServer;
    private readonly SupervisedProcess pods;
    private readonly SupervisedProcess services;
    private readonly ClusterPaths paths;
    private readonly ClusterSettings settings;
    private readonly TimeProvider time;

    /// <summary>Prepares the three; nothing is started yet.</summary>
    public ClusterProcesses(string dotnet, ClusterPaths paths, ClusterSettings settings, UpConsole console, TimeProvider time)
    {
        this.paths = paths;
        this.settings = settings;
        this.time = time;
        string[] self = [dotnet, Path.Combine(AppContext.BaseDirectory, "Chat.Cells.LocalCluster.dll")];
        apiServer = new SupervisedProcess(ApiServer,
            [.. self, ApiServer, "--data", Path.Combine(paths.Data, "apiserver"), "--pods", paths.Pods, "--listen", settings.ApiServerAddress, "--service-cidr", settings.ServiceCidr, "--kubeconfig", paths.Kubeconfig],
            paths, console, time);
        pods = new SupervisedProcess(Pods,
            [.. self, Pods, "--kubeconfig", paths.Kubeconfig, "--data", paths.Data, "--images", paths.Images, "--pod-cidr", settings.PodCidr], paths, console, time);
        services = new SupervisedProcess(Services, [.. self, Services, "--kubeconfig", paths.Kubeconfig, "--state", paths.ForwarderState], paths, console, time);
    }

    /// <summary>The pod runner's process now.</summary>
    public ProcessIdentity? RunnerIdentity => pods.Identity;

    /// <summary>Starts the API server and waits until it answers.</summary>
    /// <exception cref="UpException">It does not; the message has the end of its log.</exception>
    public async Task StartApiServerAsync(CancellationToken cancellationToken)
    {
        apiServer.Start();
        var last = "it has not begun to listen";
        var started = time.GetTimestamp();
        while (time.GetElapsedTime(started) < ApiServerWithin && apiServer.Restarts < 3)
        {
            try
            {
                if (File.Exists(paths.Kubeconfig))
                {
                    using var client = new KubernetesClient(KubeConfig.Load(paths.Kubeconfig));
                    await client.Discovery.VersionAsync(cancellationToken);
                    return;
                }
            }
            catch (Exception e) when (PodRunner.ApiTrouble.Is(e, cancellationToken) || e is KubeConfigException)
            {
                last = e.Message;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancellationToken);
        }

        throw new UpException($"the API server does not answer on {settings.ApiServerAddress} ({last}). The end of its log, {paths.Log(ApiServer)}:{Environment.NewLine}{apiServer.LogTail()}");
    }

    /// <summary>Starts the pod runner and the forwarder.</summary>
    public void StartOthers()
    {
        pods.Start();
        services.Start();
    }

    /// <summary>Calls back after any of the three was restarted.</summary>
    public void OnRestarted(Action restarted)
    {
        foreach (var process in (SupervisedProcess[])[apiServer, pods, services])
        {
            process.Restarted = restarted;
        }
    }

    /// <summary>What scripts read.</summary>
    public ClusterDescription Describe(ClusterPaths of, ClusterSettings with, TimeSpan readyAfter)
    {
        var identities = new Dictionary<string, ProcessIdentity?>(StringComparer.Ordinal)
        {
            ["up"] = ProcessIdentity.Of(Environment.ProcessId),
            [ApiServer] = apiServer.Identity,
            [Pods] = pods.Identity,
            [Services] = services.Identity,
        };
        return new ClusterDescription
        {
            ApiServerUrl = string.Create(CultureInfo.InvariantCulture, $"https://{with.ApiServerAddress}"),
            Kubeconfig = of.Kubeconfig,
            RouterUrl = with.Url,
            DataDir = of.Data,
            Pids = identities.Where(entry => entry.Value is not null).ToDictionary(entry => entry.Key, entry => entry.Value!.Pid, StringComparer.Ordinal),
            StartTimes = identities.Where(entry => entry.Value is not null).ToDictionary(entry => entry.Key, entry => entry.Value!.StartTime, StringComparer.Ordinal),
            ReadyAfterSeconds = Math.Round(readyAfter.TotalSeconds, 1),
        };
    }

    /// <summary>Stops the pod runner, so that it starts no pod again.</summary>
    public Task StopRunnerAsync() => pods.StopAsync(CancellationToken.None);

    /// <summary>Stops all three.</summary>
    public async Task StopAllAsync()
    {
        await pods.StopAsync(CancellationToken.None);
        await services.StopAsync(CancellationToken.None);
        await apiServer.StopAsync(CancellationToken.None);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAllAsync();
        await pods.DisposeAsync();
        await services.DisposeAsync();
        await apiServer.DisposeAsync();
    }
}
