using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Observe;
using Chat.Cells.Operator.Plan;
using static Chat.Cells.Operator.Tests.Fixtures;

namespace Chat.Cells.Operator.Tests;

/// <summary>External engines: which specs and secrets can't be used, and what is said and done then.</summary>
public sealed class EngineRulesTests
{
    [Theory]
    [InlineData("kafka:9092", true)]
    [InlineData("kafka-1.prod.example.com:65535", true)]
    [InlineData("10.0.0.1:9092", true)]
    [InlineData("[::1]:9092", true)]
    [InlineData("[fd00::1]:1", true)]
    [InlineData("kafka", false)]
    [InlineData("kafka:", false)]
    [InlineData(":9092", false)]
    [InlineData("kafka:0", false)]
    [InlineData("kafka:65536", false)]
    [InlineData("kafka:-1", false)]
    [InlineData("kafka:+1", false)]
    [InlineData("kafka: 1", false)]
    [InlineData("kafka:9092,other:9092", false)]
    [InlineData("fd00::1:9092", false)]
    [InlineData("[fd00::1]", false)]
    [InlineData("[:::]:9092", false)]
    [InlineData("[kafka]:9092", false)]
    [InlineData("kafka]:9092", false)]
    [InlineData("http://kafka:9092", false)]
    [InlineData("a b:9092", false)]
    [InlineData("", false)]
    public void IsEndpoint_HostAndPort_OrNot(string text, bool isOne) => Assert.Equal(isOne, EngineRules.IsEndpoint(text));

    public static TheoryData<string, Func<ChatCellSpec, ChatCellSpec>> BadSpecs() => new()
    {
        { "kafka is External and has no endpoints", s => s with { Kafka = s.Kafka with { Endpoints = null } } },
        { "redis is External and has no endpoints", s => s with { Redis = s.Redis with { Endpoints = [] } } },
        { "'ring' in cassandra.endpoints is not host:port", s => s with { Cassandra = s.Cassandra with { Endpoints = ["ok:1", "ring"] } } },
        { "'../x' in redis.secretName", s => s with { Redis = s.Redis with { SecretName = "../x" } } },
        { "'a..b' in redis.secretName", s => s with { Redis = s.Redis with { SecretName = "a..b" } } },
        { "kafka.minInSyncReplicas 3 is more than kafka.replicationFactor 1", s => s with { Kafka = s.Kafka with { MinInSyncReplicas = 3, ReplicationFactor = 1 } } },
        { "kafka.minInSyncReplicas 2 is more than kafka.replicationFactor 1", s => s with { Kafka = s.Kafka with { ReplicationFactor = 1 } } },
        { "kafka.minInSyncReplicas 4 is more than kafka.replicationFactor 3", s => s with { Kafka = s.Kafka with { MinInSyncReplicas = 4 } } },
        { "kafka.minInSyncReplicas 0 is not within", s => s with { Kafka = s.Kafka with { MinInSyncReplicas = 0 } } },
        { "cassandra.replicationFactor 0 is not within", s => s with { Cassandra = s.Cassandra with { ReplicationFactor = 0 } } },
        { "cassandra is External and has no datacenter", s => s with { Cassandra = s.Cassandra with { Datacenter = null } } },
        { "in cassandra.datacenter", s => s with { Cassandra = s.Cassandra with { Datacenter = "dc1' --" } } },
        { "in cassandra.keyspace", s => s with { Cassandra = s.Cassandra with { Keyspace = "Chat" } } },
        { "in cassandra.keyspace", s => s with { Cassandra = s.Cassandra with { Keyspace = new string('a', 49) } } },
        { "in cassandra.addresses", s => s with { Cassandra = s.Cassandra with { Addresses = ["ring:9042=10.0.0.1:9042"] } } },
        { "in cassandra.addresses", s => s with { Cassandra = s.Cassandra with { Addresses = ["10.0.0.1:9042"] } } },
        { "in cassandra.addresses", s => s with { Cassandra = s.Cassandra with { Addresses = ["10.0.0.1:9042=10.0.0.2"] } } },
        { "cassandra.addresses has 10.0.0.1:9042 twice", s => s with { Cassandra = s.Cassandra with { Addresses = ["10.0.0.1:9042=10.0.0.2:1", "10.0.0.1:9042=10.0.0.2:2"] } } },
        { "in all three", s => s with { Redis = new RedisSpec() } },
        { "gateways.replicas", s => s with { Gateways = new GatewaysSpec { Replicas = 0 } } },
    };

    [Theory]
    [MemberData(nameof(BadSpecs))]
    public void Make_SpecThatCantBeUsed_IsStalledInWordsAndTouchesNothing(string said, Func<ChatCellSpec, ChatCellSpec> change)
    {
        var cell = Cell(spec: s => change(External(s)));
        var plan = Planner.Make(Fresh(cell) with { Claim = new NameClaim(NameClaimState.Own, 1, External: true) }, Now);
        var stalled = Condition(plan, ConditionTypes.Stalled);
        Assert.Equal(("True", "InvalidSpec"), (stalled.Status, stalled.Reason));
        Assert.Contains(said, stalled.Message, StringComparison.Ordinal);
        Assert.Empty(plan.Objects);
        // Nor does it get a number.
        Assert.Same(MapState.Empty, MapPlanner.Next(MapState.Empty, [Input(cell)], Now));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Make_EngineOfALivingCellChanged_IsStalledAndNothingIsTouched(bool toExternal)
    {
        var observed = toExternal ? Provisioned(Cell(spec: External)) : ExternalCell(s => s);
        var plan = Planner.Make(observed with { Claim = new NameClaim(NameClaimState.Own, 1, External: !toExternal) }, Now);
        Assert.Equal(("Stalled", "EngineChanged"), (plan.Step, Condition(plan, ConditionTypes.Stalled).Reason));
        Assert.Contains("left behind", Condition(plan, ConditionTypes.Stalled).Message, StringComparison.Ordinal);
        Assert.Empty(plan.Objects);
        // Nor while its deletion waits for its users.
        var deleted = Serving(observed.Cell).Deleted();
        Assert.Empty(Planner.Make(observed with { Cell = deleted, Claim = new NameClaim(NameClaimState.Own, 1, External: !toExternal) }, Now).Objects);
    }

    [Theory]
    [InlineData("kafka.properties", "no setting", "KafkaReady", "has something else than name=value in line 1")]
    [InlineData("kafka.properties", "a=1\n\n=secret words", "KafkaReady", "has something else than name=value in line 3")]
    [InlineData("kafka.properties", "a=1\na=secret words", "KafkaReady", "has a name in line 2 that it had before")]
    [InlineData("kafka-ca.pem", "secret words", "KafkaReady", "has no certificate in PEM")]
    [InlineData("kafka-ca.pem", "-----BEGIN CERTIFICATE-----\nc2VjcmV0IHdvcmRz\n-----END CERTIFICATE-----\n", "KafkaReady", "has no certificate in PEM that can be read")]
    [InlineData("kafka-certificate.pem", "", "KafkaReady", "is empty")]
    [InlineData("kafka-key.pem", "secret words", "KafkaReady", "has no private key in PEM")]
    [InlineData("cassandra-username", " ", "CassandraReady", "is empty")]
    [InlineData("cassandra-password", "secret\nwords", "CassandraReady", "has more than one line")]
    [InlineData("cassandra-ca.pem", "secret words", "CassandraReady", "has no certificate in PEM")]
    [InlineData("redis-password", "\n", "RedisReady", "is empty")]
    [InlineData("redis-ca.pem", "secret words", "RedisReady", "has no certificate in PEM")]
    public void Make_MalformedKey_IsStalledAndNamesSecretAndKeyButNoValue(string key, string value, string type, string said)
    {
        var observed = ExternalCell(s => ExternalWithSecret(s), readyGateways: 0) with { StatefulSet = null, EngineSecrets = EngineSecrets((key, value)) };
        var plan = Planner.Make(observed, Now);
        Assert.Equal(("True", "SecretInvalid"), (Condition(plan, ConditionTypes.Stalled).Status, Condition(plan, ConditionTypes.Stalled).Reason));
        var part = Condition(plan, type);
        Assert.Equal(("False", "SecretInvalid"), (part.Status, part.Reason));
        Assert.Contains($"{key} of the secret engines {said}", part.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("words", string.Join('\n', plan.Status.Conditions!.Select(c => c.Message)), StringComparison.Ordinal);
        // The pods wait, the rest is there, and it is looked at again.
        Assert.DoesNotContain(plan.Objects, o => o.Type.Kind == "StatefulSet");
        Assert.Equal(Options.SecretPoll, plan.RequeueAfter);
        Assert.All(plan.Status.Conditions!.Where(c => c.Type.EndsWith("Ready", StringComparison.Ordinal) && c.Type is "KafkaReady" or "CassandraReady" or "RedisReady" && c.Type != type), c => Assert.Equal("NoServerAnswers", c.Reason));
    }

    [Fact]
    public void Make_ValueThatIsNoText_IsStalled()
    {
        var data = new Dictionary<string, byte[]>(EngineSecrets()["engines"].Data) { ["redis-password"] = [0xff, 0xfe] };
        var observed = ExternalCell(s => ExternalWithSecret(s), readyGateways: 0) with { StatefulSet = null, EngineSecrets = new Dictionary<string, EngineSecret> { ["engines"] = new("engines", data) } };
        Assert.Contains("redis-password of the secret engines is not text", Condition(Planner.Make(observed, Now), ConditionTypes.Stalled).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("KafkaReady", "the secret engines has no kafka.properties", "kafka.properties")]
    [InlineData("CassandraReady", "the secret engines has no cassandra-password", "cassandra-password")]
    [InlineData("CassandraReady", "the secret engines has no cassandra-username", "cassandra-username")]
    [InlineData("CassandraReady", "the secret engines has no cassandra-username and no cassandra-password and no cassandra-ca.pem", "cassandra-username", "cassandra-password")]
    [InlineData("RedisReady", "the secret engines has no redis-password and no redis-ca.pem", "redis-password")]
    public void Make_KeyMissing_WaitsForIt(string type, string said, params string[] keys)
    {
        var data = EngineSecrets()["engines"].Data.Where(d => !keys.Contains(d.Key)).ToDictionary(d => d.Key, d => d.Value);
        var observed = ExternalCell(s => ExternalWithSecret(s), readyGateways: 0) with { StatefulSet = null, EngineSecrets = new Dictionary<string, EngineSecret> { ["engines"] = new("engines", data) } };
        var plan = Planner.Make(observed, Now);
        Assert.Equal(("AwaitSecret", "True", "False"), (plan.Step, Condition(plan, ConditionTypes.Reconciling).Status, Condition(plan, ConditionTypes.Stalled).Status));
        Assert.Equal("SecretKeyMissing", Condition(plan, type).Reason);
        Assert.Contains(said, Condition(plan, type).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Make_SecretComes_ThePodsAreMade()
    {
        var waiting = ExternalCell(s => ExternalWithSecret(s), readyGateways: 0) with { StatefulSet = null, EngineSecrets = new Dictionary<string, EngineSecret>() };
        var plan = Planner.Make(waiting, Now);
        Assert.Equal(("AwaitSecret", "SecretMissing"), (plan.Step, Condition(plan, ConditionTypes.Reconciling).Reason));
        Assert.Equal(["Service", "Service", "PodDisruptionBudget"], plan.Objects.Select(o => o.Type.Kind));
        Assert.Contains(Planner.Make(waiting with { EngineSecrets = EngineSecrets() }, Now).Objects, o => o.Type.Kind == "StatefulSet");
    }

    [Fact]
    public void Make_SecretGoneOrBrokenWhileServing_TheCellServesOnAndItsPodsStayAsTheyAre()
    {
        foreach (var secrets in new[] { new Dictionary<string, EngineSecret>(), EngineSecrets(("kafka.properties", "nonsense")) })
        {
            var plan = Planner.Make(ExternalCell(s => ExternalWithSecret(s)) with { EngineSecrets = secrets }, Now);
            Assert.Equal(("Serve", "True", "False"), (plan.Step, Condition(plan, ConditionTypes.Ready).Status, Condition(plan, ConditionTypes.Stalled).Status));
            Assert.StartsWith("Secret", Condition(plan, ConditionTypes.Reconciling).Reason, StringComparison.Ordinal);
            Assert.DoesNotContain(plan.Objects, o => o.Type.Kind == "StatefulSet");
            Assert.Equal(Options.SecretPoll, plan.RequeueAfter);
        }
    }

    [Fact]
    public void Make_ValueOfAKeyChanges_ThePlanIsTheSameAndHoldsNoneOfIt()
    {
        var before = Print(ExternalCell(s => ExternalWithSecret(s)));
        Assert.Equal(before, Print(ExternalCell(s => ExternalWithSecret(s)) with { EngineSecrets = EngineSecrets(("redis-password", "another"), ("kafka.properties", "sasl.password=another")) }));
        // With TLS, which is decided when a server starts, they are rolled.
        Assert.NotEqual(before, Print(ExternalCell(s => ExternalWithSecret(s)) with { EngineSecrets = EngineSecrets(("redis-ca.pem", Certificate)) }));
        Assert.DoesNotContain("redis-secret", before, StringComparison.Ordinal);
        Assert.DoesNotContain("not-for-the-cell", before, StringComparison.Ordinal);

        static string Print(Observed observed) => string.Join('\n', Planner.Make(observed, Now).Objects.Select(o => o.Json.ToJsonString()));
    }

    [Theory]
    [InlineData(0, false, "False")]
    [InlineData(1, true, "False")]
    [InlineData(2, true, "True")]
    public void Make_SomeGatewaysReady_ServesWithOneAndSaysSo(int ready, bool serves, string gateways)
    {
        var plan = Planner.Make(ExternalCell(s => ExternalWithSecret(s), ready), Now);
        Assert.Equal(serves ? "True" : "False", Condition(plan, ConditionTypes.Ready).Status);
        Assert.Equal(gateways, Condition(plan, ConditionTypes.GatewaysReady).Status);
        Assert.Equal(ready == 2 ? "False" : "True", Condition(plan, ConditionTypes.Reconciling).Status);
        Assert.Equal($"{ready}/2", plan.Status.Gateways);
        Assert.Equal(serves, plan.Status.FirstReadyTime is not null);
    }

    [Fact]
    public void Make_EngineDoesNotAnswer_ItsConditionSaysWhatAServerSays()
    {
        var plan = Planner.Make(ExternalCell(s => ExternalWithSecret(s)) with { Servers = [Server(0), Server(1, store: "no answer " + new string('x', 5000))] }, Now);
        Assert.Equal(("True", "Answering"), Of(ConditionTypes.KafkaReady));
        Assert.Equal(("False", "NotAnswering"), Of(ConditionTypes.CassandraReady));
        var message = Condition(plan, ConditionTypes.CassandraReady).Message;
        Assert.StartsWith("1 of 2 servers of the cell can't use 10.0.7.1:9042; eu-west-1-1: no answer", message, StringComparison.Ordinal);
        Assert.InRange(message.Length, 100, 1000);
        Assert.Equal("NoServerAnswers", Condition(Planner.Make(ExternalCell(s => ExternalWithSecret(s)) with { Servers = [] }, Now), ConditionTypes.RedisReady).Reason);

        (string, string) Of(string type) => (Condition(plan, type).Status, Condition(plan, type).Reason);
    }

    [Fact]
    public void Make_EngineSaysTheSameWithOtherNumbers_TheStatusStays()
    {
        var observed = ExternalCell(s => ExternalWithSecret(s)) with { Servers = [Server(0), Server(1, state: "no connection, last read 3 s ago")] };
        var cell = observed.Cell.With(Planner.Make(observed, Now).Status);
        var later = observed with { Cell = cell, Servers = [Server(0), Server(1, state: "no connection, last read 9 s ago")] };
        Assert.Equal(KubernetesJson.ToNode(cell.Status).ToJsonString(), KubernetesJson.ToNode(Planner.Make(later, Now.AddSeconds(15)).Status).ToJsonString());
        // That it is another server, or more of them, is said.
        var both = Planner.Make(later with { Servers = [Server(0, state: "no connection"), Server(1, state: "no connection")] }, Now.AddSeconds(30));
        Assert.StartsWith("2 of 2 servers", Condition(both, ConditionTypes.RedisReady).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Make_NotAllServersAnswer_KeepsTheConnectionsItKnew()
    {
        var observed = ExternalCell(s => ExternalWithSecret(s));
        var known = observed.Cell.With(Planner.Make(observed, Now).Status);
        Assert.Equal(6, known.Status!.Connections);
        var status = Planner.Make(observed with { Cell = known, Report = new CellReport(13, null) }, Now).Status;
        Assert.Equal((13, 6), (status.Users, status.Connections));
    }

    [Theory]
    [InlineData(null, true, "PartitionsDiffer")]
    [InlineData(null, false, "NotReady")]
    [InlineData(TopicPartitions.Small, true, "NotReady")]
    [InlineData(TopicPartitions.Small, false, "PartitionsDiffer")]
    public void Make_PeerWithOtherPartitions_SaysThatNothingPasses(TopicPartitions? own, bool peerIsSmall, string reason)
    {
        var observed = ExternalCell(s => External(s) is var e ? e with { Kafka = e.Kafka with { Partitions = own } } : s, readyGateways: 1);
        var plan = Planner.Make(observed with { Peers = [Peer("us-east-1") with { HasSmallTopics = peerIsSmall }] }, Now);
        Assert.Equal(("False", reason), (Condition(plan, ConditionTypes.BridgesReady).Status, Condition(plan, ConditionTypes.BridgesReady).Reason));
    }

    [Theory]
    [InlineData(EngineKind.Embedded, null, true)]
    [InlineData(EngineKind.External, null, false)]
    [InlineData(EngineKind.External, TopicPartitions.Full, false)]
    [InlineData(EngineKind.External, TopicPartitions.Small, true)]
    public void HasSmallTopics_IsWhatTheCellMakes(EngineKind engine, TopicPartitions? partitions, bool small) =>
        Assert.Equal(small, EngineRules.HasSmallTopics(Cell(spec: s => s with { Kafka = new KafkaSpec { Engine = engine, Partitions = partitions } })));

    [Fact]
    public void Delete_SeveralGateways_StopsThemAndTouchesNothingOutside()
    {
        var observed = ExternalCell(s => ExternalWithSecret(s) with { DeletionPolicy = DeletionPolicy.Delete });
        var cell = observed.Cell.With(Planner.Make(observed, Now).Status).Deleted().Annotated(ChatCell.AcceptLossAnnotation, "eu-west-1");
        cell = cell.With(Planner.Make(observed with { Cell = cell }, Now).Status);
        var stop = Planner.Make(observed with { Cell = cell, MapEntry = null, HasPods = true }, Now);
        Assert.Equal(("StopPods", "StatefulSet"), (stop.Step, Assert.Single(stop.Obsolete).Type.Kind));
        Assert.Equal("StopPods", Planner.Make(observed with { Cell = cell, MapEntry = null, StatefulSet = null, HasPods = true }, Now).Step);
        var gone = Planner.Make(observed with { Cell = cell, MapEntry = null, StatefulSet = null }, Now);
        Assert.True(gone.MayGo);
        Assert.Empty(gone.Obsolete);
    }

    private static ConditionStatus Condition(CellPlan plan, string type) => Assert.Single(plan.Status.Conditions!, c => c.Type == type);
}
