using System.Text.Json.Nodes;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.LocalCluster.Up;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Api.Schema;
using Chat.Cells.Operator.Observe;
using Chat.Cells.Operator.Plan;

namespace Chat.Cells.Operator.Tests.Cluster;

/// <summary>What the API server takes as a ChatCell, and in which words it refuses the rest: the CRD and its rules, against the cluster of <c>KUBECONFIG</c> or the local cluster's API server.</summary>
[Collection(ApiSuite.Name)]
[Trait("Category", "Api")]
public sealed class ManifestApiTests : IAsyncLifetime
{
    private TestCluster _cluster = null!;

    public async Task InitializeAsync() => _cluster = await TestCluster.StartAsync(real: true);

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    private string Name(string name) => $"{name}-{_cluster.Suffix}";

    private static Unstructured Manifest(string ns, string name, string spec) => new(new JsonObject
    {
        ["apiVersion"] = "chatcells.io/v1alpha1",
        ["kind"] = "ChatCell",
        ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = ns },
        ["spec"] = JsonNode.Parse(spec),
    });

    private const string ExternalEngines = """
        {"region":"eu-west","gateways":{"replicas":5},
         "kafka":{"engine":"External","endpoints":["kafka-1.example:9092","[fd00::1]:9092"],"secretName":"kafka.credentials","topics":"External","topicPrefix":"None","partitions":"Small"},
         "cassandra":{"engine":"External","endpoints":["10.0.0.1:9042"],"datacenter":"dc1","keyspace":"chat","replicationFactor":2,"addresses":["10.0.0.1:9042=[fd00::2]:19042"]},
         "redis":{"engine":"External","endpoints":["redis:6379"],"secretName":"engines"}}
        """;

    private ResourceClient<Unstructured> Raw => _cluster.Client.Of(ResourceType.Of<ChatCell>());

    [Fact]
    public async Task Create_Minimal_GetsEveryDefault()
    {
        var cell = (await Raw.CreateAsync(Manifest(_cluster.Namespace, Name("min"), """{"region":"eu-west"}"""))).As<ChatCell>();
        Assert.Equal(100, cell.Spec.Weight);
        Assert.Equal(1, cell.Spec.Gateways.Replicas);
        Assert.Equal(65000, cell.Spec.Gateways.MaxConnections);
        Assert.Equal(EngineKind.Embedded, cell.Spec.Cassandra.Engine);
        Assert.Equal("10Gi", cell.Spec.Storage.Size.Value);
        Assert.Equal(DeletionPolicy.Retain, cell.Spec.DeletionPolicy);
        Assert.Equal(1, cell.Metadata.Generation);
    }

    [Theory]
    [InlineData("""{}""", "region")]
    [InlineData("""{"region":"EU West"}""", "spec.region")]
    [InlineData("""{"region":"-eu"}""", "spec.region")]
    [InlineData("""{"region":""}""", "spec.region")]
    [InlineData("""{"region":"a-region-whose-name-is-longer-than-forty-chars"}""", "spec.region")]
    [InlineData("""{"region":5}""", "spec.region")]
    [InlineData("""{"region":"eu","weight":1001}""", "spec.weight")]
    [InlineData("""{"region":"eu","weight":-1}""", "spec.weight")]
    [InlineData("""{"region":"eu","deletionPolicy":"Maybe"}""", "spec.deletionPolicy")]
    [InlineData("""{"region":"eu","kafka":{"engine":"Rabbit"}}""", "spec.kafka.engine")]
    [InlineData("""{"region":"eu","gateways":{"replicas":3}}""", "an embedded cell is one pod: set gateways.replicas to 1, or run the cell on External engines")]
    [InlineData("""{"region":"eu","gateways":{"maxConnections":0}}""", "spec.gateways.maxConnections")]
    [InlineData("""{"region":"eu","kafka":{"engine":"Managed"}}""", "Embedded in all three")]
    [InlineData("""{"region":"eu","kafka":{"engine":"External"},"cassandra":{"engine":"Managed"},"redis":{"engine":"Managed"}}""", "needs endpoints")]
    [InlineData("""{"region":"eu","kafka":{"endpoints":["kafka:9092"]}}""", "endpoints and secretName are for engine: External")]
    [InlineData("""{"region":"eu","redis":{"secretName":"redis"}}""", "endpoints and secretName are for engine: External")]
    [InlineData("""{"region":"eu","storage":{"size":"much"}}""", "spec.storage.size")]
    [InlineData("""{"region":"eu","storage":{"size":"-5Gi"}}""", "spec.storage.size")]
    [InlineData("""{"region":"eu","storage":{"size":"0.0Gi"}}""", "spec.storage.size")]
    [InlineData("""{"region":"eu","storage":{"size":0}}""", "spec.storage.size")]
    [InlineData("""{"region":"eu","gateways":{"resources":{"limits":{"cpu":"-1"}}}}""", "spec.gateways.resources.limits")]
    [InlineData("""{"region":"eu","gateways":{"resources":{"requests":{"memory":-1}}}}""", "spec.gateways.resources.requests")]
    public async Task Create_BadManifest_IsRefusedInWords(string spec, string said)
    {
        var e = await Assert.ThrowsAsync<KubernetesException>(() => Raw.CreateAsync(Manifest(_cluster.Namespace, Name("bad"), spec)));
        Assert.True(e.IsInvalid, e.Message);
        Assert.Contains(said, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("kafka.endpoints", """["kafka"]""", "spec.kafka.endpoints[0]")]
    [InlineData("kafka.endpoints", """["kafka:0"]""", "spec.kafka.endpoints[0]")]
    [InlineData("kafka.endpoints", """["kafka:65536"]""", "spec.kafka.endpoints[0]")]
    [InlineData("kafka.endpoints", """["ok:1","a,b:9092"]""", "spec.kafka.endpoints[1]")]
    [InlineData("cassandra.endpoints", """["fd00::1:9042"]""", "spec.cassandra.endpoints[0]")]
    [InlineData("cassandra.endpoints", """["[fd00::1]"]""", "spec.cassandra.endpoints[0]")]
    [InlineData("redis.endpoints", """["redis://redis:6379"]""", "spec.redis.endpoints[0]")]
    [InlineData("redis.endpoints", """[]""", "an External engine needs endpoints")]
    [InlineData("redis.endpoints", null, "an External engine needs endpoints")]
    [InlineData("kafka.secretName", "\"../x\"", "spec.kafka.secretName")]
    [InlineData("kafka.secretName", "\"\"", "spec.kafka.secretName")]
    [InlineData("kafka.replicationFactor", "0", "spec.kafka.replicationFactor")]
    [InlineData("kafka.replicationFactor", "1", "minInSyncReplicas (2 when not given) can't be more than replicationFactor")]
    [InlineData("kafka.minInSyncReplicas", "4", "minInSyncReplicas (2 when not given) can't be more than replicationFactor")]
    [InlineData("kafka.minInSyncReplicas", "0", "spec.kafka.minInSyncReplicas")]
    [InlineData("kafka.topics", "\"Ours\"", "spec.kafka.topics")]
    [InlineData("kafka.topicPrefix", "\"eu-\"", "spec.kafka.topicPrefix")]
    [InlineData("kafka.partitions", "12", "spec.kafka.partitions")]
    [InlineData("cassandra.datacenter", null, "an External Cassandra needs its datacenter")]
    [InlineData("cassandra.datacenter", "\"\"", "spec.cassandra.datacenter")]
    [InlineData("cassandra.datacenter", "\"dc 1\"", "spec.cassandra.datacenter")]
    [InlineData("cassandra.keyspace", "\"Chat\"", "spec.cassandra.keyspace")]
    [InlineData("cassandra.keyspace", "\"1chat\"", "spec.cassandra.keyspace")]
    [InlineData("cassandra.replicationFactor", "101", "spec.cassandra.replicationFactor")]
    [InlineData("cassandra.addresses", """["10.0.0.1:9042"]""", "spec.cassandra.addresses[0]")]
    [InlineData("cassandra.addresses", """["node:9042=10.0.0.1:9042"]""", "spec.cassandra.addresses[0]")]
    [InlineData("redis.engine", "\"Managed\"", "endpoints and secretName are for engine: External")]
    [InlineData("gateways.replicas", "101", "spec.gateways.replicas")]
    public async Task Create_BadExternalEngine_IsRefusedInWords(string field, string? value, string said)
    {
        var manifest = Manifest(_cluster.Namespace, Name("bad"), ExternalEngines);
        WrongValues.Put(manifest.Json, "spec." + field, value is null ? new JsonObject() : JsonNode.Parse(value)!);
        if (value is null) ((JsonObject)manifest.Json["spec"]![field.Split('.')[0]]!).Remove(field.Split('.')[1]);
        var e = await Assert.ThrowsAsync<KubernetesException>(() => Raw.CreateAsync(manifest));
        Assert.True(e.IsInvalid, e.Message);
        Assert.Contains(said, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_ExternalEngines_EveryFieldIsKept()
    {
        var cell = (await Raw.CreateAsync(Manifest(_cluster.Namespace, Name("external"), ExternalEngines))).As<ChatCell>();
        Assert.Equal(["kafka-1.example:9092", "[fd00::1]:9092"], cell.Spec.Kafka.Endpoints);
        Assert.Equal((EngineKind.External, null, null, TopicOwner.External, TopicPrefix.None, TopicPartitions.Small), (
            cell.Spec.Kafka.Engine, cell.Spec.Kafka.ReplicationFactor, cell.Spec.Kafka.MinInSyncReplicas, cell.Spec.Kafka.Topics, cell.Spec.Kafka.TopicPrefix, cell.Spec.Kafka.Partitions));
        Assert.Equal(("dc1", "chat", 2), (cell.Spec.Cassandra.Datacenter, cell.Spec.Cassandra.Keyspace, cell.Spec.Cassandra.ReplicationFactor));
        Assert.Equal(["10.0.0.1:9042=[fd00::2]:19042"], cell.Spec.Cassandra.Addresses);
        Assert.Equal(("engines", 5), (cell.Spec.Redis.SecretName, cell.Spec.Gateways.Replicas));
    }

    [Fact]
    public async Task Create_Samples_AreTakenAndTheirSecretsCanBeUsed()
    {
        foreach (var file in new[] { "two-regions.yaml", "external-engines.yaml" })
        {
            var objects = ManifestReader.Read(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "samples", file)), file);
            var secrets = objects.Where(o => (string?)o["kind"] == "Secret").ToDictionary(
                o => (string)o["metadata"]!["name"]!,
                o => new EngineSecret((string)o["metadata"]!["name"]!, o["stringData"]!.AsObject().ToDictionary(d => d.Key, d => System.Text.Encoding.UTF8.GetBytes((string)d.Value!))));
            foreach (var manifest in objects.Where(o => (string?)o["kind"] == "ChatCell"))
            {
                manifest["metadata"]!["namespace"] = _cluster.Namespace;
                manifest["metadata"]!["name"] = Name((string)manifest["metadata"]!["name"]!);
                var cell = (await Raw.CreateAsync(new Unstructured(manifest), default, new WriteOptions { FieldValidation = "Strict" })).As<ChatCell>();
                await _cluster.Cells.DeleteAsync(_cluster.Namespace, cell.Metadata.Name!);
                Assert.Null(EngineRules.Fault(cell.Spec));
                Assert.All(EngineRules.Of(cell.Spec), e => Assert.Null(EngineSecretKeys.Fault(e.Name, e.Spec, secrets)));
            }
        }
    }

    [Theory]
    [InlineData("\"10Gi\"")]
    [InlineData("\"0.5Ti\"")]
    [InlineData("\"05e9\"")]
    [InlineData("\".5T\"")]
    [InlineData("5000000000")]
    public async Task Create_SizeThatIsOne_IsTaken(string size) =>
        await Raw.CreateAsync(Manifest(_cluster.Namespace, Name("size"), $$$"""{"region":"eu","storage":{"size":{{{size}}}}}"""));

    [Fact]
    public async Task Create_AnyFieldOfTheSpecWrong_IsRefusedAndNamed()
    {
        var spec = JsonNode.Parse(CrdGenerator.Definition<ChatCell>().ToJsonString())!["spec"]!["versions"]![0]!["schema"]!["openAPIV3Schema"]!["properties"]!["spec"]!.AsObject();
        var taken = new List<string>();
        var fields = 0;
        foreach (var (path, value) in WrongValues.Of(spec, "spec"))
        {
            fields++;
            var manifest = Manifest(_cluster.Namespace, Name("wrong"), """{"region":"eu"}""");
            WrongValues.Put(manifest.Json, path, value);
            try
            {
                await Raw.CreateAsync(manifest);
                taken.Add($"{path} = {value.ToJsonString()} is taken");
                await Raw.DeleteAsync(_cluster.Namespace, Name("wrong"));
            }
            catch (KubernetesException e)
            {
                if (!e.IsInvalid || !e.Message.Contains(path.Split('[')[0], StringComparison.Ordinal)) taken.Add($"{path} = {value.ToJsonString()} is refused with: {e.Message}");
            }
        }
        Assert.Empty(taken);
        Assert.InRange(fields, 80, 400);
    }

    [Fact]
    public async Task Create_UnknownField_IsRefusedWhenStrictAndPrunedWhenNot()
    {
        var manifest = Manifest(_cluster.Namespace, Name("odd"), """{"region":"eu","colour":"blue","gateways":{"replica":2}}""");
        var e = await Assert.ThrowsAsync<KubernetesException>(() => Raw.CreateAsync(manifest, default, new WriteOptions { FieldValidation = "Strict" }));
        Assert.Contains("colour", e.Message, StringComparison.Ordinal);
        Assert.Contains("replica", e.Message, StringComparison.Ordinal);
        var stored = await Raw.CreateAsync(manifest, default, new WriteOptions { FieldValidation = "Ignore" });
        Assert.Null(stored.Json["spec"]!["colour"]);
        Assert.Null(stored.Json["spec"]!["gateways"]!["replica"]);
    }

    [Theory]
    [InlineData("a-cell-whose-name-is-longer-than-forty-chars")]
    [InlineData("with.dots")]
    [InlineData("1-digit-first")]
    public async Task Create_BadName_IsRefusedInWords(string name)
    {
        var e = await Assert.ThrowsAsync<KubernetesException>(() => Raw.CreateAsync(Manifest(_cluster.Namespace, name, """{"region":"eu"}""")));
        Assert.Contains("at most 40 characters and no dots", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"region":"us-east"}""", "for life")]
    [InlineData("""{"storage":{"size":"99Gi"}}""", "can't be changed")]
    public async Task Update_WhatIsForLife_IsRefusedInWords(string change, string said)
    {
        var name = Name("life");
        await Raw.CreateAsync(Manifest(_cluster.Namespace, name, """{"region":"eu-west"}"""));
        var e = await Assert.ThrowsAsync<KubernetesException>(() => Raw.MergePatchAsync(_cluster.Namespace, name, new JsonObject { ["spec"] = JsonNode.Parse(change) }));
        Assert.Contains(said, e.Message, StringComparison.Ordinal);
        Assert.Equal(2, (await Raw.MergePatchAsync(_cluster.Namespace, name, JsonNode.Parse("""{"spec":{"weight":5}}""")!)).Metadata.Generation);
    }

    [Theory]
    [InlineData("""{"kafka":{"topicPrefix":"Cell"}}""", "the topicPrefix of a cell is for life")]
    [InlineData("""{"kafka":{"topicPrefix":null}}""", "the topicPrefix of a cell is for life")]
    [InlineData("""{"kafka":{"partitions":null}}""", "the partitions of a cell's topics are for life")]
    [InlineData("""{"cassandra":{"keyspace":"other"}}""", "the keyspace of a cell is for life")]
    [InlineData("""{"cassandra":{"keyspace":null}}""", "the keyspace of a cell is for life")]
    [InlineData("""{"kafka":null,"cassandra":null,"redis":null,"gateways":null}""", "the engine of a cell is for life")]
    [InlineData("""{"redis":{"engine":"Managed","endpoints":null,"secretName":null}}""", "the engine of a cell is for life")]
    public async Task Update_WhereACellsDataAre_IsRefusedInWords(string change, string said)
    {
        var name = Name("stay");
        await Raw.CreateAsync(Manifest(_cluster.Namespace, name, ExternalEngines));
        var e = await Assert.ThrowsAsync<KubernetesException>(() => Raw.MergePatchAsync(_cluster.Namespace, name, new JsonObject { ["spec"] = JsonNode.Parse(change) }));
        Assert.Contains(said, e.Message, StringComparison.Ordinal);
        // What may change: how many servers, where they are reached and with what, and who makes the topics.
        await Raw.MergePatchAsync(_cluster.Namespace, name, JsonNode.Parse("""
            {"spec":{"gateways":{"replicas":3},"kafka":{"endpoints":["kafka-9:9092"],"secretName":"new","topics":null,"replicationFactor":5},"cassandra":{"datacenter":"dc2"}}}
            """)!);
    }

    [Fact]
    public async Task Update_EmbeddedToExternal_IsRefusedInWordsAndFromManagedTaken()
    {
        var name = Name("embedded");
        await Raw.CreateAsync(Manifest(_cluster.Namespace, name, """{"region":"eu-west"}"""));
        var external = new JsonObject { ["spec"] = JsonNode.Parse(ExternalEngines) };
        var e = await Assert.ThrowsAsync<KubernetesException>(() => Raw.MergePatchAsync(_cluster.Namespace, name, external.DeepClone()));
        Assert.Contains("the engine of a cell is for life", e.Message, StringComparison.Ordinal);
        // Nothing was ever provisioned for this one.
        await Raw.CreateAsync(Manifest(_cluster.Namespace, Name("never"), """{"region":"eu-west","kafka":{"engine":"Managed"},"cassandra":{"engine":"Managed"},"redis":{"engine":"Managed"}}"""));
        await Raw.MergePatchAsync(_cluster.Namespace, Name("never"), external.DeepClone());
    }

    [Fact]
    public async Task Status_IsASubresource()
    {
        var name = Name("sub");
        await Raw.CreateAsync(Manifest(_cluster.Namespace, name, """{"region":"eu-west"}"""));
        var viaMain = await Raw.MergePatchAsync(_cluster.Namespace, name, JsonNode.Parse("""{"status":{"users":5}}""")!);
        Assert.Null(viaMain.Json["status"]);
        var viaStatus = await Raw.MergePatchAsync(_cluster.Namespace, name, JsonNode.Parse("""{"spec":{"weight":9},"status":{"users":5}}""")!, subresource: "status");
        Assert.Equal(5, viaStatus.As<ChatCell>().Status!.Users);
        Assert.Equal(100, viaStatus.As<ChatCell>().Spec.Weight);
        Assert.Equal(1, viaStatus.Metadata.Generation);
    }
}
