using System.Text;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Api.Schema;
using Chat.Cells.Operator.Apply;
using Chat.Cells.Operator.Hosting;
using Chat.Cells.Operator.Observe;
using Chat.Cells.Operator.Plan;
using Chat.Cells.Operator.Report;
using Chat.Cells.Operator.Tests.Cluster;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Operator.Tests;

public sealed class HostTests
{
    [Fact]
    public async Task Run_Process_IsReadyMeasuredAndGivesItsLeaseBack()
    {
        await using var cluster = await TestCluster.StartAsync();
        using var port = new HeldPort();
        var options = new OperatorOptions { Namespace = cluster.SystemNamespace, Listen = port.Url.ToString(), Identity = "me" };
        var kubeconfig = Path.GetTempFileName();
        using var stop = new CancellationTokenSource();
        using var http = new HttpClient { BaseAddress = new Uri(options.Listen) };
        try
        {
            await File.WriteAllTextAsync(kubeconfig, cluster.Kubeconfig);
            var run = OperatorHost.RunAsync(options, kubeconfig, stop.Token);
            await Poll.UntilAsync(() => IsOkAsync(http, "/readyz"), "ready");
            Assert.True(await IsOkAsync(http, "/healthz"));
            await cluster.Cells.CreateAsync(cluster.Cell("eu-west-1"));
            await cluster.WaitAsync("eu-west-1", ConditionTypes.Reconciling, "True/GatewaysNotReady");
            Assert.Contains("leader_election_master_status 1", await http.GetStringAsync("/metrics"), StringComparison.Ordinal);
            await Poll.UntilAsync(async () => (await http.GetStringAsync("/metrics")).Contains("controller_runtime_reconcile_total{", StringComparison.Ordinal), "reconciles are counted");
            var leases = cluster.Client.Of<V1Lease>();
            Assert.Equal("me", (await leases.GetAsync(cluster.SystemNamespace, Naming.FieldManager)).Spec!.HolderIdentity);
            await stop.CancelAsync();
            await run.WaitAsync(Poll.Limit);
            Assert.Equal(string.Empty, (await leases.GetAsync(cluster.SystemNamespace, Naming.FieldManager)).Spec!.HolderIdentity);
        }
        finally
        {
            File.Delete(kubeconfig);
        }
    }

    [Fact]
    public async Task Crd_Check_FailsOnlyWhenTheFileDiffers()
    {
        var file = Path.GetTempFileName();
        try
        {
            Assert.Equal(0, await CommandLine.Build().Parse(["crd", "--output", file]).InvokeAsync());
            Assert.Equal(CrdGenerator.Yaml<ChatCell>(), await File.ReadAllTextAsync(file));
            Assert.Equal(0, await CommandLine.Build().Parse(["crd", "--output", file, "--check"]).InvokeAsync());
            await File.AppendAllTextAsync(file, "# changed by hand\n");
            Assert.Equal(1, await CommandLine.Build().Parse(["crd", "--output", file, "--check"]).InvokeAsync());
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData(200, """{"cell":"x","users":12,"connections":3,"ready":true}""", 12L)]
    [InlineData(200, """{"cell":"x"}""", null)]
    [InlineData(200, "nonsense", null)]
    [InlineData(401, "", null)]
    [InlineData(503, """{"users":12,"connections":3}""", null)]
    public async Task Probe_WhateverTheCellAnswers_IsAReportOrNone(int code, string body, long? users)
    {
        var builder = WebApplication.CreateSlimBuilder();
        await using var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        string? authorization = null;
        app.MapGet("/internal/v1/status", async context =>
        {
            authorization = context.Request.Headers.Authorization;
            context.Response.StatusCode = code;
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync(body);
        });
        await app.StartAsync();
        using var http = new HttpClient();
        var probe = new HttpCellProbe(http, NullLogger<HttpCellProbe>.Instance);
        var report = await probe.ReadAsync(app.Urls.First(), Encoding.ASCII.GetBytes("secret"), default);
        Assert.Equal(users, report?.Users);
        Assert.Equal("Bearer secret", authorization);
        await app.StopAsync();
        Assert.Null(await probe.ReadAsync("http://127.0.0.1:1", Encoding.ASCII.GetBytes("secret"), default));
    }

    [Theory]
    [InlineData(200, """{"status":"ready","checks":{"log":"ok","state":"no answer"}}""", 200, """{"users":12,"connections":3}""", 12L, 2)]
    [InlineData(503, """{"status":"not ready","checks":{"log":"no broker"}}""", 500, "", null, 1)]
    [InlineData(503, "nonsense", 200, """{"users":12,"connections":3}""", 12L, 0)]
    [InlineData(200, """{"status":"ready"}""", 401, "", null, null)]
    [InlineData(404, "", 404, "", null, null)]
    public async Task Probe_WhateverAServerAnswers_IsWhatItSaysOrNothing(int readyCode, string ready, int code, string body, long? users, int? checks)
    {
        var builder = WebApplication.CreateSlimBuilder();
        await using var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        string? asked = null;
        app.MapGet("/readyz", context =>
        {
            asked = context.Request.Headers.Authorization;
            context.Response.StatusCode = readyCode;
            context.Response.ContentType = "application/json";
            return context.Response.WriteAsync(ready);
        });
        app.MapGet("/internal/v1/status", context =>
        {
            context.Response.StatusCode = code;
            context.Response.ContentType = "application/json";
            return context.Response.WriteAsync(body);
        });
        await app.StartAsync();
        using var http = new HttpClient();
        var probe = new HttpCellProbe(http, NullLogger<HttpCellProbe>.Instance);
        var report = await probe.ReadServerAsync("eu-1-0", app.Urls.First(), Encoding.ASCII.GetBytes("secret"), default);
        Assert.Equal((users, checks), (report?.Cell?.Users, report?.Checks.Count));
        Assert.Equal(checks is null ? null : "eu-1-0", report?.Name);
        Assert.True(string.IsNullOrEmpty(asked), "the token is for those who ask for it");
        await app.StopAsync();
        Assert.Null(await probe.ReadServerAsync("eu-1-0", "http://127.0.0.1:1", Encoding.ASCII.GetBytes("secret"), default));
    }

    [Fact]
    public void Transitions_ExternalEngineThatFails_IsAnEventAndSoIsItsReturn()
    {
        static ConditionStatus[] C(string status, string reason) => [new() { Type = "KafkaReady", Status = status, Reason = reason, Message = "m" }];
        Assert.Equal([("KafkaNotAnswering", true)], StatusReporter.Transitions(C("True", "Answering"), C("False", "NotAnswering")).Select(t => (t.Condition.Reason, t.IsWarning)));
        Assert.Equal([("KafkaAnswering", false)], StatusReporter.Transitions(C("False", "NotAnswering"), C("True", "Answering")).Select(t => (t.Condition.Reason, t.IsWarning)));
        Assert.Empty(StatusReporter.Transitions(C("True", "Answering"), C("Unknown", "NoServerAnswers")));
        Assert.Empty(StatusReporter.Transitions(C("False", "Embedded"), C("True", "Embedded")));
    }

    [Fact]
    public async Task Apply_ServerWritesQuantitiesItsOwnWay_IsNotAppliedForEver()
    {
        await using var cluster = await TestCluster.StartAsync();
        using var client = new KubernetesClient(cluster.Configuration, wrap: inner => new Canonical { InnerHandler = inner });
        var applier = new ObjectApplier(client, NullLogger<ObjectApplier>.Instance);
        var wanted = Claim("1000m");
        Assert.True(await applier.ApplyAsync(DesiredObject.From(wanted, null), default));
        var live = await client.Of<V1PersistentVolumeClaim>().GetAsync(cluster.Namespace, "c");
        Assert.Equal("1", live.Spec!.Resources!.Requests!["storage"].Value);
        Assert.False(await applier.ApplyAsync(DesiredObject.From(wanted, live), default));
        // Another process knows nothing of it: once more, then never again.
        var restarted = new ObjectApplier(client, NullLogger<ObjectApplier>.Instance);
        Assert.True(await restarted.ApplyAsync(DesiredObject.From(wanted, live), default));
        live = await client.Of<V1PersistentVolumeClaim>().GetAsync(cluster.Namespace, "c");
        Assert.False(await restarted.ApplyAsync(DesiredObject.From(wanted, live), default));
        // A real change is still seen: of the plan, and of the object.
        Assert.True(await restarted.ApplyAsync(DesiredObject.From(Claim("2000m"), live), default));
        var byHand = live with { Metadata = live.Metadata with { Labels = new Dictionary<string, string> { ["a"] = "changed" } } };
        Assert.True(await restarted.ApplyAsync(DesiredObject.From(wanted, byHand), default));

        V1PersistentVolumeClaim Claim(string size) => new()
        {
            Metadata = new V1ObjectMeta { Namespace = cluster.Namespace, Name = "c", Labels = new Dictionary<string, string> { ["a"] = "b" } },
            Spec = new V1PersistentVolumeClaimSpec
            {
                AccessModes = ["ReadWriteOnce"],
                Resources = new V1ResourceRequirements { Requests = new Dictionary<string, Quantity> { ["storage"] = size } },
            },
        };
    }

    [Fact]
    public void Transitions_OnlyWhatPeopleCareAbout_MakesEvents()
    {
        static ConditionStatus C(string type, string status, string reason) => new() { Type = type, Status = status, Reason = reason, Message = "m" };
        var before = new[] { C("Ready", "True", "Serving"), C("BridgesReady", "True", "NoPeers"), C("Stalled", "False", "AsSpecified") };
        Assert.Empty(StatusReporter.Transitions(before, before));
        var after = new[] { C("Ready", "False", "GatewaysNotReady"), C("BridgesReady", "False", "NotReady"), C("Stalled", "False", "Other"), C("UsersRemain", "True", "UsersUnknown") };
        Assert.Equal(
            [("GatewaysNotReady", true), ("BridgesNotReady", true), ("DeletionRefused", true)],
            StatusReporter.Transitions(before, after).Select(t => (t.Condition.Reason, t.IsWarning)));
        Assert.Equal([("Serving", false)], StatusReporter.Transitions(after, [C("Ready", "True", "Serving")]).Select(t => (t.Condition.Reason, t.IsWarning)));
    }

    private static async Task<bool> IsOkAsync(HttpClient http, string path)
    {
        try
        {
            using var response = await http.GetAsync(path);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>Writes quantities as a real API server does.</summary>
    private sealed class Canonical : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = await base.SendAsync(request, cancellationToken);
            var body = await response.Content.ReadAsStringAsync(cancellationToken);
            response.Content = new StringContent(body.Replace("\"storage\":\"1000m\"", "\"storage\":\"1\"", StringComparison.Ordinal), Encoding.UTF8, "application/json");
            return response;
        }
    }
}
