using Chat.Cells.Kubernetes.Models;
using Chat.Cells.LocalCluster.Controllers.Workloads;

namespace Chat.Cells.LocalCluster.Tests.Controllers;

/// <summary>Plans carried out on a small model of a cluster, step by step.</summary>
public sealed class StatefulSetPlanTests
{
    private readonly List<V1Pod> pods = [];
    private readonly List<V1PersistentVolumeClaim> claims = [];
    private V1StatefulSetStatus? status;

    [Fact]
    public void Make_OrderedSet_CreatesTheNextPodOnlyWhenTheOneBeforeIsReady()
    {
        var set = Set(3);
        Step(set);
        Assert.Equal(["web-0"], Names());
        Assert.Equal(["data-web-0"], claims.Select(claim => claim.Metadata.Name));
        Step(set);
        Assert.Equal(["web-0"], Names());
        MakeReady("web-0");
        Step(set);
        Assert.Equal(["web-0", "web-1"], Names());
        MakeReady("web-1");
        Step(set);
        MakeReady("web-2");
        Step(set);
        Assert.Equal((3, 3, 3), (status!.Replicas, status.ReadyReplicas!.Value, status.UpdatedReplicas!.Value));
        Assert.Equal(status.UpdateRevision, status.CurrentRevision);
    }

    [Fact]
    public void Make_ParallelSet_CreatesAllAtOnce()
    {
        Step(Set(3, "Parallel"));
        Assert.Equal(["web-0", "web-1", "web-2"], Names());
    }

    [Fact]
    public void Make_NewPod_HasItsNameClaimAndLabels()
    {
        var set = Set(1);
        Step(set);
        var pod = Assert.Single(pods);
        Assert.Equal(("web-0", "web"), (pod.Spec!.Hostname, pod.Spec.Subdomain));
        Assert.Equal("data-web-0", Assert.Single(pod.Spec.Volumes!).PersistentVolumeClaim!.ClaimName);
        Assert.Equal(("web-0", "0", "web"), (pod.Metadata.Label("statefulset.kubernetes.io/pod-name"), pod.Metadata.Label("apps.kubernetes.io/pod-index"), pod.Metadata.Label("app")));
        Assert.True(Assert.Single(pod.Metadata.OwnerReferences!).Controller);
    }

    [Fact]
    public void Make_ScaledDown_DeletesFromTheTopOneByOneAndKeepsTheClaims()
    {
        Settle(Set(3));
        var smaller = Set(1);
        Assert.Equal(["web-2"], Step(smaller).DeletePods.Select(pod => pod.Metadata.Name));
        Assert.Equal(["web-1"], Step(smaller).DeletePods.Select(pod => pod.Metadata.Name));
        Assert.Empty(Step(smaller).DeletePods);
        Assert.Equal(["web-0"], Names());
        Assert.Equal(3, claims.Count);
    }

    [Fact]
    public void Make_ScaledDownWithDeletePolicy_DropsTheClaimsOfPodsThatAreGone()
    {
        var policy = new V1PvcRetentionPolicy { WhenScaled = "Delete" };
        Settle(Set(2, policy: policy));
        var smaller = Set(1, policy: policy);
        Assert.Empty(Step(smaller).DeleteClaims);
        Assert.Equal(["data-web-1"], Step(smaller).DeleteClaims);
    }

    [Fact]
    public void Make_ClaimsOfASetWithDeletePolicy_AreOwnedByIt()
    {
        Step(Set(1, policy: new V1PvcRetentionPolicy { WhenDeleted = "Delete" }));
        Assert.Equal("StatefulSet", Assert.Single(Assert.Single(claims).Metadata.OwnerReferences!).Kind);
        claims.Clear();
        pods.Clear();
        Step(Set(1));
        Assert.Null(Assert.Single(claims).Metadata.OwnerReferences);
    }

    [Fact]
    public void Make_ChangedTemplate_ReplacesFromTheTopAndWaitsForEach()
    {
        Settle(Set(3));
        var changed = Set(3, image: "v2");
        Assert.Equal(["web-2"], Step(changed).DeletePods.Select(pod => pod.Metadata.Name));
        var created = Step(changed);
        Assert.Equal(["web-2"], created.CreatePods.Select(pod => pod.Metadata.Name));
        Assert.Equal("v2", created.CreatePods[0].Spec!.Containers[0].Image);
        Assert.Empty(Step(changed).DeletePods); // web-2 is not ready yet
        MakeReady("web-2");
        Assert.Equal(["web-1"], Step(changed).DeletePods.Select(pod => pod.Metadata.Name));
        Assert.NotEqual(Step(changed).Status.UpdateRevision, Step(changed).Status.CurrentRevision);
        Settle(changed);
        Assert.All(pods, pod => Assert.Equal("v2", pod.Spec!.Containers[0].Image));
    }

    [Fact]
    public void Make_OnDelete_LeavesOldPodsAlone()
    {
        Settle(Set(2));
        var changed = Set(2, image: "v2", update: new V1UpdateStrategy { Type = "OnDelete" });
        Assert.Empty(Step(changed).DeletePods);
    }

    [Fact]
    public void Make_PodThatEnded_IsReplaced()
    {
        Settle(Set(1));
        pods[0] = pods[0] with { Status = new V1PodStatus { Phase = "Failed" } };
        Assert.Equal(["web-0"], Step(Set(1)).DeletePods.Select(pod => pod.Metadata.Name));
        Assert.Equal(["web-0"], Step(Set(1)).CreatePods.Select(pod => pod.Metadata.Name));
    }

    [Fact]
    public void Make_TerminatingPod_IsWaitedForBeforeItsNameIsUsedAgain()
    {
        Settle(Set(1));
        pods[0] = pods[0] with { Metadata = pods[0].Metadata with { DeletionTimestamp = DateTimeOffset.UnixEpoch } };
        var plan = StatefulSetPlan.Make(Set(1), pods, claims, DateTimeOffset.UnixEpoch);
        Assert.Empty(plan.CreatePods);
        Assert.Empty(plan.DeletePods);
    }

    [Fact]
    public void Make_Partition_IsRefused()
    {
        var plan = Step(Set(2, update: new V1UpdateStrategy { Type = "RollingUpdate", RollingUpdate = new V1RollingUpdate { Partition = 1 } }));
        Assert.Equal("not supported here: updateStrategy.rollingUpdate.partition", plan.Refusal);
        Assert.Empty(plan.CreatePods);
    }

    [Fact]
    public void Make_SettledSet_HasNothingToDo()
    {
        var set = Set(3);
        Settle(set);
        var plan = Step(set);
        Assert.Empty(plan.CreatePods.Concat(plan.DeletePods));
        Assert.Empty(plan.CreateClaims);
    }

    [Fact]
    public void Hash_FieldsInAnotherOrder_IsTheSame()
    {
        var a = KubernetesJson.Parse<V1PodTemplateSpec>("""{"metadata":{"labels":{"a":"1","b":"2"}},"spec":{"containers":[],"unknown":{"x":1,"y":[1,2]}}}""");
        var b = KubernetesJson.Parse<V1PodTemplateSpec>("""{"spec":{"unknown":{"y":[1,2],"x":1},"containers":[]},"metadata":{"labels":{"b":"2","a":"1"}}}""");
        var c = KubernetesJson.Parse<V1PodTemplateSpec>("""{"spec":{"unknown":{"y":[2,1],"x":1},"containers":[]},"metadata":{"labels":{"b":"2","a":"1"}}}""");
        Assert.Equal(PodFacts.Hash(a), PodFacts.Hash(b));
        Assert.NotEqual(PodFacts.Hash(a), PodFacts.Hash(c));
    }

    private StatefulSetPlan Step(V1StatefulSet set)
    {
        var plan = StatefulSetPlan.Make(set with { Status = status }, pods, claims, DateTimeOffset.UnixEpoch.AddDays(1));
        status = plan.Status;
        pods.RemoveAll(plan.DeletePods.Contains);
        pods.AddRange(plan.CreatePods);
        claims.AddRange(plan.CreateClaims);
        return plan;
    }

    private void Settle(V1StatefulSet set)
    {
        for (var i = 0; i < 20; i++)
        {
            Step(set);
            foreach (var name in Names())
            {
                MakeReady(name!);
            }
        }
    }

    private IEnumerable<string?> Names() => pods.Select(pod => pod.Metadata.Name).Order(StringComparer.Ordinal).ToList();

    private void MakeReady(string name)
    {
        var at = pods.FindIndex(pod => pod.Metadata.Name == name);
        pods[at] = pods[at] with { Status = new V1PodStatus { Phase = "Running", Conditions = [new V1PodCondition { Type = "Ready", Status = "True", LastTransitionTime = DateTimeOffset.UnixEpoch }] } };
    }

    private static V1StatefulSet Set(int replicas, string? management = null, string image = "v1", V1PvcRetentionPolicy? policy = null, V1UpdateStrategy? update = null) => new()
    {
        Metadata = new V1ObjectMeta { Name = "web", Namespace = "ns", Uid = "set-uid", Generation = replicas },
        Spec = new V1StatefulSetSpec
        {
            Replicas = replicas,
            ServiceName = "web",
            PodManagementPolicy = management,
            PersistentVolumeClaimRetentionPolicy = policy,
            UpdateStrategy = update,
            Selector = new V1LabelSelector { MatchLabels = new Dictionary<string, string>(StringComparer.Ordinal) { ["app"] = "web" } },
            Template = new V1PodTemplateSpec
            {
                Metadata = new V1ObjectMeta { Labels = new Dictionary<string, string>(StringComparer.Ordinal) { ["app"] = "web" } },
                Spec = new V1PodSpec { Containers = [new V1Container { Name = "web", Image = image }] },
            },
            VolumeClaimTemplates = [new V1PersistentVolumeClaim { Metadata = new V1ObjectMeta { Name = "data" } }],
        },
    };
}
