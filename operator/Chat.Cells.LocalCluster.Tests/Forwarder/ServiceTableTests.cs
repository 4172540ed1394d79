using System.Net;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.LocalCluster.Forwarder;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.LocalCluster.Tests.Forwarder;

public sealed class ServiceTableTests
{
    [Fact]
    public void Build_NodePortService_ListensOnBothAddressesAndTakesReadyEndpointsOnly()
    {
        var service = Service("router", "NodePort", "127.64.0.7", new V1ServicePort { Name = "http", Port = 80, NodePort = 30080, TargetPort = 8080 });
        var (routes, refusals) = ServiceTable.Build([service], [Slice("router", "http", 8080, ("127.65.0.10", true), ("127.65.0.11", false), ("127.65.0.12", null))]);
        Assert.Empty(refusals);
        Assert.Equal(["127.64.0.7:80", "127.0.0.1:30080"], routes.Select(route => route.Address.ToString()));
        Assert.All(routes, route => Assert.Equal(["127.65.0.10:8080", "127.65.0.12:8080"], route.Endpoints.Select(endpoint => endpoint.ToString())));
    }

    [Fact]
    public void Build_HeadlessAndExternalNameServices_AreNotListenedOn()
    {
        var (routes, refusals) = ServiceTable.Build(
            [Service("headless", "ClusterIP", "None", new V1ServicePort { Port = 80 }), Service("external", "ExternalName", null, new V1ServicePort { Port = 80 })], []);
        Assert.Empty(routes);
        Assert.Empty(refusals);
    }

    [Fact]
    public void Build_WhatIsNotDoneHere_IsRefusedByName()
    {
        var udp = Service("dns", "ClusterIP", "127.64.0.10", new V1ServicePort { Port = 53, Protocol = "UDP" });
        var sticky = Service("sticky", "ClusterIP", "127.64.0.11", new V1ServicePort { Port = 80 });
        sticky = sticky with { Spec = sticky.Spec! with { SessionAffinity = "ClientIP" } };
        var (_, refusals) = ServiceTable.Build([udp, sticky], []);
        Assert.Equal(["not supported here: UDP port 53", "not supported here: sessionAffinity ClientIP; every client has the same address on one machine"], refusals.Select(refusal => refusal.What));
    }

    [Fact]
    public void Build_TwoServicesOnOneNodePort_TheSecondIsRefused()
    {
        var (routes, refusals) = ServiceTable.Build(
            [Service("b", "NodePort", "127.64.0.2", new V1ServicePort { Port = 80, NodePort = 30080 }), Service("a", "NodePort", "127.64.0.1", new V1ServicePort { Port = 80, NodePort = 30080 })], []);
        Assert.Equal("ns/a", routes.Single(route => route.Address.Port == 30080).Service);
        Assert.Equal(new ServiceRefusal("ns/b", "127.0.0.1:30080 belongs to ns/a"), Assert.Single(refusals));
    }

    [Fact]
    public void SaveAndLoad_Routes_AreTheSame()
    {
        using var folder = new TestFolder();
        var snapshot = new ForwarderSnapshot(folder.File("services.json"), NullLogger.Instance);
        Assert.Empty(snapshot.Load());
        snapshot.Save([new ServiceRoute("ns/a", IPEndPoint.Parse("127.64.0.1:80"), [IPEndPoint.Parse("127.65.0.10:8080")])]);
        var route = Assert.Single(snapshot.Load());
        Assert.Equal(("ns/a", "127.64.0.1:80", "127.65.0.10:8080"), (route.Service, route.Address.ToString(), Assert.Single(route.Endpoints).ToString()));
        File.WriteAllText(folder.File("services.json"), "{ torn");
        Assert.Empty(snapshot.Load());
    }

    internal static V1Service Service(string name, string type, string? clusterIP, params V1ServicePort[] ports) => new()
    {
        Metadata = new V1ObjectMeta { Name = name, Namespace = "ns", Uid = name + "-uid" },
        Spec = new V1ServiceSpec { Type = type, ClusterIP = clusterIP, Ports = ports, Selector = new Dictionary<string, string>(StringComparer.Ordinal) { ["app"] = name } },
    };

    internal static V1EndpointSlice Slice(string service, string portName, int port, params (string Address, bool? Ready)[] endpoints) => new()
    {
        Metadata = new V1ObjectMeta { Name = service + "-0", Namespace = "ns", Labels = new Dictionary<string, string>(StringComparer.Ordinal) { ["kubernetes.io/service-name"] = service } },
        Ports = [new V1EndpointPort { Name = portName, Port = port }],
        Endpoints = [.. endpoints.Select(endpoint => new V1Endpoint { Addresses = [endpoint.Address], Conditions = new V1EndpointConditions { Ready = endpoint.Ready } })],
    };
}
