using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Config;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.LocalCluster.ApiServer;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Api.Schema;

namespace Chat.Cells.Operator.Tests.Cluster;

/// <summary>
/// A cluster for tests: the one that <c>KUBECONFIG</c> names, else the local cluster's API server in this process. Every use has namespaces of its own and removes them.
/// </summary>
public sealed class TestCluster : IAsyncDisposable
{
    /// <summary>The variable that names a real cluster.</summary>
    public const string Variable = "KUBECONFIG";

    private LocalApiServer? _local;
    private readonly string? _folder;

    private TestCluster(ClientConfiguration configuration, LocalApiServer? local, string? folder)
    {
        Configuration = configuration;
        Client = new KubernetesClient(configuration);
        _local = local;
        _folder = folder;
        var run = Guid.NewGuid().ToString("N")[..8];
        SystemNamespace = $"chat-cells-test-{run}-system";
        Namespace = $"chat-cells-test-{run}-a";
        OtherNamespace = $"chat-cells-test-{run}-b";
        Suffix = run[..4];
    }

    /// <summary>Where real clusters' kubeconfig is; null for none.</summary>
    public static string? RealKubeconfig => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } path ? path : null;

    public ClientConfiguration Configuration { get; }

    /// <summary>Text of the kubeconfig.</summary>
    public string Kubeconfig => File.ReadAllText(_local?.KubeconfigPath ?? RealKubeconfig!);

    public KubernetesClient Client { get; }

    public bool IsReal => _local is null;

    public string SystemNamespace { get; }

    public string Namespace { get; }

    public string OtherNamespace { get; }

    /// <summary>Makes names unique on a shared cluster.</summary>
    public string Suffix { get; }

    public ResourceClient<ChatCell> Cells => Client.Of<ChatCell>();

    /// <summary>A cluster; with <paramref name="real"/> the real one if there is one.</summary>
    public static async Task<TestCluster> StartAsync(bool real = false)
    {
        TestCluster cluster;
        if (real && RealKubeconfig is { } path)
        {
            cluster = new TestCluster(KubeConfig.Load(path), null, null);
        }
        else
        {
            var folder = Directory.CreateTempSubdirectory("operator-tests-").FullName;
            var local = await LocalApiServer.StartAsync(new LocalApiServerOptions { DataDirectory = folder });
            cluster = new TestCluster(KubeConfig.Load(local.KubeconfigPath), local, folder);
        }
        await cluster.PrepareAsync();
        return cluster;
    }

    public ChatCell Cell(string name, string region = "eu-west", string? ns = null, Func<ChatCellSpec, ChatCellSpec>? spec = null) => new()
    {
        Metadata = new V1ObjectMeta { Name = name, Namespace = ns ?? Namespace },
        Spec = (spec ?? (s => s))(new ChatCellSpec { Region = region }),
    };

    /// <summary>A condition of a cell, as <c>Status/Reason</c>; null when it has none.</summary>
    public async Task<string?> ConditionAsync(string name, string type, string? ns = null)
    {
        var cell = await Cells.TryGetAsync(ns ?? Namespace, name);
        var condition = cell?.Status?.Conditions?.FirstOrDefault(c => c.Type == type);
        return condition is null ? null : $"{condition.Status}/{condition.Reason}";
    }

    /// <summary>Waits for a condition of a cell.</summary>
    public Task WaitAsync(string name, string type, string expected, string? ns = null) =>
        Poll.UntilAsync(async () => await ConditionAsync(name, type, ns) == expected, $"{name}: {type} {expected}");

    public async Task<IReadOnlyList<V1Event>> EventsAsync(string name, string? ns = null) =>
        [.. (await Client.Of<V1Event>().ListAsync(ns ?? Namespace)).Items.Where(e => e.InvolvedObject.Name == name)];

    /// <summary>Stops the local API server, does something, and starts it again at the same address with the same data.</summary>
    public async Task RestartAsync(Func<Task> meanwhile)
    {
        ArgumentNullException.ThrowIfNull(meanwhile);
        var address = _local!.BaseUrl;
        await _local.DisposeAsync();
        await meanwhile();
        var listen = new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, address.Port);
        _local = await LocalApiServer.StartAsync(new LocalApiServerOptions { DataDirectory = _folder!, Listen = listen });
    }

    public async ValueTask DisposeAsync()
    {
        if (IsReal)
        {
            await CleanAsync();
        }
        Client.Dispose();
        if (_local is not null)
        {
            await _local.DisposeAsync();
            Directory.Delete(_folder!, recursive: true);
        }
    }

    /// <summary>Brings the CRD, unless it is there; true when it was not.</summary>
    public static async Task<bool> InstallCrdAsync(KubernetesClient client)
    {
        var crds = client.Of(ResourceType.Of<V1CustomResourceDefinition>());
        var crd = new Unstructured(CrdGenerator.Definition<ChatCell>());
        var isNew = await crds.TryGetAsync(null, crd.Metadata.Name!) is null;
        await crds.ApplyAsync(crd, "chat-cells-test");
        await Poll.UntilAsync(
            async () => (await client.Of<V1CustomResourceDefinition>().GetAsync(null, crd.Metadata.Name!)).Status?.Conditions?.Any(c => c is { Type: "Established", Status: "True" }) == true,
            "the CRD is established");
        // Established comes a moment before the paths are there.
        await Poll.UntilAsync(async () => await client.Discovery.FindAsync("chatcells.io/v1alpha1", "ChatCell") is not null, "the CRD is served");
        return isNew;
    }

    private async Task PrepareAsync()
    {
        if (!IsReal)
        {
            await InstallCrdAsync(Client);
        }
        if (IsReal)
        {
            Assert.True((await Cells.ListAsync(null)).Items.Count == 0, "The cluster has ChatCells: the suite runs an operator of its own and needs a cluster without.");
        }
        foreach (var ns in new[] { SystemNamespace, Namespace, OtherNamespace })
        {
            await Client.Of<V1Namespace>().CreateAsync(new V1Namespace { Metadata = new V1ObjectMeta { Name = ns } });
        }
    }

    private async Task CleanAsync()
    {
        foreach (var cell in (await Cells.ListAsync(null)).Items.Where(c => c.Metadata.Namespace == Namespace || c.Metadata.Namespace == OtherNamespace))
        {
            await Cells.TryDeleteAsync(cell.Metadata.Namespace, cell.Metadata.Name!);
            var noFinalizers = new System.Text.Json.Nodes.JsonObject { ["metadata"] = new System.Text.Json.Nodes.JsonObject { ["finalizers"] = null } };
            try
            {
                await Cells.MergePatchAsync(cell.Metadata.Namespace, cell.Metadata.Name!, noFinalizers);
            }
            catch (KubernetesException e) when (e.IsNotFound)
            {
                continue;
            }
        }
        foreach (var ns in new[] { SystemNamespace, Namespace, OtherNamespace })
        {
            await Client.Of<V1Namespace>().TryDeleteAsync(null, ns);
        }
        await Poll.UntilAsync(async () => (await Cells.ListAsync(null)).Items.Count == 0, "the cells are gone");
    }
}

/// <summary>The suites that may run on one real cluster: one after the other, since each brings an operator of its own, and with the CRD there from first to last.</summary>
[CollectionDefinition(Name)]
public sealed class ApiSuite : ICollectionFixture<InstalledCrd>
{
    public const string Name = "API suite";
}

/// <summary>Brings the CRD to a real cluster once for all tests, and takes it away again if it was not there before.</summary>
public sealed class InstalledCrd : IAsyncLifetime
{
    private KubernetesClient? _client;
    private bool _isOurs;

    public async Task InitializeAsync()
    {
        if (TestCluster.RealKubeconfig is { } path)
        {
            _client = new KubernetesClient(KubeConfig.Load(path));
            _isOurs = await TestCluster.InstallCrdAsync(_client);
        }
    }

    public async Task DisposeAsync()
    {
        if (_client is not null && _isOurs)
        {
            await _client.Of<V1CustomResourceDefinition>().TryDeleteAsync(null, "chatcells.chatcells.io");
        }
        _client?.Dispose();
    }
}

/// <summary>A test that needs pods to run: skipped where nothing runs them.</summary>
public sealed class NeedsImagesFactAttribute : FactAttribute
{
    /// <summary>Says that the cluster can pull chat-cells/cell:dev and chat-cells/bridge:dev.</summary>
    public const string Variable = "CHATCELLS_IMAGES";

    public NeedsImagesFactAttribute()
    {
        if (TestCluster.RealKubeconfig is null)
        {
            Skip = "needs a cluster that runs containers: set KUBECONFIG, and CHATCELLS_IMAGES=1 once chat-cells/cell:dev and chat-cells/bridge:dev can be pulled there";
        }
        else if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 })
        {
            Skip = "needs the images chat-cells/cell:dev and chat-cells/bridge:dev in the cluster (kind load docker-image …): then set CHATCELLS_IMAGES=1";
        }
    }
}
