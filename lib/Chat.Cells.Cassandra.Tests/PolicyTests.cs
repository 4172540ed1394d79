using System.Net;

namespace Cassandra.Tests;

public sealed class PolicyTests
{
    private static readonly IPEndPoint Node = new(IPAddress.Loopback, 9042);
    private readonly DefaultRetryPolicy _retry = new();
    private readonly SimpleStatement _statement = new("SELECT");

    [Theory]
    [InlineData(2, 2, false, 0, RetryDecision.RetrySameHost)]
    [InlineData(2, 2, true, 0, RetryDecision.Rethrow)]
    [InlineData(1, 2, false, 0, RetryDecision.Rethrow)]
    [InlineData(2, 2, false, 1, RetryDecision.Rethrow)]
    public void OnReadTimeout_RetriesOnceWhenOnlyTheDataWasLate(int received, int required, bool dataPresent, int retries, RetryDecision expected) =>
        Assert.Equal(expected, _retry.OnReadTimeout(_statement, new ReadTimeoutException("", ConsistencyLevel.Quorum, received, required, dataPresent), retries));

    [Theory]
    [InlineData("SIMPLE", false, 0, RetryDecision.Rethrow)]
    [InlineData("SIMPLE", true, 0, RetryDecision.RetrySameHost)]
    [InlineData("SIMPLE", true, 1, RetryDecision.Rethrow)]
    [InlineData("BATCH_LOG", false, 0, RetryDecision.RetrySameHost)]
    [InlineData("COUNTER", false, 0, RetryDecision.Rethrow)]
    [InlineData("CAS", false, 0, RetryDecision.Rethrow)]
    public void OnWriteTimeout_RetriesOnceWhenItDoesNoHarm(string writeType, bool idempotent, int retries, RetryDecision expected) =>
        Assert.Equal(expected, _retry.OnWriteTimeout(_statement, new WriteTimeoutException("", ConsistencyLevel.Quorum, 0, 1, writeType), idempotent, retries));

    [Theory]
    [InlineData(0, RetryDecision.RetryNextHost)]
    [InlineData(1, RetryDecision.Rethrow)]
    public void OnUnavailable_TriesOneOtherHost(int retries, RetryDecision expected) =>
        Assert.Equal(expected, _retry.OnUnavailable(_statement, new UnavailableException("", ConsistencyLevel.Quorum, 2, 1), retries));

    [Fact]
    public void OnRequestError_OutcomeUnknown_IsRetriedOnlyWhenIdempotent()
    {
        Exception[] unknown = [
            new OverloadedException(""), new OperationTimedOutException(Node, TimeSpan.Zero), new ConnectionClosedException(Node), new InternalServerErrorException(""), new TruncateException(""),
        ];
        foreach (var error in unknown)
        {
            Assert.Equal(RetryDecision.Rethrow, _retry.OnRequestError(_statement, error, idempotent: false, 0));
            Assert.Equal(RetryDecision.RetryNextHost, _retry.OnRequestError(_statement, error, idempotent: true, 0));
            Assert.Equal(RetryDecision.Rethrow, _retry.OnRequestError(_statement, error, idempotent: true, 3));
        }
    }

    [Fact]
    public void OnRequestError_CertainlyNotDone_IsRetriedAnyway()
    {
        Exception[] notDone = [new IsBootstrappingException(""), new BusyPoolException(Node), new ConnectionClosedException(Node, null, wasSent: false)];
        foreach (var error in notDone) Assert.Equal(RetryDecision.RetryNextHost, _retry.OnRequestError(_statement, error, idempotent: false, 0));
    }

    [Fact]
    public void Reconnection_Delay_GrowsToTheLongestWithJitter()
    {
        var policy = new ReconnectionPolicy(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(3));
        for (var failures = 0; failures < 40; failures++)
        {
            var full = Math.Min(3_000, 100 * Math.Pow(2, failures));
            Assert.InRange(policy.Delay(failures).TotalMilliseconds, full / 2, full);
        }
    }

    [Fact]
    public void QueryPlan_LocalReplicasFirst_ThenLocalHosts_ThenThoseDown_NeverRemote()
    {
        var replica = NewHost("dc1", "r1");
        var other = NewHost("dc1", "r1");
        var down = NewHost("dc1", "r1");
        var remote = NewHost("dc2", "r1");
        down.IsUp = false;
        var policy = new TokenAwareDatacenterPolicy("dc1");

        for (var i = 0; i < 10; i++) Assert.Equal([replica, other, down], policy.NewQueryPlan([down, other, remote, replica], [remote, down, replica]));
    }

    [Fact]
    public void Replicas_MoreThanRacks_RepeatARackOnlyAsOftenAsNeeded()
    {
        // Two racks, three replicas: one rack is used twice, by the first of its hosts that is met.
        var a1 = NewHost("dc1", "a", "0");
        var a2 = NewHost("dc1", "a", "1");
        var a3 = NewHost("dc1", "a", "2");
        var b1 = NewHost("dc1", "b", "3");
        var far = NewHost("dc2", "a", "-1");
        var map = Map([a1, a2, a3, b1, far], new Replication(true, 0, new Dictionary<string, int> { ["dc1"] = 3, ["dc2"] = 1 }));

        Assert.Equal(new[] { a1, a2, b1, far }.ToHashSet(), map.ReplicasOf("k", KeyBefore(0)).ToHashSet());
    }

    [Fact]
    public void Replicas_SimpleStrategy_AreTheNextHostsOfTheRing()
    {
        var hosts = Enumerable.Range(0, 4).Select(i => NewHost("dc1", "a", (i * 10).ToString(System.Globalization.CultureInfo.InvariantCulture))).ToArray();
        var map = Map(hosts, new Replication(false, 2, new Dictionary<string, int>()));

        var replicas = map.ReplicasOf("k", KeyBefore(0));

        Assert.Equal([hosts[0], hosts[1]], replicas);
        Assert.Empty(map.ReplicasOf("unknown", KeyBefore(0)));
    }

    [Fact]
    public void Replicas_FactorAboveTheHosts_AreAllHosts()
    {
        var hosts = new[] { NewHost("dc1", "a", "5"), NewHost("dc1", "a", "9") };

        Assert.Equal(2, Map(hosts, new Replication(true, 0, new Dictionary<string, int> { ["dc1"] = 3 })).ReplicasOf("k", KeyBefore(0)).Count);
    }

    [Fact]
    public void Replication_Parse_KnowsBothStrategies()
    {
        Assert.Equal(3, Replication.Parse(new Dictionary<string, string> { ["class"] = "org.apache.cassandra.locator.SimpleStrategy", ["replication_factor"] = "3" })!.Factor);
        var topology = Replication.Parse(new Dictionary<string, string> { ["class"] = "NetworkTopologyStrategy", ["dc1"] = "3/1", ["dc2"] = "2" })!;
        Assert.Equal((3, 2, 0), (topology.FactorOf("dc1"), topology.FactorOf("dc2"), topology.FactorOf("dc3")));
        Assert.Null(Replication.Parse(new Dictionary<string, string> { ["class"] = "LocalStrategy" }));
    }

    [Fact]
    public void Timestamps_ClockStandsStill_StillGrow()
    {
        var timestamps = new MonotonicTimestamps(new StoppedClock());
        var drawn = Enumerable.Range(0, 1_000).Select(_ => timestamps.Next()).ToList();
        Assert.Equal(drawn.Distinct().Order(), drawn);
        Assert.Equal(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds() * 1_000, drawn[0]);
    }

    private static TokenMap Map(IReadOnlyList<Host> hosts, Replication replication) => new(hosts, new Dictionary<string, Replication> { ["k"] = replication });

    // The token of this key is below -8 * 10^18, so that the walk begins at the ring's start.
    private static byte[] KeyBefore(int token)
    {
        var key = Convert.FromHexString("61");
        Assert.True(Murmur3.Token(key) < token - 1_000);
        return key;
    }

    private static Host NewHost(string datacenter, string rack, params string[] tokens) => new(Node, Guid.NewGuid(), datacenter, rack, tokens, "4.0.0");

    private sealed class StoppedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
    }
}
