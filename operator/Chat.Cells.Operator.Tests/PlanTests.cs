using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Observe;
using Chat.Cells.Operator.Plan;
using Chat.Cells.Topology;
using static Chat.Cells.Operator.Tests.Fixtures;

namespace Chat.Cells.Operator.Tests;

public sealed class PlanTests
{
    private static readonly Dictionary<string, Func<Observed>> Situations = new()
    {
        ["fresh"] = () => Fresh(Cell()) with { Claim = new NameClaim(NameClaimState.Open) },
        ["numbered"] = () => Fresh(Cell(spec: s => s with
        {
            Gateways = new GatewaysSpec { MaxConnections = 500, Resources = new ResourcesSpec { Requests = new Dictionary<string, Quantity> { ["cpu"] = "500m", ["memory"] = "1Gi" } } },
            Storage = new StorageSpec { Size = "5Gi", StorageClassName = "fast" },
        })),
        ["starting"] = () => Provisioned(Cell(), readyGateways: 0, CellState.Down),
        ["ready-not-published"] = () => Provisioned(Cell(), state: CellState.Down),
        ["serving"] = () => Provisioned(Serving(Cell())) with { Report = new CellReport(12, 3) },
        ["peer-comes"] = () => Provisioned(Serving(Cell())) with { Peers = [Peer("us-east-1")] },
        ["peer-has-tokens"] = () => Provisioned(Serving(Cell())) with { Peers = [Peer("us-east-1", "eu-west-1")], Secret = Secret("eu-west-1", "default", "us-east-1") },
        ["peer-gone"] = () => Provisioned(Serving(Cell())) with { Secret = Secret("eu-west-1", "default", "us-east-1"), Bridges = [Bridge("us-east-1", 1)] },
        ["gateway-lost"] = () => Provisioned(Serving(Cell()), readyGateways: 0),
        ["managed"] = () => Fresh(Cell(spec: s => s with
        {
            Kafka = new KafkaSpec { Engine = EngineKind.Managed },
            Cassandra = new CassandraSpec { Engine = EngineKind.Managed },
            Redis = new RedisSpec { Engine = EngineKind.Managed },
            Gateways = new GatewaysSpec { Replicas = 3 },
        })),
        ["external-bare"] = () => Fresh(Cell(spec: s => External(s))) with { Claim = new NameClaim(NameClaimState.Own, 1, External: true) },
        ["external-all-settings"] = () => ExternalCell(s => ExternalWithSecret(s, EverySetting), readyGateways: 0),
        ["external-secret-missing"] = () => ExternalCell(s => ExternalWithSecret(s), readyGateways: 0) with { EngineSecrets = new Dictionary<string, EngineSecret>(), StatefulSet = null },
        ["external-serving"] = () => ExternalCell(s => ExternalWithSecret(s)),
        ["external-one-gateway-of-two"] = () => ExternalCell(s => ExternalWithSecret(s), readyGateways: 1) with { Servers = [Server(0), Server(1, log: "no broker answers")] },
        ["external-secret-broken-while-serving"] = () => ExternalCell(s => ExternalWithSecret(s)) with { EngineSecrets = EngineSecrets(("redis-password", " ")) },
        ["name-taken"] = () => Fresh(Cell()) with { Claim = new NameClaim(NameClaimState.Taken, Holder: "other") },
        ["name-retired"] = () => Fresh(Cell()) with { Claim = new NameClaim(NameClaimState.Retired) },
        ["deleted-serving"] = () => Provisioned(Serving(Cell()).Deleted()) with { Report = new CellReport(12, 3) },
    };

    public static TheoryData<string> Names => [.. Situations.Keys];

    private static V1Deployment Bridge(string source, int ready) => new()
    {
        Metadata = new V1ObjectMeta { Name = Naming.Bridge("eu-west-1", source), Namespace = "default", Uid = "uid-" + source, Generation = 1 },
        Status = new V1DeploymentStatus { ReadyReplicas = ready, ObservedGeneration = 1 },
    };

    /// <summary>The whole plan as a file. Run with UPDATE_GOLDEN=1 to write the files, then read the difference.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Make_Situation_IsTheGoldenPlan(string situation)
    {
        var plan = Planner.Make(Situations[situation](), Now);
        var text = Print(plan);
        var file = Path.Combine(Repository.Root, "operator", "Chat.Cells.Operator.Tests", "Golden", situation + ".json");
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1")
        {
            File.WriteAllText(file, text);
        }
        Assert.True(File.Exists(file), $"{file} is missing: run with UPDATE_GOLDEN=1.");
        Assert.Equal(File.ReadAllText(file), text);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Make_SameSituation_IsTheSamePlan(string situation)
    {
        var observed = Situations[situation]();
        Assert.Equal(Print(Planner.Make(observed, Now)), Print(Planner.Make(observed, Now)));
    }

    [Fact]
    public void Make_SecretAlreadyThere_IsNeverRewritten()
    {
        var observed = Provisioned(Serving(Cell())) with { Peers = [Peer("us-east-1", "eu-west-1")], Secret = Secret("eu-west-1", "default", "us-east-1") };
        Assert.Null(Planner.Make(observed, Now).Secret);
        var oneMore = Planner.Make(observed with { Peers = [.. observed.Peers, Peer("us-west-1")] }, Now).Secret!;
        Assert.Equal(["bridge-us-west-1", "peer-us-west-1"], oneMore.Add.Keys);
        Assert.Empty(oneMore.Remove);
        Assert.DoesNotContain("token", oneMore.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Make_StatusUnchanged_KeepsItsTimes()
    {
        var cell = Serving(Cell());
        var later = Planner.Make(Provisioned(cell), Now.AddHours(5)).Status;
        Assert.True(JsonNode.DeepEquals(KubernetesJson.ToNode(cell.Status), KubernetesJson.ToNode(later)));
        var lost = Planner.Make(Provisioned(cell, readyGateways: 0), Now.AddHours(6)).Status;
        Assert.Equal(Now.AddHours(6), Condition(lost, ConditionTypes.Ready).LastTransitionTime);
        Assert.Equal(Now, Condition(lost, ConditionTypes.Stalled).LastTransitionTime);
        Assert.Equal(Now, lost.FirstReadyTime);
    }

    [Fact]
    public void Make_OldStatusOfStatefulSet_IsNotReady()
    {
        var observed = Provisioned(Cell());
        var set = observed.StatefulSet!;
        var plan = Planner.Make(observed with { StatefulSet = set with { Metadata = set.Metadata with { Generation = 2 } } }, Now);
        Assert.Equal("False", Condition(plan.Status, ConditionTypes.GatewaysReady).Status);
    }

    [Theory]
    [InlineData("Bad_Region", 100, 1, "region")]
    [InlineData("", 100, 1, "region")]
    [InlineData("eu", 1001, 1, "weight")]
    [InlineData("eu", 100, 2, "one pod")]
    public void Make_SpecThatTheSchemaShouldHaveRefused_IsStalledAndTouchesNothing(string region, int weight, int replicas, string said)
    {
        var cell = Cell(spec: s => s with { Region = region, Weight = weight, Gateways = new GatewaysSpec { Replicas = replicas } });
        var plan = Planner.Make(Fresh(cell), Now);
        var stalled = Condition(plan.Status, ConditionTypes.Stalled);
        Assert.Equal(("True", "InvalidSpec"), (stalled.Status, stalled.Reason));
        Assert.Contains(said, stalled.Message, StringComparison.Ordinal);
        Assert.Empty(plan.Objects);
        Assert.Empty(plan.Obsolete);
        Assert.Null(plan.Secret);
    }

    [Fact]
    public void Delete_NeverServed_GoesStepByStep()
    {
        var cell = Cell().Deleted();
        var observed = Provisioned(cell, readyGateways: 0, CellState.Down) with { HasPods = true, HasClaim = true };
        var first = Planner.Make(observed, Now);
        Assert.Equal(("LeaveMap", "NeverServed"), (first.Step, Condition(first.Status, ConditionTypes.UsersRemain).Reason));
        Assert.Empty(first.Obsolete);

        cell = cell.With(first.Status);
        Assert.True(MapPlanner.IsLeaving(cell));
        observed = observed with { Cell = cell };
        Assert.Equal("LeaveMap", Planner.Make(observed, Now).Step);

        observed = observed with { MapEntry = null };
        var stop = Planner.Make(observed, Now);
        Assert.Equal("StopPods", stop.Step);
        Assert.Equal("StatefulSet", Assert.Single(stop.Obsolete).Type.Kind);

        observed = observed with { StatefulSet = null };
        Assert.Equal("StopPods", Planner.Make(observed, Now).Step);

        observed = observed with { HasPods = false };
        var gone = Planner.Make(observed, Now);
        Assert.Equal(("Gone", true), (gone.Step, gone.MayGo));
        Assert.Empty(gone.Obsolete);
    }

    [Fact]
    public void Delete_PolicyDelete_DestroysTheVolumeLast()
    {
        var cell = Cell(spec: s => s with { DeletionPolicy = DeletionPolicy.Delete }).Deleted();
        cell = cell.With(Planner.Make(Fresh(cell), Now).Status);
        var observed = Fresh(cell) with { HasPods = true, HasClaim = true };
        Assert.Equal("StopPods", Planner.Make(observed, Now).Step);
        var volumes = Planner.Make(observed with { HasPods = false }, Now);
        Assert.Equal("DeleteVolumes", volumes.Step);
        Assert.Equal("data-eu-west-1-0", Assert.Single(volumes.Obsolete).Key.Name);
        Assert.False(volumes.MayGo);
        Assert.True(Planner.Make(observed with { HasPods = false, HasClaim = false }, Now).MayGo);
    }

    [Fact]
    public void Delete_UsersRemain_IsRefusedAndTheCellServesOn()
    {
        var cell = Serving(Cell()).Deleted();
        var drain = Planner.Make(Provisioned(cell) with { Report = new CellReport(2, 1) }, Now);
        Assert.Equal("Drain", drain.Step);

        cell = cell.With(drain.Status);
        var observed = Provisioned(cell, state: CellState.Draining) with { Report = new CellReport(2, 1) };
        // The drained map has to be known everywhere before anybody counts.
        Assert.Equal("Drain", Planner.Make(observed, Now + Options.DrainSettle - TimeSpan.FromSeconds(1)).Step);
        var refused = Planner.Make(observed, Now + Options.DrainSettle);
        Assert.Equal("RefuseDeletion", refused.Step);
        var condition = Condition(refused.Status, ConditionTypes.UsersRemain);
        Assert.Equal(("True", "UsersRemain"), (condition.Status, condition.Reason));
        Assert.Contains("2 users", condition.Message, StringComparison.Ordinal);
        Assert.Contains("kubectl annotate chatcell eu-west-1 -n default chatcells.io/accept-loss-of-service=eu-west-1", condition.Message, StringComparison.Ordinal);
        Assert.Equal("True", Condition(refused.Status, ConditionTypes.Ready).Status);
        Assert.NotEmpty(refused.Objects);
        Assert.False(MapPlanner.IsLeaving(cell.With(refused.Status)));
    }

    [Fact]
    public void Delete_CellDoesNotAnswer_IsRefused()
    {
        var cell = Serving(Cell()).Deleted();
        cell = cell.With(Planner.Make(Provisioned(cell), Now).Status);
        var plan = Planner.Make(Provisioned(cell, readyGateways: 0, CellState.Draining), Now + Options.DrainSettle);
        Assert.Equal(("RefuseDeletion", "UsersUnknown"), (plan.Step, Condition(plan.Status, ConditionTypes.UsersRemain).Reason));
    }

    [Fact]
    public void Delete_NoUsersAfterDraining_Leaves()
    {
        var cell = Serving(Cell()).Deleted();
        cell = cell.With(Planner.Make(Provisioned(cell), Now).Status);
        var plan = Planner.Make(Provisioned(cell, state: CellState.Draining) with { Report = new CellReport(0, 0) }, Now + Options.DrainSettle);
        Assert.Equal(("LeaveMap", "NoUsers"), (plan.Step, Condition(plan.Status, ConditionTypes.UsersRemain).Reason));
    }

    [Theory]
    [InlineData("eu-west-1", true)]
    [InlineData("us-east-1", false)]
    [InlineData("true", false)]
    [InlineData("", false)]
    public void Delete_LossAccepted_OnlyByTheCellsOwnName(string value, bool accepted)
    {
        var cell = Serving(Cell()).Deleted();
        cell = cell.With(Planner.Make(Provisioned(cell), Now).Status);
        var observed = Provisioned(cell.Annotated(ChatCell.AcceptLossAnnotation, value), state: CellState.Draining) with { Report = new CellReport(2, 1) };
        Assert.Equal(accepted ? "LeaveMap" : "RefuseDeletion", Planner.Make(observed, Now + Options.DrainSettle).Step);
    }

    [Fact]
    public void Delete_OnceDecided_StaysDecided()
    {
        var cell = Serving(Cell()).Deleted().Annotated(ChatCell.AcceptLossAnnotation, "eu-west-1");
        cell = cell.With(Planner.Make(Provisioned(cell), Now).Status) with { Metadata = cell.Metadata with { Annotations = null } };
        Assert.Equal("LeaveMap", Planner.Make(Provisioned(cell) with { Report = new CellReport(2, 1) }, Now).Step);
    }

    [Theory]
    [InlineData(NameClaimState.Open)]
    [InlineData(NameClaimState.Taken)]
    [InlineData(NameClaimState.Retired)]
    public void Delete_NameNotItsOwn_GoesAtOnceAndTouchesNothing(NameClaimState state)
    {
        var plan = Planner.Make(Fresh(Cell().Deleted()) with { Claim = new NameClaim(state) }, Now);
        Assert.True(plan.MayGo);
        Assert.Empty(plan.Obsolete);
        Assert.Empty(plan.Objects);
    }

    private static ConditionStatus Condition(ChatCellStatus status, string type) => Assert.Single(status.Conditions!, c => c.Type == type);

    private static string Print(CellPlan plan)
    {
        var tree = new JsonObject
        {
            ["step"] = plan.Step,
            ["secret"] = plan.Secret is null ? null : new JsonObject
            {
                ["create"] = plan.Secret.Live is null,
                ["add"] = new JsonObject([.. plan.Secret.Add.Select(a => KeyValuePair.Create(a.Key, (JsonNode?)JsonValue.Create(Encoding.ASCII.GetString(a.Value))))]),
                ["remove"] = new JsonArray([.. plan.Secret.Remove.Select(r => (JsonNode?)JsonValue.Create(r))]),
            },
            ["objects"] = new JsonArray([.. plan.Objects.Select(o => (JsonNode?)o.Json.DeepClone())]),
            ["obsolete"] = new JsonArray([.. plan.Obsolete.Select(o => (JsonNode?)JsonValue.Create($"{o.Type.Kind} {o.Key}"))]),
            ["status"] = KubernetesJson.ToNode(plan.Status),
            ["requeueAfter"] = plan.RequeueAfter?.ToString(),
            ["mayGo"] = plan.MayGo,
        };
        return JsonSerializer.Serialize(tree, KubernetesJson.Indented).ReplaceLineEndings("\n") + "\n";
    }
}
