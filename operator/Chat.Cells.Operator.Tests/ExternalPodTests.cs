extern alias cell;

using System.Text.Json;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Observe;
using Chat.Cells.Operator.Plan;
using cell::Chat.Cells.Cell.Hosting;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Logging.Abstractions;
using static Chat.Cells.Operator.Tests.Fixtures;

namespace Chat.Cells.Operator.Tests;

/// <summary>What the operator makes of a spec and its secrets is read by the cell's own reader: arguments, and the files of its secrets folder.</summary>
public sealed class ExternalPodTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("external-pod-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Pod_EverySetting_IsWhatTheCellReads()
    {
        var options = Read(ExternalCell(s => ExternalWithSecret(s, EverySetting)));

        Assert.Equal(("kafka", "cassandra", "redis"), (options.Log, options.Store, options.State));
        Assert.Equal("kafka-1.example:9092,kafka-2.example:9092", options.KafkaBootstrap);
        Assert.Equal((1, 1, true, false, true), (options.KafkaReplication, options.KafkaMinInSync, options.KafkaTopicsExternal, options.KafkaPrefixed, options.SmallTopics));
        Assert.Equal(("10.0.7.1:9042", "dc1", "chat", 1), (options.Cassandra, options.CassandraDatacenter, options.CassandraKeyspace, options.CassandraReplication));
        Assert.Equal(2, options.CassandraAddresses.Count);
        Assert.Equal("[fd00::7]:6379", options.Redis);
        Assert.Equal(("eu-west-1", 1, "eu-west-1-0"), (options.Cell, options.Number, options.ServerId));
        Assert.Equal(CellOptions.AllRoles, options.Roles);
    }

    [Fact]
    public void Pod_NothingSaid_HasTheCellsDefaults()
    {
        var options = Read(ExternalCell(External) with { EngineSecrets = new Dictionary<string, EngineSecret>() });

        Assert.Equal((3, 2, false, true, false), (options.KafkaReplication, options.KafkaMinInSync, options.KafkaTopicsExternal, options.KafkaPrefixed, options.SmallTopics));
        Assert.Equal((null, 3, 0), (options.CassandraKeyspace, options.CassandraReplication, options.CassandraAddresses.Count));
    }

    [Fact]
    public void Secrets_OneForAll_AreTheFilesThatTheCellReads()
    {
        var observed = ExternalCell(s => ExternalWithSecret(s)) with { EngineSecrets = EngineSecrets(("redis-ca.pem", Certificate), ("cassandra-ca.pem", Certificate)) };
        var options = Read(observed);

        var kafka = KafkaSettings.From(options, NullLogger.Instance);
        Assert.Equal(("SASL_SSL", "broker=secret"), (kafka.Settings["security.protocol"], kafka.Settings["sasl.password"]));
        Assert.Equal(Path.Combine(folder, "kafka-ca.pem"), kafka.Settings["ssl.ca.location"]);
        var cassandra = CassandraSettings.From(options, NullLogger.Instance);
        Assert.Equal(("cells", "ring-secret"), cassandra.Credentials);
        Assert.Single(cassandra.CertificateAuthorities!);
        using var secrets = new SecretsFolder(options, TimeProvider.System, NullLogger<SecretsFolder>.Instance);
        Assert.Equal("20260101t000000", Assert.Single(secrets.Current.Keys).Kid);
        Assert.Equal("redis-secret", File.ReadAllText(Path.Combine(folder, CellSecrets.RedisPasswordFile)));
        Assert.True(File.Exists(Path.Combine(folder, CellEngines.RedisAuthoritiesFile)));
        Assert.False(File.Exists(Path.Combine(folder, "not-for-the-cell")));
    }

    [Fact]
    public void Keys_OfTheOperator_AreTheFileNamesOfTheCell() => Assert.Equal(
        [KafkaSettings.SecretsFile, KafkaSettings.AuthoritiesFile, CassandraSettings.UserNameFile, CassandraSettings.PasswordFile, CassandraSettings.AuthoritiesFile, CellSecrets.RedisPasswordFile, CellEngines.RedisAuthoritiesFile],
        [
            EngineSecretKeys.KafkaProperties, EngineSecretKeys.KafkaAuthorities, EngineSecretKeys.CassandraUserName, EngineSecretKeys.CassandraPassword, EngineSecretKeys.CassandraAuthorities,
            EngineSecretKeys.RedisPassword, EngineSecretKeys.RedisAuthorities,
        ]);

    /// <summary>Whatever passes the operator's rules passes the cell's.</summary>
    [Fact]
    public void Spec_ThatTheOperatorTakes_TheCellTakesToo()
    {
        var hosts = Gen.Elements("kafka", "10.0.0.1", "[::1]", "[fe80::1%1]", "a.b-c.d", "x_y", "-a", "a..b", "300.1.1.1", "::1", "", "[1.2.3.4]", "ä.example", "a b", "a,b", new string('h', 70));
        var endpoints = hosts.SelectMany(h => Gen.Elements("1", "9092", "65535", "65536", "0", "x", "", " 1", "09092").Select(p => $"{h}:{p}"));
        var addresses = Gen.Elements("10.0.0.1:1=10.0.0.2:2", "[::1]:1=[::2]:2", "a:1=b:2", "10.0.0.1:1", "1:1=2:2", "10.0.0.1:99999=10.0.0.2:2", "10.0.0.1:0=10.0.0.2:1", "[::1]:1=10.0.0.1:2").ListOf();
        var number = Gen.Elements<int?>(null, 0, 1, 2, 3, 4, 100, 101, -1);
        // One to three things of a spec that is right are changed: of specs made of chance alone hardly any would be taken.
        var change = Gen.OneOf(
            endpoints.Select(e => (Func<ChatCellSpec, ChatCellSpec>)(s => s with { Kafka = s.Kafka with { Endpoints = [.. s.Kafka.Endpoints!, e] } })),
            endpoints.Select(e => (Func<ChatCellSpec, ChatCellSpec>)(s => s with { Cassandra = s.Cassandra with { Endpoints = [e] } })),
            endpoints.Select(e => (Func<ChatCellSpec, ChatCellSpec>)(s => s with { Redis = s.Redis with { Endpoints = [e, .. s.Redis.Endpoints!] } })),
            number.Select(n => (Func<ChatCellSpec, ChatCellSpec>)(s => s with { Kafka = s.Kafka with { ReplicationFactor = n } })),
            number.Select(n => (Func<ChatCellSpec, ChatCellSpec>)(s => s with { Kafka = s.Kafka with { MinInSyncReplicas = n } })),
            number.Select(n => (Func<ChatCellSpec, ChatCellSpec>)(s => s with { Cassandra = s.Cassandra with { ReplicationFactor = n } })),
            addresses.Select(l => (Func<ChatCellSpec, ChatCellSpec>)(s => s with { Cassandra = s.Cassandra with { Addresses = [.. l] } })),
            Gen.Elements("DC-1.a_b", "", "a b", "a'b", "--x").Select(d => (Func<ChatCellSpec, ChatCellSpec>)(s => s with { Cassandra = s.Cassandra with { Datacenter = d } })),
            Gen.Elements("c_1", "1c", "Chat", "", "a-b").Select(k => (Func<ChatCellSpec, ChatCellSpec>)(s => s with { Cassandra = s.Cassandra with { Keyspace = k } })));
        var specs = Gen.Choose(1, 3).SelectMany(n => change.ListOf(n)).Select(changes => changes.Aggregate(External(new ChatCellSpec { Region = "eu-west" }), (s, c) => c(s)));
        var taken = 0;
        Prop.ForAll(specs.ToArbitrary(), spec =>
        {
            if (EngineRules.Fault(spec) is not null)
            {
                return true;
            }
            taken++;
            _ = Read(ExternalCell(_ => spec) with { EngineSecrets = new Dictionary<string, EngineSecret>() });
            return true;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2_000));
        Assert.InRange(taken, 200, 1_900);
    }

    /// <summary>The text that the operator calls malformed is what the cell refuses, and the other way round.</summary>
    [Fact]
    public void Properties_ThatTheOperatorTakes_AreThoseTheCellTakes()
    {
        var lines = Gen.Elements("a=1", "b=2", "a = 3", "# a=1", "", " ", "c", "=d", "e==f", "\tg=h\r", "#").ListOf().Select(l => string.Join('\n', l));
        Prop.ForAll(lines.ToArbitrary(), text =>
        {
            var fault = EngineSecretKeys.Fault("kafka", new KafkaSpec { SecretName = "engines" }, EngineSecrets((EngineSecretKeys.KafkaProperties, text)));
            return fault is null == Takes(text);
        }).QuickCheckThrowOnFailure();

        static bool Takes(string text)
        {
            try
            {
                KafkaSettings.Parse(text);
                return true;
            }
            catch (OptionsException)
            {
                return false;
            }
        }
    }

    /// <summary>Starts as the kubelet does: the files of the secrets volume, the arguments with their variables, and the cell's reader.</summary>
    private CellOptions Read(Observed observed)
    {
        var plan = Planner.Make(observed, Now);
        var set = Assert.Single(plan.Objects, o => o.Type.Kind == "StatefulSet").Json.Deserialize<V1StatefulSet>(KubernetesJson.Options)!;
        var pod = set.Spec!.Template!.Spec!;
        var own = new Dictionary<string, IReadOnlyDictionary<string, byte[]>> { [Naming.CellSecret(observed.Cell.Metadata.Name!)] = observed.Secret!.Data! };
        foreach (var (name, secret) in observed.EngineSecrets)
        {
            own[name] = secret.Data;
        }
        foreach (var source in Assert.Single(pod.Volumes!, v => v.Name == "secrets").Projected!.Sources!)
        {
            var data = own[source.Secret!.Name!];
            foreach (var (key, path) in source.Secret.Items is { } items ? items.Select(i => (i.Key, i.Path)) : data.Keys.Select(k => (k, k)))
            {
                File.WriteAllBytes(Path.Combine(folder, path), data[key]);
            }
        }
        Assert.Null(set.Spec.VolumeClaimTemplates);
        Assert.NotNull(Assert.Single(pod.Volumes!, v => v.Name == "data").EmptyDir);
        var args = pod.Containers[0].Args!.Select(a => a
            .Replace("$(POD_NAME)", observed.Cell.Metadata.Name + "-0", StringComparison.Ordinal)
            .Replace("$(POD_IP)", "10.1.2.3", StringComparison.Ordinal)
            .Replace(Naming.SecretsPath, folder, StringComparison.Ordinal)
            .Replace(Naming.DataPath, folder, StringComparison.Ordinal));
        return CellOptionsReader.Read([.. args], _ => null);
    }
}
