using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.LeaderElection;
using Chat.Cells.Kubernetes.Tests.Fakes;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Kubernetes.Tests;

public sealed class LeaderElectionTests : IAsyncLifetime
{
    private const string Leases = "/apis/coordination.k8s.io/v1/namespaces/n/leases";
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(250);
    private readonly FakeTime _time = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _runs = [];
    private FakeApiServer _api = null!;
    private KubernetesClient _client = null!;
    private KubernetesClient? _other;

    public async Task InitializeAsync()
    {
        _api = await FakeApiServer.StartAsync();
        _client = _api.Client();
    }

    public async Task DisposeAsync()
    {
        await _stop.CancelAsync();
        _api.Script = null;
        await Task.WhenAll(_runs).WaitAsync(Poll.Limit);
        _client.Dispose();
        _other?.Dispose();
        await _api.DisposeAsync();
        _stop.Dispose();
    }

    private (LeaderElector Elector, Task Run) Start(string identity, CancellationToken stop, Func<CancellationToken, Task>? work = null)
    {
        var elector = new LeaderElector(_client, new LeaderElectionOptions { Namespace = "n", Name = "l", Identity = identity }, NullLogger.Instance, _time);
        var run = elector.RunAsync(work ?? (token => Task.Delay(Timeout.Infinite, token)), stop);
        _runs.Add(run);
        return (elector, run);
    }

    private DateTimeOffset Renewed =>
        DateTimeOffset.Parse(_api.Store[Leases + "/l"]!["spec"]!["renewTime"]!.GetValue<string>(), System.Globalization.CultureInfo.InvariantCulture);

    private string Holder => _api.Store[Leases + "/l"]!["spec"]!["holderIdentity"]!.GetValue<string>();

    [Fact]
    public async Task Run_Two_OnlyOneLeadsAndTheLeaseTells()
    {
        var (a, _) = Start("a", _stop.Token);
        await Poll.UntilAsync(() => a.IsLeader, "a leads");
        var (b, _) = Start("b", _stop.Token);
        await Poll.UntilAsync(() => b.Holder == "a", "b has seen a");
        for (var i = 0; i < 60; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(10);
            // A renewal, due every 2 s, is a real request: on a busy machine the clock waits for it. Not for ever, for the next one counts from its answer and may be due later.
            for (var wait = 0; wait < 200 && _time.GetUtcNow() - Renewed >= TimeSpan.FromSeconds(3); wait++) await Task.Delay(10);
            Assert.False(b.IsLeader);
        }
        Assert.True(a.IsLeader);
        var spec = _api.Store[Leases + "/l"]!["spec"]!;
        Assert.Equal("a", Holder);
        Assert.Equal(15, spec["leaseDurationSeconds"]!.GetValue<int>());
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$", spec["renewTime"]!.GetValue<string>());
        Assert.NotEqual(spec["acquireTime"]!.GetValue<string>(), spec["renewTime"]!.GetValue<string>());
    }

    [Fact]
    public async Task Run_Cancelled_GivesTheLeaseBackAndAnotherLeadsAtOnce()
    {
        using var stopA = new CancellationTokenSource();
        var (a, run) = Start("a", stopA.Token);
        await Poll.UntilAsync(() => a.IsLeader, "a leads");
        var (b, _) = Start("b", _stop.Token);
        await Poll.UntilAsync(() => b.Holder == "a", "b has seen a");
        await stopA.CancelAsync();
        await run.WaitAsync(Poll.Limit);
        Assert.Equal(string.Empty, Holder);
        await Poll.AdvanceUntilAsync(_time, Step, TimeSpan.FromSeconds(5), () => b.IsLeader, "b leads soon, not after 15 s");
        Assert.Equal(1, _api.Store[Leases + "/l"]!["spec"]!["leaseTransitions"]!.GetValue<int>());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Run_CannotRenew_StopsItsWorkBeforeAnotherMayLead(bool silent)
    {
        var working = 0;
        var most = 0;
        async Task WorkAsync(CancellationToken token)
        {
            most = Math.Max(most, Interlocked.Increment(ref working));
            try
            {
                await Task.Delay(Timeout.Infinite, token);
            }
            finally
            {
                Interlocked.Decrement(ref working);
            }
        }
        var (a, _) = Start("a", _stop.Token, WorkAsync);
        await Poll.UntilAsync(() => a.IsLeader && working == 1, "a works");
        // b has a line of its own to the server; a's requests fail, or hang, from now on.
        _other = new KubernetesClient(_client.Configuration with { Tokens = new Config.StaticTokenSource("b") });
        var b = new LeaderElector(_other, new LeaderElectionOptions { Namespace = "n", Name = "l", Identity = "b" }, NullLogger.Instance, _time);
        _runs.Add(b.RunAsync(WorkAsync, _stop.Token));
        await Poll.UntilAsync(() => b.Holder == "a", "b has seen a");
        _api.Script = async (c, s) => s.Authorization is null && (silent ? await c.HoldAsync() : await c.StatusAsync(500, "InternalError"));
        var cut = _time.GetUtcNow();
        await Poll.AdvanceUntilAsync(_time, Step, TimeSpan.FromSeconds(13), () => !a.IsLeader && working == 0, "a stops");
        Assert.False(b.IsLeader);
        Assert.True(_time.GetUtcNow() - cut >= TimeSpan.FromSeconds(8), "a held on while it could");
        await Poll.AdvanceUntilAsync(_time, Step, TimeSpan.FromSeconds(20), () => b.IsLeader, "b leads");
        Assert.Equal(1, most);
        // And a, once it is back, waits its turn.
        _api.Script = null;
        await Poll.AdvanceUntilAsync(_time, Step, TimeSpan.FromSeconds(30), () => a.Holder == "b", "a sees b");
        Assert.False(a.IsLeader);
    }

    [Fact]
    public async Task Run_HolderWithAnotherClock_IsNotOverthrownWhileItRenews()
    {
        // The holder's times lie an hour back, but its record changes: it is alive.
        string Lease(int i) => $$$"""
            {"metadata":{"name":"l","namespace":"n"},"spec":{"holderIdentity":"other","leaseDurationSeconds":15,"renewTime":"2025-12-31T23:00:{{{i:00}}}.000000Z"}}
            """;
        _api.Store.Put(Leases, Lease(0));
        var (a, _) = Start("a", _stop.Token);
        for (var i = 1; i < 40; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(10);
            _api.Store.Put(Leases, Lease(i));
            Assert.False(a.IsLeader);
        }
        await Poll.AdvanceUntilAsync(_time, Step, TimeSpan.FromSeconds(30), () => a.IsLeader, "a leads when the record stands still");
        Assert.Equal(1, _api.Store[Leases + "/l"]!["spec"]!["leaseTransitions"]!.GetValue<int>());
    }

    [Fact]
    public async Task Run_LeaseTakenByHand_StopsTheWork()
    {
        var (a, _) = Start("a", _stop.Token);
        await Poll.UntilAsync(() => a.IsLeader, "a leads");
        var lease = _api.Store[Leases + "/l"]!;
        lease["spec"]!["holderIdentity"] = "b";
        lease["spec"]!["renewTime"] = "2026-01-01T00:30:00.000000Z";
        _api.Store.Put(Leases, lease.ToJsonString());
        await Poll.AdvanceUntilAsync(_time, Step, TimeSpan.FromSeconds(5), () => !a.IsLeader, "a stops at its next renewal");
        Assert.Equal("b", Holder);
    }

    [Fact]
    public async Task Run_WorkFails_GivesTheLeaseBackAndSaysSo()
    {
        var elector = new LeaderElector(_client, new LeaderElectionOptions { Namespace = "n", Name = "l", Identity = "a" }, NullLogger.Instance, _time);
        await Assert.ThrowsAsync<InvalidOperationException>(() => elector.RunAsync(_ => throw new InvalidOperationException("work failed"), _stop.Token).WaitAsync(Poll.Limit));
        Assert.Equal(string.Empty, Holder);
        Assert.False(elector.IsLeader);
    }

    [Fact]
    public void Options_TimingsThatDoNotFit_AreRefused() => Assert.Throws<ArgumentException>(() =>
        new LeaderElector(_client, new LeaderElectionOptions { Namespace = "n", Name = "l", Identity = "a", LeaseDuration = TimeSpan.FromSeconds(5) }, NullLogger.Instance));
}
