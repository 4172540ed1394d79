using Chat.Cells.Processes.Engines;

namespace Chat.Cells.Processes.Tests;

public sealed class RealServersTests
{
    [Fact]
    public void Read_AllGiven_TakesThem()
    {
        var given = Read(
            ("KAFKA_BOOTSTRAP_SERVERS", "a:9092,b:9092"),
            ("CASSANDRA_CONTACT_POINTS", "c:9042"),
            ("CASSANDRA_LOCAL_DATACENTER", "dc1"),
            ("CASSANDRA_USERNAME", "user"),
            ("CASSANDRA_PASSWORD", "secret"),
            ("REDIS_URL", "redis://:p%20w@d:7000"));

        Assert.Equal(("a:9092,b:9092", "c:9042", "dc1"), (given.Kafka, given.Cassandra, given.CassandraDatacenter));
        Assert.Equal(("user", "secret"), given.CassandraCredentials);
        Assert.Equal(("d:7000", "p w"), (given.Redis, given.RedisPassword));
        Assert.Empty(given.Missing);
    }

    [Fact]
    public void Read_NothingGiven_NamesEachVariable()
    {
        var given = Read(("REDIS_URL", ""));

        Assert.Equal(["KAFKA_BOOTSTRAP_SERVERS", "CASSANDRA_CONTACT_POINTS", "REDIS_URL"], given.Missing.Select(m => m.Split(' ')[0]));
    }

    [Theory]
    [InlineData("redis://host", "host:6379", null)]
    [InlineData("redis://host:1", "host:1", null)]
    [InlineData("redis://user:word@host:1", "host:1", "word")]
    public void Read_RedisUrl_TakesAddressAndPassword(string url, string endpoint, string? password)
    {
        var given = Read(("REDIS_URL", url));

        Assert.Equal((endpoint, password), (given.Redis, given.RedisPassword));
    }

    [Theory]
    [InlineData("host:6379")]
    [InlineData("http://:secret@host:6379")]
    [InlineData("secret")]
    public void Read_BadRedisUrl_IsRefusedWithoutShowingIt(string url)
    {
        var error = Assert.Throws<ClusterException>(() => Read(("REDIS_URL", url)));

        Assert.Contains("REDIS_URL", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_UserWithoutPassword_IsRefused() => Assert.Throws<ClusterException>(() => Read(("CASSANDRA_USERNAME", "user")));

    [Fact]
    public async Task Start_RealEnginesAndNoneGiven_NamesAllVariables()
    {
        var request = new EngineRequest { Data = Path.GetTempPath(), Real = true, Environment = _ => null };

        var error = await Assert.ThrowsAsync<ClusterException>(() => EngineServers.StartAsync(request, default));

        foreach (var variable in new[] { "KAFKA_BOOTSTRAP_SERVERS", "CASSANDRA_CONTACT_POINTS", "REDIS_URL" }) Assert.Contains(variable, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_NothingAskedFor_IsEmbeddedWhateverIsGiven()
    {
        var request = new EngineRequest { Data = Path.GetTempPath(), Environment = _ => "redis://host" };

        await using var engines = await EngineServers.StartAsync(request, default);

        Assert.Equal(("embedded", "embedded", "embedded", false), (engines.Log, engines.Store, engines.State, engines.AreShared));
        Assert.Equal(["eu-west-1", "us-east-1"], engines.Cells.Select(c => c.Name));
        Assert.Empty(engines.Processes);
    }

    [Fact]
    public async Task Start_AServerThatOutlivesTheRun_GivesTheCellsNamesOfTheirOwn()
    {
        // Nothing is connected to before cells run: only the address is taken.
        var request = new EngineRequest { Data = Path.GetTempPath(), Real = true, Environment = name => name == "REDIS_URL" ? "redis://:secret@127.0.0.1:1" : null };

        var first = await EngineServers.StartAsync(request, default);
        var second = await EngineServers.StartAsync(request, default);

        Assert.Equal(4, first.Cells.Concat(second.Cells).Select(c => c.Name).Distinct().Count());
        Assert.Equal("secret", first.Secrets["redis-password"]);
        Assert.Contains(first.Lines, line => line.Contains("KAFKA_BOOTSTRAP_SERVERS is not set", StringComparison.Ordinal));
        Assert.DoesNotContain(first.Arguments, argument => argument.Contains("secret", StringComparison.Ordinal));
        // Nobody is there to be cleaned: that is said, and not swallowed.
        Assert.Contains("redis", (await Assert.ThrowsAsync<ClusterException>(async () => await first.DisposeAsync())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StartCluster_SeparateRolesOnEmbeddedEngines_IsRefused()
    {
        var options = new DirectClusterOptions { Data = Path.GetTempPath(), Placement = Placement.Separate };

        await Assert.ThrowsAsync<ClusterException>(() => DirectCluster.StartAsync(options, default));
    }

    private static RealServers Read(params (string Name, string Value)[] variables) =>
        RealServers.Read(name => variables.FirstOrDefault(v => v.Name == name).Value);
}
