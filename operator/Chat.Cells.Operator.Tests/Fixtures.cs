using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Hosting;
using Chat.Cells.Operator.Observe;
using Chat.Cells.Operator.Plan;
using Chat.Cells.Topology;

namespace Chat.Cells.Operator.Tests;

/// <summary>Cells and observations to plan from.</summary>
internal static class Fixtures
{
    public static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public static readonly OperatorOptions Options = new() { AllowedOrigins = "http://localhost:30080" };

    private static readonly byte[] Key = SigningKey();

    public static CellPlanner Planner => new(Options, new CountingSecrets());

    public static ChatCell Cell(string name = "eu-west-1", string ns = "default", Func<ChatCellSpec, ChatCellSpec>? spec = null) => new()
    {
        Metadata = new V1ObjectMeta { Name = name, Namespace = ns, Uid = $"uid-{ns}-{name}", Generation = 1, ResourceVersion = "5", CreationTimestamp = Now.AddHours(-1), Finalizers = [ChatCell.Finalizer] },
        Spec = (spec ?? (s => s))(new ChatCellSpec { Region = name[..name.LastIndexOf('-')] }),
    };

    public static ChatCell Deleted(this ChatCell cell) => cell with { Metadata = cell.Metadata with { DeletionTimestamp = Now.AddMinutes(-1), Generation = 2 } };

    public static ChatCell With(this ChatCell cell, ChatCellStatus status) => cell with { Status = status };

    public static ChatCell Annotated(this ChatCell cell, string key, string value) =>
        cell with { Metadata = cell.Metadata with { Annotations = new Dictionary<string, string> { [key] = value } } };

    /// <summary>A cell that has a number and nothing else.</summary>
    public static Observed Fresh(ChatCell cell) => new() { Cell = cell, Claim = new NameClaim(NameClaimState.Own, 1) };

    /// <summary>A cell whose objects are all there; ready or not.</summary>
    public static Observed Provisioned(ChatCell cell, int readyGateways = 1, CellState state = CellState.Active)
    {
        var name = cell.Metadata.Name!;
        var ns = cell.Metadata.Namespace!;
        return Fresh(cell) with
        {
            Secret = Secret(name, ns),
            PublicService = Service(name, ns, "10.0.0.1"),
            InternalService = Service(Naming.InternalService(name), ns, "10.0.0.2"),
            StatefulSet = new V1StatefulSet
            {
                Metadata = new V1ObjectMeta { Name = name, Namespace = ns, Generation = 1, Uid = "uid-set" },
                Spec = new V1StatefulSetSpec { Replicas = 1 },
                Status = new V1StatefulSetStatus { ObservedGeneration = 1, Replicas = 1, ReadyReplicas = readyGateways },
            },
            MapEntry = new CellEntry(name, 1, cell.Spec.Region, 100, state, null, new CellEndpoints(new Uri("http://10.0.0.1:8080"), new Uri("http://10.0.0.2:8081")), CellSecretKeys.PublicKeys(Secret(name, ns).Data)),
        };
    }

    /// <summary>On External engines, with nothing that needs not be said.</summary>
    public static ChatCellSpec External(ChatCellSpec spec) => spec with
    {
        Kafka = new KafkaSpec { Engine = EngineKind.External, Endpoints = ["kafka-1.example:9092", "kafka-2.example:9092"] },
        Cassandra = new CassandraSpec { Engine = EngineKind.External, Endpoints = ["10.0.7.1:9042"], Datacenter = "dc1" },
        Redis = new RedisSpec { Engine = EngineKind.External, Endpoints = ["[fd00::7]:6379"] },
    };

    /// <summary>On External engines with two gateways, and one secret for all three.</summary>
    public static ChatCellSpec ExternalWithSecret(ChatCellSpec spec, Func<ChatCellSpec, ChatCellSpec>? more = null)
    {
        var external = External(spec);
        return (more ?? (s => s))(external with
        {
            Kafka = external.Kafka with { SecretName = "engines" },
            Cassandra = external.Cassandra with { SecretName = "engines" },
            Redis = external.Redis with { SecretName = "engines" },
            Gateways = new GatewaysSpec { Replicas = 2 },
        });
    }

    public static ChatCellSpec EverySetting(ChatCellSpec spec) => spec with
    {
        Kafka = spec.Kafka with { ReplicationFactor = 1, MinInSyncReplicas = 1, Topics = TopicOwner.External, TopicPrefix = TopicPrefix.None, Partitions = TopicPartitions.Small },
        Cassandra = spec.Cassandra with { Keyspace = "chat", ReplicationFactor = 1, Addresses = ["10.0.7.1:9042=203.0.113.7:19042", "[fd00::1]:9042=[fd00::2]:9042"] },
    };

    /// <summary>The secret <c>engines</c>, with a value changed or more.</summary>
    public static IReadOnlyDictionary<string, EngineSecret> EngineSecrets(params (string Key, string Value)[] changes)
    {
        var data = new SortedDictionary<string, byte[]>(StringComparer.Ordinal)
        {
            ["kafka.properties"] = Encoding.UTF8.GetBytes("# ours\nsecurity.protocol=SASL_SSL\nsasl.mechanisms=SCRAM-SHA-512\nsasl.username=cells\nsasl.password=broker=secret\n"),
            ["kafka-ca.pem"] = Encoding.ASCII.GetBytes(Certificate),
            ["cassandra-username"] = Encoding.ASCII.GetBytes("cells\n"),
            ["cassandra-password"] = Encoding.ASCII.GetBytes("ring-secret"),
            ["redis-password"] = Encoding.ASCII.GetBytes("redis-secret"),
            ["not-for-the-cell"] = Encoding.ASCII.GetBytes("other"),
        };
        foreach (var (key, value) in changes)
        {
            data[key] = Encoding.UTF8.GetBytes(value);
        }
        return new Dictionary<string, EngineSecret> { ["engines"] = new("engines", data) };
    }

    /// <summary>A cell on External engines that serves, with all its objects; both gateways ready unless it says otherwise.</summary>
    public static Observed ExternalCell(Func<ChatCellSpec, ChatCellSpec> spec, int readyGateways = 2)
    {
        var cell = Cell(spec: spec);
        var observed = Provisioned(cell, readyGateways);
        var replicas = cell.Spec.Gateways.Replicas;
        return observed with
        {
            Claim = new NameClaim(NameClaimState.Own, 1, External: true),
            StatefulSet = observed.StatefulSet! with
            {
                Spec = new V1StatefulSetSpec { Replicas = replicas },
                Status = new V1StatefulSetStatus { ObservedGeneration = 1, Replicas = replicas, ReadyReplicas = readyGateways },
            },
            EngineSecrets = EngineSecrets(),
            Servers = [.. Enumerable.Range(0, readyGateways).Select(i => Server(i))],
            Report = readyGateways > 0 ? new CellReport(12, 3 * readyGateways) : null,
        };
    }

    /// <summary>What a server says, with an engine that has something.</summary>
    public static ServerReport Server(int ordinal, string log = "ok", string store = "ok", string state = "ok") => new(
        string.Create(CultureInfo.InvariantCulture, $"eu-west-1-{ordinal}"), new CellReport(12, 3), new Dictionary<string, string> { ["log"] = log, ["store"] = store, ["state"] = state });

    /// <summary>A certificate in PEM.</summary>
    public static string Certificate { get; } = NewCertificate();

    /// <summary>Served, at the current generation, since <see cref="Now"/>.</summary>
    public static ChatCell Serving(ChatCell cell)
    {
        var status = Planner.Make(Provisioned(cell), Now).Status;
        return cell.With(status);
    }

    public static Peer Peer(string name, params string[] peers) => new(
        name, "http://10.0.1.2:8081", peers.ToDictionary(CellSecretKeys.Peer, p => Encoding.ASCII.GetBytes($"{name}-lets-{p}-read")));

    public static V1Secret Secret(string cell, string ns, params string[] peers)
    {
        var data = new Dictionary<string, byte[]> { [CellSecretKeys.Signing("20260101t000000")] = Key, [CellSecretKeys.InternalToken] = "internal"u8.ToArray() };
        foreach (var peer in peers)
        {
            data[CellSecretKeys.Peer(peer)] = Encoding.ASCII.GetBytes($"{cell}-lets-{peer}-read");
            data[CellSecretKeys.Bridge(peer)] = Encoding.ASCII.GetBytes($"{cell}-takes-from-{peer}");
            data[CellSecretKeys.To(peer)] = Encoding.ASCII.GetBytes($"{peer}-lets-{cell}-read");
        }
        return new V1Secret { Metadata = new V1ObjectMeta { Name = Naming.CellSecret(cell), Namespace = ns, ResourceVersion = "7" }, Data = data };
    }

    public static V1Service Service(string name, string ns, string address) =>
        new() { Metadata = new V1ObjectMeta { Name = name, Namespace = ns }, Spec = new V1ServiceSpec { ClusterIP = address } };

    public static MapInput Input(ChatCell cell, string? address = "10.0.0.1") => new(
        cell, address is null ? null : $"http://{address}:8080", address is null ? null : $"http://{address}:8081", CellSecretKeys.PublicKeys(Secret(cell.Metadata.Name!, "n").Data));

    private static string NewCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new System.Security.Cryptography.X509Certificates.CertificateRequest("CN=engines", key, HashAlgorithmName.SHA256).CreateSelfSigned(Now, Now.AddYears(50));
        return certificate.ExportCertificatePem();
    }

    private static byte[] SigningKey()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>Secrets that can be told apart and are the same in every run.</summary>
    private sealed class CountingSecrets : ISecretSource
    {
        private int _count;

        public byte[] SigningKey() => Encoding.ASCII.GetBytes("signing key");

        public byte[] Token() => Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"token {++_count}"));
    }
}
