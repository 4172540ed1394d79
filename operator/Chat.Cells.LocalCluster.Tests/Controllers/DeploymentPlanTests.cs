using Chat.Cells.Kubernetes.Models;
using Chat.Cells.LocalCluster.Controllers.Workloads;

namespace Chat.Cells.LocalCluster.Tests.Controllers;

/// <summary>Plans carried out on a model in which ReplicaSets reach their size at once, and pods are available as the test says.</summary>
public sealed class DeploymentPlanTests
{
    private readonly List<V1ReplicaSet> sets = [];
    private V1DeploymentStatus? status;
    private DateTimeOffset now = DateTimeOffset.UnixEpoch.AddDays(1);

    [Fact]
    public void Make_NewDeployment_MakesOneReplicaSetAndBecomesAvailable()
    {
        var deployment = Make(3);
        Settle(deployment);
        var set = Assert.Single(sets);
        Assert.Equal(3, set.Spec!.Replicas);
        Assert.Equal(set.Metadata.Label("pod-template-hash"), set.Spec.Selector!.MatchLabels!["pod-template-hash"]);
        Assert.Equal(set.Metadata.Label("pod-template-hash"), set.Spec.Template!.Metadata.Label("pod-template-hash"));
        Assert.Equal("1", set.Metadata.Annotation("deployment.kubernetes.io/revision"));
        Assert.Equal((3, 3, 3, 0), (status!.Replicas!.Value, status.UpdatedReplicas!.Value, status.AvailableReplicas!.Value, status.UnavailableReplicas!.Value));
        Assert.Equal(["True MinimumReplicasAvailable", "True NewReplicaSetAvailable"], Conditions());
    }

    [Fact]
    public void Make_ChangedTemplate_NeverHasTooFewAvailableNorTooManyPods()
    {
        Settle(Make(4));
        var changed = Make(4, "v2");
        for (var i = 0; i < 30; i++)
        {
            Step(changed);
            // Surge 25 % = 1, unavailable 25 % = 1.
            Assert.True(sets.Sum(set => set.Spec!.Replicas!.Value) <= 5, "too many");
            Assert.True(sets.Sum(set => set.Status!.AvailableReplicas!.Value) >= 3, "too few");
            MakeOneAvailable();
        }

        Assert.Equal([4], sets.Where(set => set.Spec!.Replicas > 0).Select(set => set.Spec!.Replicas!.Value));
        Assert.Equal("2", sets.Single(set => set.Spec!.Replicas > 0).Metadata.Annotation("deployment.kubernetes.io/revision"));
    }

    [Fact]
    public void Make_NewPodsThatNeverWork_KeepTheOldOnes()
    {
        Settle(Make(4));
        var broken = Make(4, "broken");
        for (var i = 0; i < 30; i++)
        {
            Step(broken);
        }

        Assert.Equal(3, sets.Sum(set => set.Status!.AvailableReplicas!.Value));
        now = now.AddSeconds(601);
        Step(broken);
        Assert.Equal(["True MinimumReplicasAvailable", "False ProgressDeadlineExceeded"], Conditions());
    }

    [Fact]
    public void Make_OneReplica_IsReplacedWithoutAGap()
    {
        Settle(Make(1));
        var changed = Make(1, "v2");
        Step(changed);
        Step(changed);
        Assert.Equal([1, 1], sets.Select(set => set.Spec!.Replicas!.Value));
        MakeOneAvailable();
        Step(changed);
        Assert.Equal([0, 1], sets.Select(set => set.Spec!.Replicas!.Value));
    }

    [Fact]
    public void Make_Recreate_StopsTheOldBeforeItStartsTheNew()
    {
        Settle(Make(2, strategy: "Recreate"));
        var changed = Make(2, "v2", "Recreate");
        for (var i = 0; i < 10; i++)
        {
            Step(changed);
            Assert.True(sets.Count(set => set.Spec!.Replicas > 0) <= 1, "two templates at once");
            MakeOneAvailable();
        }

        Assert.Equal([0, 2], sets.Select(set => set.Spec!.Replicas!.Value));
    }

    [Fact]
    public void Make_ScaledDown_ScalesItsReplicaSet()
    {
        Settle(Make(3));
        Settle(Make(1));
        Assert.Equal(1, Assert.Single(sets).Spec!.Replicas);
    }

    [Fact]
    public void Make_Paused_DoesNothing()
    {
        var deployment = Make(3);
        var plan = DeploymentPlan.Make(deployment with { Spec = deployment.Spec! with { Paused = true } }, sets, now);
        Assert.Null(plan.Create);
    }

    [Fact]
    public void Make_ManyRevisions_KeepsOnlyTheHistoryLimit()
    {
        for (var i = 0; i < 6; i++)
        {
            var next = Make(1, $"v{i}");
            Settle(next with { Spec = next.Spec! with { RevisionHistoryLimit = 2 } });
        }

        Assert.Equal(3, sets.Count);
    }

    [Fact]
    public void Make_SettledDeployment_WritesNothing()
    {
        var deployment = Make(2);
        Settle(deployment);
        var before = KubernetesJson.ToBytes(status);
        now = now.AddHours(1);
        var plan = DeploymentPlan.Make(deployment with { Status = status }, sets, now);
        Assert.Null(plan.Create);
        Assert.Empty(plan.Scale);
        Assert.Equal(before, KubernetesJson.ToBytes(plan.Status));
    }

    [Fact]
    public void Difference_TooManyPods_UnreadyAndYoungestGoFirst()
    {
        var set = new V1ReplicaSet { Metadata = new V1ObjectMeta { Name = "rs", Uid = "u" }, Spec = new V1ReplicaSetSpec { Replicas = 1 } };
        var (create, delete) = ReplicaSetController.Difference(set, [Pod("old", true, 1), Pod("young", true, 9), Pod("unready", false, 0)]);
        Assert.Equal(0, create);
        Assert.Equal(["unready", "young"], delete.Select(pod => pod.Metadata.Name));
        Assert.Equal(1, ReplicaSetController.Difference(set, []).Create);
        var (replace, over) = ReplicaSetController.Difference(set, [Pod("done", true, 0) with { Status = new V1PodStatus { Phase = "Failed" } }]);
        Assert.Equal((1, "done"), (replace, Assert.Single(over).Metadata.Name));
    }

    private static V1Pod Pod(string name, bool ready, int age) => new()
    {
        Metadata = new V1ObjectMeta { Name = name, CreationTimestamp = DateTimeOffset.UnixEpoch.AddSeconds(age) },
        Status = new V1PodStatus { Phase = "Running", Conditions = [new V1PodCondition { Type = "Ready", Status = ready ? "True" : "False" }] },
    };

    private IEnumerable<string> Conditions() => status!.Conditions!.Select(condition => $"{condition.Status} {condition.Reason}");

    private void Step(V1Deployment deployment)
    {
        var plan = DeploymentPlan.Make(deployment with { Status = status }, sets, now);
        status = plan.Status;
        if (plan.Create is not null)
        {
            sets.Add(Sized(plan.Create, plan.Create.Spec!.Replicas!.Value));
        }

        foreach (var (set, replicas) in plan.Scale)
        {
            sets[sets.IndexOf(set)] = Sized(set, replicas);
        }

        sets.RemoveAll(plan.Delete.Contains);
    }

    private static V1ReplicaSet Sized(V1ReplicaSet set, int replicas)
    {
        var available = Math.Min(set.Status?.AvailableReplicas ?? 0, replicas);
        return set with { Spec = set.Spec! with { Replicas = replicas }, Status = new V1ReplicaSetStatus { Replicas = replicas, ReadyReplicas = available, AvailableReplicas = available } };
    }

    private void MakeOneAvailable()
    {
        var at = sets.FindIndex(set => set.Status!.AvailableReplicas < set.Status.Replicas);
        if (at >= 0)
        {
            var available = sets[at].Status!.AvailableReplicas!.Value + 1;
            sets[at] = sets[at] with { Status = sets[at].Status! with { ReadyReplicas = available, AvailableReplicas = available } };
        }
    }

    private void Settle(V1Deployment deployment)
    {
        for (var i = 0; i < 30; i++)
        {
            Step(deployment);
            MakeOneAvailable();
        }
    }

    private static V1Deployment Make(int replicas, string image = "v1", string? strategy = null) => new()
    {
        Metadata = new V1ObjectMeta { Name = "web", Namespace = "ns", Uid = "deployment-uid" },
        Spec = new V1DeploymentSpec
        {
            Replicas = replicas,
            Strategy = strategy is null ? null : new V1UpdateStrategy { Type = strategy },
            Selector = new V1LabelSelector { MatchLabels = new Dictionary<string, string>(StringComparer.Ordinal) { ["app"] = "web" } },
            Template = new V1PodTemplateSpec
            {
                Metadata = new V1ObjectMeta { Labels = new Dictionary<string, string>(StringComparer.Ordinal) { ["app"] = "web" } },
                Spec = new V1PodSpec { Containers = [new V1Container { Name = "web", Image = image }] },
            },
        },
    };
}
