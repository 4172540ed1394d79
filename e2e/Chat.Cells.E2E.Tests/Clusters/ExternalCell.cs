using System.Globalization;
using System.Text.Json.Nodes;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Config;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Processes;
using Chat.Cells.Processes.Engines;

namespace Chat.Cells.E2E.Tests.Clusters;

/// <summary>A cluster whose one cell is a ChatCell on External engines, with its Secret; and what the Kubernetes API says of it.</summary>
internal sealed class ExternalCell : IAsyncDisposable
{
    private const string Namespace = "default";
    private const string SecretName = "engines";
    private const int InternalPort = 8081;
    // The same Kafka with SASL and TLS, and the settings for it: docs/kafka.md.
    private const string SecureKafkaVariable = "KAFKA_SECURE_BOOTSTRAP_SERVERS";
    private const string SecurePropertiesVariable = "KAFKA_SECURE_PROPERTIES";

    private const string Sockets = "websocket_active_connections";

    private static readonly ResourceType ChatCells = new("chatcells.io", "v1alpha1", "ChatCell", "chatcells", Namespaced: true);

    private readonly string folder;
    private readonly HttpClient http = new() { Timeout = TimeSpan.FromSeconds(10) };
    private readonly CellSpec cell;
    private KubernetesClient? client;

    private ExternalCell(string folder, CellSpec cell)
    {
        this.folder = folder;
        this.cell = cell;
    }

    public string Name => cell.Name;

    public string Region => cell.Region;

    public Uri Router { get; private set; } = null!;

    private KubernetesClient Client => client ?? throw new InvalidOperationException("The cluster was not started.");

    /// <summary>Starts it and waits until the cell serves.</summary>
    /// <param name="folder">Of the cluster alone.</param>
    /// <param name="engines">The servers; they are left as they are.</param>
    /// <param name="replicas">Gateways.</param>
    public static async Task<ExternalCell> StartAsync(string folder, EngineServers engines, int replicas)
    {
        var external = new ExternalCell(folder, engines.Cells[0]);
        try
        {
            // What is in it nobody else may read: the Secret among it.
            if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
            else Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            var manifests = Path.Combine(folder, "cell.yaml");
            await File.WriteAllTextAsync(manifests, Manifests(engines, replicas).ToJsonString());
            var cluster = await LocalCluster.StartAsync(Path.Combine(folder, "data"), manifests, CancellationToken.None);
            external.Router = cluster.Router;
            external.client = new KubernetesClient(KubeConfig.Load(cluster.Kubeconfig));
            return external;
        }
        catch (Exception)
        {
            await external.DisposeAsync();
            throw;
        }
    }

    /// <summary>A field of the cell's status; null when it has none, or the cell is gone.</summary>
    public async Task<string?> StatusAsync(string field) =>
        (await Client.Of(ChatCells).TryGetAsync(Namespace, Name))?.Json["status"]?[field]?.ToString();

    /// <summary>A condition as <c>Status/Reason</c>.</summary>
    public async Task<string?> ConditionAsync(string type) =>
        (await Client.Of(ChatCells).GetAsync(Namespace, Name)).Json["status"]?["conditions"]?.AsArray().Where(c => (string?)c!["type"] == type).Select(c => $"{c!["status"]}/{c["reason"]}").FirstOrDefault();

    public Task ScaleAsync(int replicas) =>
        Client.Of(ChatCells).MergePatchAsync(Namespace, Name, new JsonObject { ["spec"] = new JsonObject { ["gateways"] = new JsonObject { ["replicas"] = replicas } } });

    public Task DeleteAsync() => Client.Of(ChatCells).DeleteAsync(Namespace, Name);

    /// <summary>Says that its users may lose their service.</summary>
    public Task AcceptLossAsync() => Client.Of(ChatCells).MergePatchAsync(
        Namespace, Name, new JsonObject { ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { ["chatcells.io/accept-loss-of-service"] = Name } } });

    public async Task<bool> IsThereAsync() => await Client.Of(ChatCells).TryGetAsync(Namespace, Name) is not null;

    public async Task<bool> HasSecretAsync() => await Client.Of<V1Secret>().TryGetAsync(Namespace, SecretName) is not null;

    public async Task<int> CountPodsAsync() => (await PodsAsync()).Count;

    /// <summary>How many sockets each of the cell's servers holds, in the order of their names.</summary>
    public async Task<int[]> CountSocketsAsync()
    {
        var counts = new List<int>();
        foreach (var pod in (await PodsAsync()).Where(p => p.Status?.PodIP is { Length: > 0 }).OrderBy(p => p.Metadata.Name, StringComparer.Ordinal))
        {
            var text = await http.GetStringAsync(new Uri($"http://{pod.Status!.PodIP}:{InternalPort}/metrics"));
            // A gauge that was never set is not there yet.
            var line = text.Split('\n').FirstOrDefault(l => l.StartsWith(Sockets, StringComparison.Ordinal));
            counts.Add(line is null ? 0 : (int)double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));
        }
        return [.. counts];
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        client?.Dispose();
        await LocalCluster.StopAsync(Path.Combine(folder, "data"));
    }

    private async Task<IReadOnlyList<V1Pod>> PodsAsync() => (await Client.Of<V1Pod>().ListAsync(Namespace, new ListOptions { LabelSelector = $"chatcells.io/cell={Name}" })).Items;

    /// <summary>What the options of a server would be, as a platform engineer writes it.</summary>
    private static JsonObject Manifests(EngineServers engines, int replicas)
    {
        var given = engines.Arguments.Chunk(2).ToDictionary(a => a[0], a => a[1]);
        var secrets = engines.Secrets.ToDictionary();
        var bootstrap = given["--kafka-bootstrap"];
        if (engines.Log == "kafka" && ClusterSource.Read(SecureKafkaVariable) is { } secure && ClusterSource.Read(SecurePropertiesVariable) is { } properties)
        {
            bootstrap = secure;
            secrets["kafka.properties"] = File.ReadAllText(properties);
        }
        var kafka = Engine(bootstrap, "kafka");
        kafka["partitions"] = "Small";
        if (given.GetValueOrDefault("--kafka-topics") == "external") kafka["topics"] = "External";
        Copy("--kafka-replication", kafka, "replicationFactor");
        Copy("--kafka-min-isr", kafka, "minInSyncReplicas");
        var nodes = given["--cassandra"].Split(',').Select(n => n.Contains(':', StringComparison.Ordinal) ? n : n + ":9042");
        var cassandra = Engine(string.Join(',', nodes), "cassandra");
        cassandra["datacenter"] = given["--cassandra-datacenter"];
        Copy("--cassandra-replication", cassandra, "replicationFactor");
        var manifest = new JsonObject
        {
            ["apiVersion"] = "chatcells.io/v1alpha1",
            ["kind"] = "ChatCell",
            ["metadata"] = new JsonObject { ["name"] = engines.Cells[0].Name, ["namespace"] = Namespace },
            ["spec"] = new JsonObject
            {
                ["region"] = engines.Cells[0].Region,
                ["gateways"] = new JsonObject { ["replicas"] = replicas, ["maxConnections"] = 1000 },
                ["kafka"] = kafka,
                ["cassandra"] = cassandra,
                ["redis"] = Engine(given["--redis"], "redis"),
            },
        };
        var secret = new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Secret",
            ["metadata"] = new JsonObject { ["name"] = SecretName, ["namespace"] = Namespace },
            ["stringData"] = new JsonObject(secrets.Select(s => KeyValuePair.Create(s.Key, (JsonNode?)s.Value))),
        };
        return new JsonObject { ["apiVersion"] = "v1", ["kind"] = "List", ["items"] = new JsonArray(secret, manifest) };

        void Copy(string option, JsonObject to, string field)
        {
            if (given.GetValueOrDefault(option) is { } value) to[field] = int.Parse(value, CultureInfo.InvariantCulture);
        }

        JsonObject Engine(string endpoints, string name)
        {
            var engine = new JsonObject { ["engine"] = "External", ["endpoints"] = new JsonArray([.. endpoints.Split(',').Select(e => (JsonNode?)e)]) };
            if (secrets.Keys.Any(k => k.StartsWith(name, StringComparison.Ordinal))) engine["secretName"] = SecretName;
            return engine;
        }
    }
}
