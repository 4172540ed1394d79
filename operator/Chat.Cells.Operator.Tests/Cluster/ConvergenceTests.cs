using System.Diagnostics;
using System.Text.Json.Nodes;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Observe;
using Chat.Cells.Operator.Plan;
using Chat.Cells.Topology;
using Xunit.Abstractions;

namespace Chat.Cells.Operator.Tests.Cluster;

/// <summary>What must hold however the operator is disturbed. The pods' part is played by <see cref="FakeKubelet"/>.</summary>
public sealed class ConvergenceTests(ITestOutputHelper output)
{
    private const string A = "eu-west-1";
    private const string B = "us-east-1";

    private static async Task CreateBothAsync(TestCluster cluster)
    {
        await cluster.Cells.CreateAsync(cluster.Cell(A));
        await cluster.Cells.CreateAsync(cluster.Cell(B, "us-east", cluster.OtherNamespace));
    }

    private static async Task ServingAsync(TestCluster cluster)
    {
        foreach (var (name, ns) in new[] { (A, cluster.Namespace), (B, cluster.OtherNamespace) })
        {
            await cluster.WaitAsync(name, ConditionTypes.Ready, "True/Serving", ns);
            await cluster.WaitAsync(name, ConditionTypes.BridgesReady, "True/AllReady", ns);
        }
    }

    /// <summary>Nothing is written for two seconds.</summary>
    private static async Task QuietAsync(WriteCounter writes)
    {
        var watch = Stopwatch.StartNew();
        var seen = writes.Written.Count;
        var since = TimeSpan.Zero;
        while (watch.Elapsed - since < TimeSpan.FromSeconds(2))
        {
            Assert.True(watch.Elapsed < Poll.Limit, "The operator does not come to rest: " + string.Join("; ", writes.Written.TakeLast(10)));
            await Task.Delay(50);
            if (writes.Written.Count != seen)
            {
                seen = writes.Written.Count;
                since = watch.Elapsed;
            }
        }
    }

    [Fact]
    public async Task Serve_AnHourOfResyncs_WritesNothing()
    {
        await using var cluster = await TestCluster.StartAsync();
        await using var kubelet = new FakeKubelet(cluster);
        await CreateBothAsync(cluster);
        var time = new FakeTime();
        var probe = new FakeProbe { Otherwise = new CellReport(10, 4) };
        await using var running = RunningOperator.Start(cluster, probe, o => o with { ReportInterval = TimeSpan.FromSeconds(15), Resync = TimeSpan.FromMinutes(10) }, time);
        await Poll.AdvanceUntilAsync(
            time,
            TimeSpan.FromMilliseconds(50),
            TimeSpan.FromMinutes(10),
            () => running.Writes.Written.Count > 20,
            "the cells are provisioned");
        using var stop = new CancellationTokenSource();
        var clock = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                time.Advance(TimeSpan.FromMilliseconds(100));
                await Task.Delay(10);
            }
        });
        await ServingAsync(cluster);
        await QuietAsync(running.Writes);
        await stop.CancelAsync();
        await clock;

        var before = running.Writes.Written.Count;
        var asked = probe.Tokens.Count;
        for (var i = 0; i < 240; i++)
        {
            time.Advance(TimeSpan.FromSeconds(15));
            await Task.Delay(10);
        }
        await QuietAsync(running.Writes);
        Assert.Equal([], running.Writes.Written.Skip(before));
        // It did reconcile: each cell was asked every 15 seconds.
        Assert.True(probe.Tokens.Count - asked > 200, $"only {probe.Tokens.Count - asked} reconciles in an hour");

        // And a change is still noticed: the counter can fail.
        probe.Otherwise = new CellReport(11, 4);
        await Poll.AdvanceUntilAsync(time, TimeSpan.FromSeconds(15), TimeSpan.FromMinutes(5), () => running.Writes.Written.Count >= before + 2, "both cells' status is written");
    }

    [Fact]
    public async Task Serve_ConnectionsThatNeverStandStill_AreWrittenOnceAnInterval()
    {
        await using var cluster = await TestCluster.StartAsync();
        await using var kubelet = new FakeKubelet(cluster);
        await cluster.Cells.CreateAsync(cluster.Cell(A));
        var connections = 0;
        var probe = new FakeProbe { Each = () => new CellReport(10, Interlocked.Increment(ref connections)) };
        var time = new FakeTime();
        await using var running = RunningOperator.Start(cluster, probe, o => o with { ReportInterval = TimeSpan.FromSeconds(15) }, time);
        await Poll.AdvanceUntilAsync(time, TimeSpan.FromMilliseconds(50), TimeSpan.FromMinutes(10), () => connections > 0, "the cell is asked");
        await cluster.WaitAsync(A, ConditionTypes.Ready, "True/Serving");
        // The clock stands: whatever is written of one answer brings no other.
        await QuietAsync(running.Writes);
        var before = running.Writes.Written.Count;
        await Poll.AdvanceUntilAsync(time, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(2), () => running.Writes.Written.Count > before, "the next answer is written");
        await QuietAsync(running.Writes);
        Assert.InRange(running.Writes.Written.Count - before, 1, 3);
    }

    [Fact]
    public async Task Serve_SeveralServers_ConnectionsAreSummedAndUsersCountedOnce()
    {
        await using var cluster = await TestCluster.StartAsync();
        await using var kubelet = new FakeKubelet(cluster);
        var probe = new FakeProbe();
        await cluster.Cells.CreateAsync(cluster.Cell(A, spec: s => Fixtures.External(s) with { Gateways = new GatewaysSpec { Replicas = 3 } }));
        foreach (var (ordinal, ready) in new[] { (0, true), (1, true), (2, false) })
        {
            await cluster.Client.Of<V1Pod>().CreateAsync(Pod(ordinal));
            var conditions = new JsonArray(new JsonObject { ["type"] = "Ready", ["status"] = ready ? "True" : "False" });
            var status = new JsonObject { ["phase"] = "Running", ["podIP"] = $"127.1.1.{ordinal + 1}", ["conditions"] = conditions };
            await cluster.Client.Of<V1Pod>().MergePatchAsync(cluster.Namespace, $"{A}-{ordinal}", new JsonObject { ["status"] = status }, subresource: "status");
        }
        // The third does not answer, and isn't ready.
        probe.Set("http://127.1.1.1:8081", new CellReport(40, 5));
        probe.Set("http://127.1.1.2:8081", new CellReport(41, 7));
        await using var running = RunningOperator.Start(cluster, probe);
        await cluster.WaitAsync(A, ConditionTypes.KafkaReady, "True/Answering");
        await StatusAsync("12 of 41");

        // One that is ready and doesn't answer: the sum would be wrong, so that it stays.
        probe.Forget("http://127.1.1.1:8081");
        probe.Set("http://127.1.1.2:8081", new CellReport(42, 9));
        await StatusAsync("12 of 42");

        Task StatusAsync(string expected) => Poll.UntilAsync(
            async () => (await cluster.Cells.GetAsync(cluster.Namespace, A)).Status is { } s && $"{s.Connections} of {s.Users}" == expected, expected);

        V1Pod Pod(int ordinal) => new()
        {
            Metadata = new V1ObjectMeta { Namespace = cluster.Namespace, Name = $"{A}-{ordinal}", Labels = Naming.CellSelector(A) },
            Spec = new V1PodSpec { Containers = [new V1Container { Name = "cell", Image = "cell" }] },
        };
    }

    [Fact]
    public async Task Restart_NothingChanged_WritesNothing()
    {
        await using var cluster = await TestCluster.StartAsync();
        await using var kubelet = new FakeKubelet(cluster);
        await CreateBothAsync(cluster);
        var probe = new FakeProbe { Otherwise = new CellReport(10, 4) };
        await using (var first = RunningOperator.Start(cluster, probe))
        {
            await ServingAsync(cluster);
            await QuietAsync(first.Writes);
        }
        await using var second = RunningOperator.Start(cluster, probe);
        await Poll.UntilAsync(() => second.IsReady, "caches are filled");
        await QuietAsync(second.Writes);
        Assert.Empty(second.Writes.Written);
    }

    [Fact]
    public async Task Resources_WrittenInTheServersOwnWay_AreAppliedOnceARun()
    {
        await using var cluster = await TestCluster.StartAsync();
        await using var kubelet = new FakeKubelet(cluster);
        await cluster.Cells.CreateAsync(cluster.Cell(A, spec: s => s with
        {
            Gateways = new GatewaysSpec { Resources = new ResourcesSpec { Requests = new Dictionary<string, Quantity> { ["cpu"] = "1000m", ["memory"] = "1024Mi" } } },
        }));
        await using var running = RunningOperator.Start(cluster);
        await cluster.WaitAsync(A, ConditionTypes.Ready, "True/Serving");
        await QuietAsync(running.Writes);
        // What a real server does with quantities: it writes them in its own way.
        var set = await cluster.Client.Of<V1StatefulSet>().GetAsync(cluster.Namespace, A);
        var path = "/spec/template/spec/containers/0/resources/requests/cpu";
        if (set.Spec!.Template!.Spec!.Containers[0].Resources!.Requests!["cpu"].Value == "1000m")
        {
            await cluster.Client.Of<V1StatefulSet>().JsonPatchAsync(cluster.Namespace, A, [new JsonObject { ["op"] = "replace", ["path"] = path, ["value"] = "1" }]);
        }
        await QuietAsync(running.Writes);
    }

    [Fact]
    public async Task ApiServerRestarts_TheOperatorGoesOnFromWhereItWas()
    {
        await using var cluster = await TestCluster.StartAsync();
        await using var kubelet = new FakeKubelet(cluster);
        await CreateBothAsync(cluster);
        var probe = new FakeProbe { Otherwise = new CellReport(10, 4) };
        await using var running = RunningOperator.Start(cluster, probe);
        await ServingAsync(cluster);
        await QuietAsync(running.Writes);
        var before = running.Writes.Written.Count;
        var asked = probe.Tokens.Count;
        await cluster.RestartAsync(() => Poll.UntilAsync(() => probe.Tokens.Count >= asked + 4, "the operator looks after its cells meanwhile"));
        await cluster.Cells.CreateAsync(cluster.Cell("ap-south-1", "ap-south"));
        await cluster.WaitAsync("ap-south-1", ConditionTypes.Ready, "True/Serving");
        Assert.Equal(3, (await cluster.Cells.GetAsync(cluster.Namespace, "ap-south-1")).Status!.Number);
        Assert.True(running.Writes.Written.Count > before);
    }

    /// <summary>Sieve: the operator dies after its first write, its second, … and another takes over; the end is always the same.</summary>
    [Fact]
    public async Task Provision_KilledAfterEveryWrite_Converges()
    {
        var probe = new FakeProbe { Otherwise = new CellReport(10, 4) };
        var writes = int.MaxValue;
        var kills = 0;
        for (var n = 1; n <= writes; n++)
        {
            await using var cluster = await TestCluster.StartAsync();
            await using var kubelet = new FakeKubelet(cluster);
            await CreateBothAsync(cluster);
            await using (var first = RunningOperator.Start(cluster, probe, dieAfterWrites: n))
            {
                await Poll.UntilAsync(async () => first.Writes.IsDead || await IsServingAsync(cluster), $"death after write {n}");
                if (!first.Writes.IsDead)
                {
                    await QuietAsync(first.Writes);
                    writes = Math.Min(writes, first.Writes.Written.Count);
                    if (!first.Writes.IsDead)
                    {
                        break;
                    }
                }
                kills++;
            }
            await using var second = RunningOperator.Start(cluster, probe);
            await ServingAsync(cluster);
            await CheckEndAsync(cluster, n);
        }
        output.WriteLine($"{kills} kills");
        Assert.InRange(kills, 25, 200);
    }

    private static async Task<bool> IsServingAsync(TestCluster cluster) =>
        await cluster.ConditionAsync(A, ConditionTypes.Ready) == "True/Serving" && await cluster.ConditionAsync(B, ConditionTypes.Ready, cluster.OtherNamespace) == "True/Serving"
        && await cluster.ConditionAsync(A, ConditionTypes.BridgesReady) == "True/AllReady" && await cluster.ConditionAsync(B, ConditionTypes.BridgesReady, cluster.OtherNamespace) == "True/AllReady";

    /// <summary>The state that every run must end in, whatever happened on the way.</summary>
    private static async Task CheckEndAsync(TestCluster cluster, int n)
    {
        var maps = cluster.Client.Of<V1ConfigMap>();
        var first = (await maps.GetAsync(cluster.SystemNamespace, Naming.MapName)).Data![CellMapFile.FileName];
        var map = CellMapFile.Parse(first);
        Assert.Equal([1, 2], map.Numbers.Values.Order());
        Assert.All(map.Cells, c => Assert.Equal(CellState.Active, c.State));
        Assert.Equal(2, map.Cells.Count);
        await Poll.UntilAsync(async () => (await maps.GetAsync(cluster.Namespace, Naming.MapName)).Data![CellMapFile.FileName] == first, $"the copy of the map, after write {n}");
        var a = (await cluster.Client.Of<V1Secret>().GetAsync(cluster.Namespace, Naming.CellSecret(A))).Data!;
        var b = (await cluster.Client.Of<V1Secret>().GetAsync(cluster.OtherNamespace, Naming.CellSecret(B))).Data!;
        Assert.Single(a.Keys, CellSecretKeys.IsSigning);
        Assert.Equal(b[CellSecretKeys.Peer(A)], a[CellSecretKeys.To(B)]);
        Assert.Equal(a[CellSecretKeys.Peer(B)], b[CellSecretKeys.To(A)]);
        var bridge = (await cluster.Client.Of<V1Secret>().GetAsync(cluster.Namespace, Naming.Bridge(A, B))).Data!;
        Assert.Equal(b[CellSecretKeys.Peer(A)], bridge["source-token"]);
        Assert.Equal(a[CellSecretKeys.Bridge(B)], bridge["target-token"]);
        var published = map.Find(A)!.Keys.Single();
        Assert.Equal(CellSecretKeys.PublicKeys(a).Single(), published);
        Assert.Equal(2, (await cluster.Client.Of<V1StatefulSet>().ListAsync(null)).Items.Count);
        Assert.Equal(2, (await cluster.Client.Of<V1Deployment>().ListAsync(null)).Items.Count);
    }
}
