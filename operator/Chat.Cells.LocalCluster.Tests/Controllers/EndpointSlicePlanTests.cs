using Chat.Cells.Kubernetes.Models;
using Chat.Cells.LocalCluster.Controllers;
using Chat.Cells.LocalCluster.Controllers.Services;

namespace Chat.Cells.LocalCluster.Tests.Controllers;

public sealed class EndpointSlicePlanTests
{
    [Fact]
    public void Make_SelectedPods_AreEndpointsReadyOrNot()
    {
        var slice = Assert.Single(EndpointSlicePlan.Make(Service(), [Pod("b", "127.65.0.11", ready: false), Pod("a", "127.65.0.10", ready: true), Pod("other", "127.65.0.12", ready: true, app: "x")]));
        Assert.Equal(("web-0", "web", 8080), (slice.Metadata.Name, slice.Metadata.Label("kubernetes.io/service-name"), Assert.Single(slice.Ports!).Port!.Value));
        Assert.Equal([("127.65.0.10", true), ("127.65.0.11", false)], slice.Endpoints.Select(endpoint => (endpoint.Addresses[0], endpoint.Conditions!.Ready!.Value)));
    }

    [Fact]
    public void Make_TerminatingPod_IsServingButNotReady()
    {
        var pod = Pod("a", "127.65.0.10", ready: true);
        var slice = Assert.Single(EndpointSlicePlan.Make(Service(), [pod with { Metadata = pod.Metadata with { DeletionTimestamp = DateTimeOffset.UnixEpoch } }]));
        Assert.Equal(new V1EndpointConditions { Ready = false, Serving = true, Terminating = true }, Assert.Single(slice.Endpoints).Conditions);
    }

    [Fact]
    public void Make_PublishNotReadyAddresses_AllAreReady()
    {
        var service = Service();
        var slice = Assert.Single(EndpointSlicePlan.Make(service with { Spec = service.Spec! with { PublishNotReadyAddresses = true } }, [Pod("a", "127.65.0.10", ready: false)]));
        Assert.True(Assert.Single(slice.Endpoints).Conditions!.Ready);
    }

    [Fact]
    public void Make_PodsThatNameTheirPortsDifferently_GetASliceEach()
    {
        var slices = EndpointSlicePlan.Make(Service(), [Pod("a", "127.65.0.10", ready: true), Pod("b", "127.65.0.11", ready: true, port: 9090)]);
        Assert.Equal([(8080, "127.65.0.10"), (9090, "127.65.0.11")], slices.Select(slice => (slice.Ports![0].Port!.Value, Assert.Single(slice.Endpoints).Addresses[0])));
    }

    [Fact]
    public void Make_PodsOverOrWithoutAddress_AreLeftOut()
    {
        var over = Pod("a", "127.65.0.10", ready: false);
        var slices = EndpointSlicePlan.Make(Service(), [over with { Status = over.Status! with { Phase = "Succeeded" } }, Pod("b", null, ready: false)]);
        Assert.Empty(Assert.Single(slices).Endpoints);
    }

    [Fact]
    public void Make_ServiceWithoutSelector_HasNoSlices()
    {
        var service = Service();
        Assert.Empty(EndpointSlicePlan.Make(service with { Spec = service.Spec! with { Selector = null } }, [Pod("a", "127.65.0.10", ready: true)]));
    }

    [Theory]
    [InlineData("In", "a,b", true)]
    [InlineData("NotIn", "b", true)]
    [InlineData("NotIn", "a", false)]
    [InlineData("Exists", "", true)]
    [InlineData("DoesNotExist", "", false)]
    [InlineData("Unheard", "", false)]
    public void Matches_Expressions_AsKubernetes(string op, string values, bool expected) => Assert.Equal(expected, LabelSelectors.Matches(
        new V1LabelSelector { MatchExpressions = [new V1LabelSelectorRequirement { Key = "k", Operator = op, Values = values.Split(',') }] },
        new Dictionary<string, string>(StringComparer.Ordinal) { ["k"] = "a" }));

    [Fact]
    public void Matches_EmptySelectorOfAWorkload_MatchesNothing() => Assert.False(LabelSelectors.Matches(new V1LabelSelector(), new Dictionary<string, string>(StringComparer.Ordinal)));

    private static V1Service Service() => new()
    {
        Metadata = new V1ObjectMeta { Name = "web", Namespace = "ns", Uid = "service-uid" },
        Spec = new V1ServiceSpec { Selector = new Dictionary<string, string>(StringComparer.Ordinal) { ["app"] = "web" }, Ports = [new V1ServicePort { Name = "http", Port = 80, TargetPort = "http" }] },
    };

    private static V1Pod Pod(string name, string? ip, bool ready, string app = "web", int port = 8080) => new()
    {
        Metadata = new V1ObjectMeta { Name = name, Namespace = "ns", Uid = name + "-uid", Labels = new Dictionary<string, string>(StringComparer.Ordinal) { ["app"] = app } },
        Spec = new V1PodSpec { Containers = [new V1Container { Name = "c", Ports = [new V1ContainerPort { Name = "http", ContainerPort = port }] }] },
        Status = new V1PodStatus { Phase = "Running", PodIP = ip, Conditions = [new V1PodCondition { Type = "Ready", Status = ready ? "True" : "False" }] },
    };
}
