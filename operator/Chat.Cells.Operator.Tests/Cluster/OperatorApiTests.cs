using System.Text.Json.Nodes;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Plan;
using Chat.Cells.Topology;

namespace Chat.Cells.Operator.Tests.Cluster;

/// <summary>
/// The operator's API side, against the cluster of <c>KUBECONFIG</c> or the local cluster's API server: apply, conditions, events, finalizer, leases. No pod has to run.
/// </summary>
[Collection(ApiSuite.Name)]
[Trait("Category", "Api")]
public sealed class OperatorApiTests : IAsyncLifetime
{
    private TestCluster _cluster = null!;

    public async Task InitializeAsync() => _cluster = await TestCluster.StartAsync(real: true);

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    private string Name(string name) => $"{name}-{_cluster.Suffix}";

    private ResourceClient<Unstructured> Raw => _cluster.Client.Of(ResourceType.Of<ChatCell>());

    [Fact]
    public async Task Operator_TwoCells_EverythingIsAppliedAndSaid()
    {
        var (a, b) = (Name("eu-west"), Name("us-east"));
        await _cluster.Cells.CreateAsync(_cluster.Cell(a));
        await _cluster.Cells.CreateAsync(_cluster.Cell(b, "us-east", _cluster.OtherNamespace));
        await using var running = RunningOperator.Start(_cluster);
        var client = _cluster.Client;
        await Poll.UntilAsync(
            async () => await client.Of<V1Deployment>().TryGetAsync(_cluster.Namespace, Naming.Bridge(a, b)) is not null
                && await client.Of<V1Deployment>().TryGetAsync(_cluster.OtherNamespace, Naming.Bridge(b, a)) is not null,
            "a bridge for each ordered pair");
        await _cluster.WaitAsync(a, ConditionTypes.Reconciling, "True/GatewaysNotReady");
        await Poll.UntilAsync(async () => (await _cluster.Cells.GetAsync(_cluster.Namespace, a)).Status?.Endpoints is not null, "its addresses");

        var cell = await _cluster.Cells.GetAsync(_cluster.Namespace, a);
        Assert.Contains(ChatCell.Finalizer, cell.Metadata.Finalizers!);
        Assert.Equal(cell.Metadata.Generation, cell.Status!.ObservedGeneration);
        Assert.Equal("False/GatewaysNotReady", await _cluster.ConditionAsync(a, ConditionTypes.Ready));
        Assert.Equal("False/AsSpecified", await _cluster.ConditionAsync(a, ConditionTypes.Stalled));
        Assert.Equal("0/1", cell.Status.Gateways);

        // Everything of a cell is owned by it, and written by one manager.
        var set = await client.Of<V1StatefulSet>().GetAsync(_cluster.Namespace, a);
        Assert.Equal(cell.Metadata.Uid, Assert.Single(set.Metadata.OwnerReferences!).Uid);
        Assert.Contains(set.Metadata.ManagedFields!, m => m is { Manager: Naming.FieldManager, Operation: "Apply" });
        var service = await client.Of<V1Service>().GetAsync(_cluster.Namespace, Naming.InternalService(a));
        Assert.Equal($"http://{service.Spec!.ClusterIP}:8081", cell.Status.Endpoints!.Internal);

        // The map: in the operator's namespace and in each cell's, the same.
        var first = await client.Of<V1ConfigMap>().GetAsync(_cluster.SystemNamespace, Naming.MapName);
        await Poll.UntilAsync(
            async () =>
            {
                first = await client.Of<V1ConfigMap>().GetAsync(_cluster.SystemNamespace, Naming.MapName);
                var copy = await client.Of<V1ConfigMap>().TryGetAsync(_cluster.OtherNamespace, Naming.MapName);
                return copy?.Data?[CellMapFile.FileName] == first.Data![CellMapFile.FileName] && CellMapFile.Parse(first.Data[CellMapFile.FileName]).Cells.Count == 2;
            },
            "the map and its copies");
        var map = CellMapFile.Parse(first.Data![CellMapFile.FileName]);
        Assert.Equal([1, 2], map.Numbers.Values.Order());
        Assert.All(map.Cells, c => Assert.Equal(CellState.Down, c.State));

        // Tokens: what one side gives is what the other presents; the bridge has both.
        var mine = (await client.Of<V1Secret>().GetAsync(_cluster.Namespace, Naming.CellSecret(a))).Data!;
        var theirs = (await client.Of<V1Secret>().GetAsync(_cluster.OtherNamespace, Naming.CellSecret(b))).Data!;
        Assert.Equal(theirs[CellSecretKeys.Peer(a)], mine[CellSecretKeys.To(b)]);
        var bridge = (await client.Of<V1Secret>().GetAsync(_cluster.Namespace, Naming.Bridge(a, b))).Data!;
        Assert.Equal(theirs[CellSecretKeys.Peer(a)], bridge["source-token"]);
        Assert.Equal(mine[CellSecretKeys.Bridge(b)], bridge["target-token"]);
        Assert.True(mine[CellSecretKeys.InternalToken].Length >= 43);

        await Poll.UntilAsync(async () => (await _cluster.EventsAsync(a)).Any(e => e is { Reason: "GatewaysNotReady", Type: "Normal" }), "an event");
    }

    [Fact]
    public async Task Operator_ManagedEngines_IsStalledAndProvisionsNothing()
    {
        var name = Name("managed");
        await _cluster.Cells.CreateAsync(_cluster.Cell(name, spec: s => s with
        {
            Kafka = new KafkaSpec { Engine = EngineKind.Managed },
            Cassandra = new CassandraSpec { Engine = EngineKind.Managed },
            Redis = new RedisSpec { Engine = EngineKind.Managed },
        }));
        await using var running = RunningOperator.Start(_cluster);
        await _cluster.WaitAsync(name, ConditionTypes.Stalled, "True/EngineNotAvailable");
        Assert.Equal("False/EngineNotAvailable", await _cluster.ConditionAsync(name, ConditionTypes.Ready));
        Assert.Null(await _cluster.Client.Of<V1StatefulSet>().TryGetAsync(_cluster.Namespace, name));
        Assert.Null(await _cluster.Client.Of<V1Secret>().TryGetAsync(_cluster.Namespace, Naming.CellSecret(name)));
        await Poll.UntilAsync(async () => (await _cluster.EventsAsync(name)).Any(e => e is { Reason: "EngineNotAvailable", Type: "Warning" }), "a warning");
        // Nothing holds it.
        await _cluster.Cells.DeleteAsync(_cluster.Namespace, name);
        await Poll.UntilAsync(async () => await _cluster.Cells.TryGetAsync(_cluster.Namespace, name) is null, "gone");
    }

    [Fact]
    public async Task Operator_ExternalEngines_WaitsForTheSecretAndProvisionsAllOfIt()
    {
        var name = Name("external");
        var client = _cluster.Client;
        var engines = new EngineSpecs("engines-" + _cluster.Suffix);
        await _cluster.Cells.CreateAsync(_cluster.Cell(name, spec: engines.Put));
        await using var running = RunningOperator.Start(_cluster, configure: o => o with { SecretPoll = TimeSpan.FromMilliseconds(200) });
        await _cluster.WaitAsync(name, ConditionTypes.KafkaReady, "False/SecretMissing");
        Assert.Equal("True/SecretMissing", await _cluster.ConditionAsync(name, ConditionTypes.Reconciling));
        Assert.Null(await client.Of<V1StatefulSet>().TryGetAsync(_cluster.Namespace, name));

        var secret = new V1Secret
        {
            Metadata = new V1ObjectMeta { Namespace = _cluster.Namespace, Name = engines.Secret },
            Data = new Dictionary<string, byte[]> { ["kafka.properties"] = "security.protocol PLAINTEXT"u8.ToArray(), ["redis-password"] = "secret-words"u8.ToArray(), ["other"] = "secret-words"u8.ToArray() },
        };
        await client.Of<V1Secret>().CreateAsync(secret);
        await _cluster.WaitAsync(name, ConditionTypes.Stalled, "True/SecretInvalid");
        await client.Of<V1Secret>().MergePatchAsync(_cluster.Namespace, engines.Secret, new JsonObject { ["stringData"] = new JsonObject { ["kafka.properties"] = "security.protocol=PLAINTEXT" } });
        await Poll.UntilAsync(async () => await client.Of<V1StatefulSet>().TryGetAsync(_cluster.Namespace, name) is not null, "the pods' set");

        var set = await client.Of<V1StatefulSet>().GetAsync(_cluster.Namespace, name);
        Assert.Equal((2, "Parallel", 0), (set.Spec!.Replicas, set.Spec.PodManagementPolicy, set.Spec.VolumeClaimTemplates?.Count ?? 0));
        var budget = await client.Of<V1PodDisruptionBudget>().GetAsync(_cluster.Namespace, name);
        Assert.Equal(name, budget.Spec!.Selector!.MatchLabels![Naming.CellLabel]);
        await Poll.UntilAsync(async () => await _cluster.ConditionAsync(name, ConditionTypes.Stalled) == "False/AsSpecified", "nothing stalls it any more");
        Assert.Equal("0/2", (await _cluster.Cells.GetAsync(_cluster.Namespace, name)).Status!.Gateways);
        // Scaled, and nothing else of it changes; nothing of the secret is anywhere.
        await Raw.MergePatchAsync(_cluster.Namespace, name, JsonNode.Parse("""{"spec":{"gateways":{"replicas":3}}}""")!);
        await Poll.UntilAsync(async () => (await client.Of<V1StatefulSet>().GetAsync(_cluster.Namespace, name)).Spec!.Replicas == 3, "the third gateway");
        var all = KubernetesJson.ToNode(await client.Of<V1StatefulSet>().GetAsync(_cluster.Namespace, name)).ToJsonString()
            + KubernetesJson.ToNode(await _cluster.Cells.GetAsync(_cluster.Namespace, name)).ToJsonString() + string.Join(' ', (await _cluster.EventsAsync(name)).Select(e => e.Message));
        Assert.DoesNotContain("secret-words", all, StringComparison.Ordinal);
        Assert.Equal(set.Spec.Template!.Spec!.Volumes!.Count, (await client.Of<V1StatefulSet>().GetAsync(_cluster.Namespace, name)).Spec!.Template!.Spec!.Volumes!.Count);

        await _cluster.Cells.DeleteAsync(_cluster.Namespace, name);
        await Poll.UntilAsync(async () => await _cluster.Cells.TryGetAsync(_cluster.Namespace, name) is null, "gone");
        Assert.NotNull(await client.Of<V1Secret>().TryGetAsync(_cluster.Namespace, engines.Secret));
    }

    private sealed record EngineSpecs(string Secret)
    {
        public ChatCellSpec Put(ChatCellSpec spec) => spec with
        {
            Gateways = new GatewaysSpec { Replicas = 2 },
            Kafka = new KafkaSpec { Engine = EngineKind.External, Endpoints = ["kafka:9092"], SecretName = Secret },
            Cassandra = new CassandraSpec { Engine = EngineKind.External, Endpoints = ["ring:9042"], Datacenter = "dc1" },
            Redis = new RedisSpec { Engine = EngineKind.External, Endpoints = ["redis:6379"], SecretName = Secret },
        };
    }

    [Fact]
    public async Task Operator_SameNameInTwoNamespaces_OlderWins()
    {
        var name = Name("twice");
        await _cluster.Cells.CreateAsync(_cluster.Cell(name));
        var older = await _cluster.Cells.GetAsync(_cluster.Namespace, name);
        // Creation times have whole seconds.
        await Poll.UntilAsync(() => DateTimeOffset.UtcNow > older.Metadata.CreationTimestamp!.Value.AddSeconds(2), "the clock");
        await _cluster.Cells.CreateAsync(_cluster.Cell(name, ns: _cluster.OtherNamespace));
        await using var running = RunningOperator.Start(_cluster);
        await _cluster.WaitAsync(name, ConditionTypes.Stalled, "True/NameTaken", _cluster.OtherNamespace);
        await _cluster.WaitAsync(name, ConditionTypes.Reconciling, "True/GatewaysNotReady");
        Assert.Null(await _cluster.Client.Of<V1StatefulSet>().TryGetAsync(_cluster.OtherNamespace, name));
        var message = (await _cluster.Cells.GetAsync(_cluster.OtherNamespace, name)).Status!.Conditions!.First(c => c.Type == ConditionTypes.Stalled).Message;
        Assert.Contains(_cluster.Namespace, message, StringComparison.Ordinal);
        await _cluster.Cells.DeleteAsync(_cluster.OtherNamespace, name);
        await Poll.UntilAsync(async () => await _cluster.Cells.TryGetAsync(_cluster.OtherNamespace, name) is null, "gone");
        Assert.NotNull(await _cluster.Client.Of<V1StatefulSet>().TryGetAsync(_cluster.Namespace, name));
    }

    [Fact]
    public async Task Operator_NeverServedCellDeleted_LeavesNothingButItsNumber()
    {
        var (name, other) = (Name("gone"), Name("stays"));
        await _cluster.Cells.CreateAsync(_cluster.Cell(name));
        await _cluster.Cells.CreateAsync(_cluster.Cell(other, "us-east"));
        await using var running = RunningOperator.Start(_cluster);
        var bridge = Naming.Bridge(other, name);
        await Poll.UntilAsync(async () => await _cluster.Client.Of<V1Deployment>().TryGetAsync(_cluster.Namespace, bridge) is not null, "the bridge");
        await Poll.UntilAsync(async () => (await _cluster.Cells.GetAsync(_cluster.Namespace, name)).Status?.Number is not null, "its number");
        var number = (await _cluster.Cells.GetAsync(_cluster.Namespace, name)).Status!.Number!.Value;
        await _cluster.Cells.DeleteAsync(_cluster.Namespace, name);
        await Poll.UntilAsync(async () => await _cluster.Cells.TryGetAsync(_cluster.Namespace, name) is null, "the cell is gone");
        await Poll.UntilAsync(async () => await _cluster.Client.Of<V1Deployment>().TryGetAsync(_cluster.Namespace, bridge) is null, "its bridges are gone");
        var map = CellMapFile.Parse((await _cluster.Client.Of<V1ConfigMap>().GetAsync(_cluster.SystemNamespace, Naming.MapName)).Data![CellMapFile.FileName]);
        Assert.Equal(number, map.Numbers[name]);
        Assert.DoesNotContain(map.Cells, c => c.Name == name);
        // A newcomer gets another number.
        await _cluster.Cells.CreateAsync(_cluster.Cell(Name("new"), "us-east"));
        await Poll.UntilAsync(async () => (await _cluster.Cells.GetAsync(_cluster.Namespace, Name("new"))).Status?.Number == 3, "the newcomer's number");
    }

    [Fact]
    public async Task Operator_ObjectChangedByHand_IsPutRight()
    {
        var name = Name("drift");
        await _cluster.Cells.CreateAsync(_cluster.Cell(name));
        await using var running = RunningOperator.Start(_cluster);
        var services = _cluster.Client.Of<V1Service>();
        await Poll.UntilAsync(async () => await services.TryGetAsync(_cluster.Namespace, name) is not null, "the service");
        await services.MergePatchAsync(_cluster.Namespace, name, JsonNode.Parse("""{"spec":{"selector":{"chatcells.io/cell":"other"}}}""")!);
        await Poll.UntilAsync(async () => (await services.GetAsync(_cluster.Namespace, name)).Spec!.Selector![Naming.CellLabel] == name, "the selector is put right");
        await services.DeleteAsync(_cluster.Namespace, name);
        await Poll.UntilAsync(async () => await services.TryGetAsync(_cluster.Namespace, name) is not null, "the service is made again");
    }

    [Fact]
    public async Task Operator_TwoProcesses_OneLeadsAndTheOtherTakesOver()
    {
        var name = Name("lease");
        var first = RunningOperator.Start(_cluster, configure: o => o with { LeaderElection = true, Identity = "one" });
        await Poll.UntilAsync(() => first.IsLeader, "the first leads");
        await using var second = RunningOperator.Start(_cluster, configure: o => o with { LeaderElection = true, Identity = "two" });
        await Poll.UntilAsync(() => second.IsReady, "the second is ready");
        await _cluster.Cells.CreateAsync(_cluster.Cell(name));
        await _cluster.WaitAsync(name, ConditionTypes.Reconciling, "True/GatewaysNotReady");
        Assert.Empty(second.Writes.Written);
        var lease = await _cluster.Client.Of<V1Lease>().GetAsync(_cluster.SystemNamespace, Naming.FieldManager);
        Assert.Equal(("one", 15), (lease.Spec!.HolderIdentity, lease.Spec.LeaseDurationSeconds));
        await first.DisposeAsync();
        await Poll.UntilAsync(() => second.IsLeader, "the second takes over");
        var other = Name("after");
        await _cluster.Cells.CreateAsync(_cluster.Cell(other, "us-east"));
        await _cluster.WaitAsync(other, ConditionTypes.Reconciling, "True/GatewaysNotReady");
        Assert.NotEmpty(second.Writes.Written);
    }

    [NeedsImagesFact]
    public async Task Operator_WithImages_CellsBecomeReadyAndServe()
    {
        var name = Name("ready");
        await _cluster.Cells.CreateAsync(_cluster.Cell(name));
        await using var running = RunningOperator.Start(_cluster);
        await _cluster.WaitAsync(name, ConditionTypes.Ready, "True/Serving");
    }
}
