using System.Globalization;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Observe;

namespace Chat.Cells.Operator.Plan;

/// <summary>How a cell's servers are told of engines that somebody else runs.</summary>
internal static class ExternalEngines
{
    // The owner and the group that the pod's files get (fsGroup), nobody else.
    private const int ForTheServerOnly = 0b100_100_000;

    /// <summary>The server's arguments. What the spec leaves out, the cell's own defaults are for.</summary>
    public static IReadOnlyList<string> Arguments(ChatCellSpec spec)
    {
        List<string> args = ["--log", "kafka", "--kafka-bootstrap", List(spec.Kafka.Endpoints)];
        Add("--kafka-replication", Number(spec.Kafka.ReplicationFactor));
        Add("--kafka-min-isr", Number(spec.Kafka.MinInSyncReplicas));
        Add("--kafka-topics", spec.Kafka.Topics is TopicOwner.External ? "external" : null);
        Add("--kafka-prefix", spec.Kafka.TopicPrefix is TopicPrefix.None ? "none" : null);
        Add("--topics", spec.Kafka.Partitions is TopicPartitions.Small ? "small" : null);
        args.AddRange(["--store", "cassandra", "--cassandra", List(spec.Cassandra.Endpoints), "--cassandra-datacenter", spec.Cassandra.Datacenter ?? string.Empty]);
        Add("--cassandra-keyspace", spec.Cassandra.Keyspace);
        Add("--cassandra-replication", Number(spec.Cassandra.ReplicationFactor));
        Add("--cassandra-addresses", spec.Cassandra.Addresses is { Count: > 0 } addresses ? List(addresses) : null);
        args.AddRange(["--state", "redis", "--redis", List(spec.Redis.Endpoints)]);
        return args;

        void Add(string name, string? value)
        {
            if (value is not null)
            {
                args.AddRange([name, value]);
            }
        }
    }

    /// <summary>
    /// One folder of the cell's own secret and, of the engines' secrets, the keys that the cell reads and that are there. The plan holds names of keys, never what is in them: a value that
    /// changes comes to the servers by the volume, and they read it again; a key that comes or goes (with it, whether there is TLS) is another template, and rolls them.
    /// </summary>
    public static V1Volume SecretsVolume(ChatCell cell, IReadOnlyDictionary<string, EngineSecret> secrets)
    {
        List<V1VolumeProjection> sources = [new() { Secret = new V1ProjectedSource { Name = Naming.CellSecret(cell.Metadata.Name!) } }];
        foreach (var (name, spec) in EngineRules.Of(cell.Spec))
        {
            if (spec.SecretName is not { } secret)
            {
                continue;
            }
            var data = secrets[secret].Data;
            var items = EngineSecretKeys.Of(name).Where(data.ContainsKey).Select(k => new V1KeyToPath { Key = k, Path = k }).ToList();
            sources.Add(new V1VolumeProjection { Secret = new V1ProjectedSource { Name = secret, Items = items } });
        }
        return new V1Volume { Name = CellPods.SecretsName, Projected = new V1ProjectedVolumeSource { DefaultMode = ForTheServerOnly, Sources = sources } };
    }

    private static string List(IReadOnlyList<string>? values) => string.Join(',', values ?? []);

    private static string? Number(int? value) => value?.ToString(CultureInfo.InvariantCulture);
}
