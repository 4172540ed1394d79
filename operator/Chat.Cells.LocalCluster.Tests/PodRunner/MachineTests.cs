using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Config;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.LocalCluster.ApiServer;
using Chat.Cells.LocalCluster.Forwarder;
using Chat.Cells.LocalCluster.PodRunner.State;
using Chat.Cells.LocalCluster.Processes;
using Chat.Cells.LocalCluster.Up;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.LocalCluster.Tests.PodRunner;

/// <summary>API server, pod runner (a process of its own, so that it can be killed) and forwarder together, on one machine.</summary>
public sealed class MachineTests : IAsyncLifetime
{
    private const string Server = "const d=process.env.DIR||'.',fs=require('fs');fs.appendFileSync(d+'/starts','x');require('http').createServer((q,s)=>s.end(process.env.HOSTNAME+' '+fs.readFileSync(d+'/starts'))).listen(8080,process.env.POD_IP)";
    private readonly TestFolder folder = new();
    private readonly CancellationTokenSource stop = new();
    private readonly ClusterSettings settings;
    private LocalApiServer? api;
    private KubernetesClient client = null!;
    private DetachedProcess? runner;

    public MachineTests()
    {
        var paths = new ClusterPaths(folder.Path);
        paths.Create();
        settings = ClusterSettings.Choose(paths, 0, ClusterSettings.Listening());
    }

    public async Task InitializeAsync()
    {
        await File.WriteAllTextAsync(folder.File("images.json"), JsonSerializer.Serialize(new Dictionary<string, string[]>(StringComparer.Ordinal) { ["server"] = ["node", "-e", Server], ["sleep"] = ["sleep", "1000"] }));
        await StartApiAsync();
        client = new KubernetesClient(KubeConfig.Load(api!.KubeconfigPath));
        StartRunner();
    }

    public async Task DisposeAsync()
    {
        await stop.CancelAsync();
        if (runner is not null)
        {
            await ProcessSignals.StopAsync(runner.Identity, TimeSpan.FromSeconds(30), TimeProvider.System, CancellationToken.None);
            runner.Dispose();
        }

        await new PodShutdown(new ClusterPaths(folder.Path), new UpConsole(TextWriter.Null, TimeProvider.System), TimeProvider.System).StopAllAsync(CancellationToken.None);
        client.Dispose();
        await StopApiAsync();
        stop.Dispose();
        folder.Dispose();
    }

    [Fact]
    public async Task StatefulSet_PodDeleted_ComesBackOnTheSameClaimAndTheClaimOutlivesTheSet()
    {
        await ApplyAsync(StatefulSet);
        await ReadyAsync("web-0");
        var first = await client.Of<V1Pod>().GetAsync("default", "web-0");
        await client.Of<V1Pod>().DeleteAsync("default", "web-0");
        await Poll.UntilAsync(async () => await client.Of<V1Pod>().TryGetAsync("default", "web-0") is { } pod && pod.Metadata.Uid != first.Metadata.Uid, "another web-0");
        await ReadyAsync("web-0");
        var starts = Path.Combine(folder.Path, "volumes", "default", "data-web-0", "starts");
        Assert.Equal("xx", await File.ReadAllTextAsync(starts));

        await client.Of<V1StatefulSet>().DeleteAsync("default", "web");
        await Poll.UntilAsync(async () => (await client.Of<V1Pod>().ListAsync("default")).Items.Count == 0, "the pods to go");
        Assert.Equal("Bound", (await client.Of<V1PersistentVolumeClaim>().GetAsync("default", "data-web-0")).Status!.Phase);
        Assert.True(File.Exists(starts));

        await client.Of<V1PersistentVolumeClaim>().DeleteAsync("default", "data-web-0");
        await Poll.UntilAsync(async () => await client.Of<V1PersistentVolumeClaim>().TryGetAsync("default", "data-web-0") is null, "the claim to go");
        Assert.False(Directory.Exists(Path.GetDirectoryName(starts)));
    }

    [Fact]
    public async Task Runner_KilledAndStartedAgain_AdoptsWhatRunsAndStopsWhatWasDeletedMeanwhile()
    {
        await ApplyAsync(Pod("stays"), Pod("goes"));
        await ReadyAsync("stays");
        await ReadyAsync("goes");
        var stays = await ProcessAsync("stays");
        var goes = await ProcessAsync("goes");

        Assert.True(ProcessSignals.TrySend(runner!.Identity, UnixSignal.Kill));
        await runner.WaitForExitAsync(CancellationToken.None);
        await client.Of<V1Pod>().DeleteAsync("default", "goes", CancellationToken.None, new DeleteOptions { GracePeriodSeconds = 0 });
        Assert.True(stays.IsAlive && goes.IsAlive);
        StartRunner();

        await Poll.UntilAsync(() => !goes.IsAlive, "the deleted pod to be stopped");
        await ApplyAsync(Pod("later"));
        await ReadyAsync("later");
        Assert.Equal(stays, await ProcessAsync("stays"));
        Assert.Equal(0, Assert.Single((await client.Of<V1Pod>().GetAsync("default", "stays")).Status!.ContainerStatuses!).RestartCount);
    }

    [Fact]
    public async Task Forwarder_ApiServerGone_GoesOnAndStartsAgainFromWhatWasLastKnown()
    {
        await ApplyAsync(StatefulSet, $$$"""
            {"apiVersion":"v1","kind":"Service","metadata":{"name":"web","namespace":"default"},"spec":{"type":"NodePort","selector":{"app":"web"},"ports":[{"name":"http","port":80,"targetPort":"http","nodePort":{{{settings.NodePort}}}}]}}
            """);
        var snapshot = new ForwarderSnapshot(folder.File("services.json"), NullLogger.Instance);
        var first = new ServiceForwarder(client, snapshot, NullLogger.Instance, TimeProvider.System);
        using var firstStop = new CancellationTokenSource();
        var running = first.RunAsync(firstStop.Token);
        using var http = new HttpClient();
        await Poll.UntilAsync(() => AnswersAsync(http), "the service to answer");

        await StopApiAsync();
        Assert.True(await AnswersAsync(http));

        await firstStop.CancelAsync();
        await running;
        await first.DisposeAsync();
        Assert.False(await AnswersAsync(http));
        await using var second = new ServiceForwarder(client, snapshot, NullLogger.Instance, TimeProvider.System);
        running = second.RunAsync(stop.Token);
        await Poll.UntilAsync(() => AnswersAsync(http), "the service to answer again");
        await stop.CancelAsync();
        await running;
    }

    private async Task<bool> AnswersAsync(HttpClient http)
    {
        try
        {
            var answer = await http.GetStringAsync(new Uri($"http://127.0.0.1:{settings.NodePort}/"));
            return answer.StartsWith("web-0 ", StringComparison.Ordinal);
        }
        catch (HttpRequestException e) when (e.InnerException is SocketException or IOException || e.HttpRequestError != HttpRequestError.Unknown)
        {
            return false;
        }
    }

    private const string StatefulSet = """
        {"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"web","namespace":"default"},"spec":{"serviceName":"web","replicas":1,"selector":{"matchLabels":{"app":"web"}},
         "template":{"metadata":{"labels":{"app":"web"}},"spec":{"terminationGracePeriodSeconds":10,"containers":[{"name":"c","image":"server","ports":[{"name":"http","containerPort":8080}],
          "env":[{"name":"POD_IP","valueFrom":{"fieldRef":{"fieldPath":"status.podIP"}}},{"name":"DIR","value":"/var/lib/data"}],"readinessProbe":{"httpGet":{"port":"http"},"timeoutSeconds":10},
          "volumeMounts":[{"name":"data","mountPath":"/var/lib/data"}]}]}},
         "volumeClaimTemplates":[{"metadata":{"name":"data"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}]}}
        """;

    private static string Pod(string name) => $$$"""
        {"apiVersion":"v1","kind":"Pod","metadata":{"name":"{{{name}}}","namespace":"default"},"spec":{"terminationGracePeriodSeconds":10,"containers":[{"name":"c","image":"sleep"}]}}
        """;

    private async Task ApplyAsync(params string[] manifests) =>
        await new ManifestApplier(client, TimeProvider.System).ApplyAsync([.. manifests.Select(manifest => JsonNode.Parse(manifest)!.AsObject())], "test", CancellationToken.None);

    private Task ReadyAsync(string name) => Poll.UntilAsync(
        async () => (await client.Of<V1Pod>().TryGetAsync("default", name))?.Status?.Conditions?.Any(condition => condition is { Type: "Ready", Status: "True" }) == true, $"{name} to be ready");

    private async Task<ProcessIdentity> ProcessAsync(string name)
    {
        var pod = await client.Of<V1Pod>().GetAsync("default", name);
        var note = new PodRecordStore(folder.File("pods")).ProcessFile(pod.Metadata.Uid!, "c");
        await Poll.UntilAsync(() => ProcessIdentity.ReadFile(note) is not null, "the process's note"); // it writes it itself, a moment after it was started
        return ProcessIdentity.ReadFile(note)!;
    }

    private async Task StartApiAsync() => api = await LocalApiServer.StartAsync(
        new LocalApiServerOptions { DataDirectory = folder.File("apiserver"), ServiceCidr = IPNetwork.Parse(settings.ServiceCidr) });

    private async Task StopApiAsync()
    {
        if (api is { } running)
        {
            api = null;
            await running.DisposeAsync();
        }
    }

    private void StartRunner() => runner = DetachedProcess.Start(new DetachedStart(
        ["dotnet", Path.Combine(AppContext.BaseDirectory, "Chat.Cells.LocalCluster.dll"), "pods", "--kubeconfig", api!.KubeconfigPath, "--data", folder.Path, "--images", folder.File("images.json"), "--pod-cidr", settings.PodCidr],
        Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>().ToDictionary(entry => (string)entry.Key, entry => (string)entry.Value!, StringComparer.Ordinal),
        folder.Path, folder.File("runner.log"), folder.File("runner.proc")));
}
