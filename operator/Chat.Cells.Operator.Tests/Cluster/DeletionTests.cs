using System.Text.Json.Nodes;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Observe;
using Chat.Cells.Operator.Plan;
using Chat.Cells.Topology;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Operator.Tests.Cluster;

/// <summary>Deleting cells that have served.</summary>
public sealed class DeletionTests : IAsyncLifetime
{
    private const string A = "eu-west-1";
    private const string B = "us-east-1";
    private readonly FakeProbe _probe = new() { Otherwise = new CellReport(7, 2) };
    private TestCluster _cluster = null!;
    private FakeKubelet _kubelet = null!;

    public async Task InitializeAsync()
    {
        _cluster = await TestCluster.StartAsync();
        _kubelet = new FakeKubelet(_cluster);
    }

    public async Task DisposeAsync()
    {
        await _kubelet.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    private async Task ServeAsync(DeletionPolicy policy = DeletionPolicy.Retain)
    {
        await _cluster.Cells.CreateAsync(_cluster.Cell(A, spec: s => s with { DeletionPolicy = policy }));
        await _cluster.Cells.CreateAsync(_cluster.Cell(B, "us-east"));
        foreach (var name in new[] { A, B })
        {
            await _cluster.WaitAsync(name, ConditionTypes.Ready, "True/Serving");
            await _cluster.WaitAsync(name, ConditionTypes.BridgesReady, "True/AllReady");
        }
    }

    private Task GoneAsync(string name) => Poll.UntilAsync(async () => await _cluster.Cells.TryGetAsync(_cluster.Namespace, name) is null, $"{name} is gone");

    private Task AcceptAsync(string name) => _cluster.Cells.MergePatchAsync(
        _cluster.Namespace, name, new JsonObject { ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [ChatCell.AcceptLossAnnotation] = name } } });

    private async Task<CellMap> MapAsync() =>
        CellMapFile.Parse((await _cluster.Client.Of<V1ConfigMap>().GetAsync(_cluster.SystemNamespace, Naming.MapName)).Data![CellMapFile.FileName]);

    [Fact]
    public async Task Delete_WithUsers_IsRefusedUntilTheLossIsAccepted()
    {
        await using var running = RunningOperator.Start(_cluster, _probe);
        await ServeAsync();
        Assert.Equal(7, (await _cluster.Cells.GetAsync(_cluster.Namespace, A)).Status!.Users);
        await _cluster.Cells.DeleteAsync(_cluster.Namespace, A);
        await _cluster.WaitAsync(A, ConditionTypes.UsersRemain, "True/UsersRemain");
        // It serves on, and takes no new users.
        Assert.Equal("True/Serving", await _cluster.ConditionAsync(A, ConditionTypes.Ready));
        Assert.Equal(CellState.Draining, (await MapAsync()).Find(A)!.State);
        Assert.NotNull(await _cluster.Client.Of<V1StatefulSet>().TryGetAsync(_cluster.Namespace, A));
        await Poll.UntilAsync(async () => (await _cluster.EventsAsync(A)).Any(e => e is { Reason: "DeletionRefused", Type: "Warning" }), "a warning");

        await AcceptAsync(A);
        await GoneAsync(A);
        var map = await MapAsync();
        Assert.Null(map.Find(A));
        Assert.Equal(1, map.Numbers[A]);
        await Poll.UntilAsync(async () => await _cluster.Client.Of<V1Deployment>().TryGetAsync(_cluster.Namespace, Naming.Bridge(B, A)) is null, "the bridge from it is gone");
        await Poll.UntilAsync(async () => await _cluster.Client.Of<V1StatefulSet>().TryGetAsync(_cluster.Namespace, A) is null, "its pods are gone");
        await Poll.UntilAsync(async () => await _cluster.Client.Of<V1Service>().TryGetAsync(_cluster.Namespace, A) is null, "its service is gone");
        await Poll.UntilAsync(
            async () => !(await _cluster.Client.Of<V1Secret>().GetAsync(_cluster.Namespace, Naming.CellSecret(B))).Data!.Keys.Any(k => CellSecretKeys.PeerOf(k) == A), "its tokens are gone");
        Assert.NotNull(await _cluster.Client.Of<V1PersistentVolumeClaim>().TryGetAsync(_cluster.Namespace, Naming.Claim(A)));
        await _cluster.WaitAsync(B, ConditionTypes.BridgesReady, "True/NoPeers");
    }

    [Fact]
    public async Task Delete_NoUsers_GoesByItselfAndItsDataCanBeTakenUpAgain()
    {
        _probe.Otherwise = new CellReport(0, 0);
        await using var running = RunningOperator.Start(_cluster, _probe);
        await ServeAsync();
        await _cluster.Cells.DeleteAsync(_cluster.Namespace, A);
        await GoneAsync(A);
        Assert.NotNull(await _cluster.Client.Of<V1PersistentVolumeClaim>().TryGetAsync(_cluster.Namespace, Naming.Claim(A)));
        await _cluster.Cells.CreateAsync(_cluster.Cell(A));
        await _cluster.WaitAsync(A, ConditionTypes.Ready, "True/Serving");
        Assert.Equal(1, (await _cluster.Cells.GetAsync(_cluster.Namespace, A)).Status!.Number);
    }

    [Fact]
    public async Task Delete_PolicyDelete_DestroysTheVolumeAndTheName()
    {
        _probe.Otherwise = new CellReport(0, 0);
        await using var running = RunningOperator.Start(_cluster, _probe);
        await ServeAsync(DeletionPolicy.Delete);
        await _cluster.Cells.DeleteAsync(_cluster.Namespace, A);
        await GoneAsync(A);
        Assert.Null(await _cluster.Client.Of<V1PersistentVolumeClaim>().TryGetAsync(_cluster.Namespace, Naming.Claim(A)));
        await _cluster.Cells.CreateAsync(_cluster.Cell(A));
        await _cluster.WaitAsync(A, ConditionTypes.Stalled, "True/NameTaken");
    }

    [Fact]
    public async Task Logs_OfAWholeLife_HoldNoSecret()
    {
        _probe.Otherwise = new CellReport(0, 0);
        using var captured = new CapturedLog();
        using var loggers = LoggerFactory.Create(b => b.AddProvider(captured).SetMinimumLevel(LogLevel.Trace));
        await using var running = RunningOperator.Start(_cluster, _probe, loggers: loggers);
        await ServeAsync();
        var secrets = (await _cluster.Client.Of<V1Secret>().ListAsync(_cluster.Namespace)).Items.SelectMany(s => s.Data!.Values).ToList();
        Assert.True(secrets.Count > 10);
        await _cluster.Cells.DeleteAsync(_cluster.Namespace, A);
        await GoneAsync(A);
        var log = string.Join('\n', captured.Lines);
        Assert.Contains("Changing secret", log, StringComparison.Ordinal);
        foreach (var text in secrets.Select(s => System.Text.Encoding.ASCII.GetString(s)))
        {
            // Of a PEM the line that is its own, not the header.
            var telling = text.StartsWith("-----", StringComparison.Ordinal) ? text.Split('\n')[1] : text;
            Assert.DoesNotContain(telling, log, StringComparison.Ordinal);
            Assert.DoesNotContain(Convert.ToBase64String(System.Text.Encoding.ASCII.GetBytes(text)), log, StringComparison.Ordinal);
        }
    }

    /// <summary>The operator dies after each write of a deletion; whoever takes over finishes it.</summary>
    [Fact]
    public async Task Delete_KilledAfterEveryWrite_Converges()
    {
        _probe.Otherwise = new CellReport(0, 0);
        for (var n = 1; ; n++)
        {
            await using (var before = RunningOperator.Start(_cluster, _probe))
            {
                await ServeAsync(DeletionPolicy.Retain);
            }
            bool died;
            await using (var first = RunningOperator.Start(_cluster, _probe, dieAfterWrites: n))
            {
                await _cluster.Cells.DeleteAsync(_cluster.Namespace, A);
                await Poll.UntilAsync(async () => first.Writes.IsDead || await IsEndAsync(), $"death after write {n}");
                died = first.Writes.IsDead;
            }
            await using (var second = RunningOperator.Start(_cluster, _probe))
            {
                await GoneAsync(A);
                await Poll.UntilAsync(IsEndAsync, $"the end, after write {n}");
                Assert.Equal(1, (await MapAsync()).Numbers[A]);
                await _cluster.Cells.DeleteAsync(_cluster.Namespace, B);
                await GoneAsync(B);
            }
            if (!died)
            {
                Assert.InRange(n, 6, 60);
                return;
            }
        }
    }

    private async Task<bool> IsEndAsync() =>
        await _cluster.Cells.TryGetAsync(_cluster.Namespace, A) is null
        && (await MapAsync()).Find(A) is null
        && await _cluster.Client.Of<V1StatefulSet>().TryGetAsync(_cluster.Namespace, A) is null
        && await _cluster.Client.Of<V1Deployment>().TryGetAsync(_cluster.Namespace, Naming.Bridge(B, A)) is null
        && await _cluster.ConditionAsync(B, ConditionTypes.BridgesReady) == "True/NoPeers";
}
