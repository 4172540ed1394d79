namespace Cassandra.Tests.Faults;

public sealed class ConnectTests : FaultTest
{
    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public async Task Connect_ServerSpeaksUpTo_ThatVersionIsUsed(byte version)
    {
        await using var server = NewServer(version);
        server.OnStatement = Echo;
        var (cluster, session) = await ConnectAsync(Options(server));
        await using var c = cluster;

        var rows = await session.ExecuteAsync((await session.PrepareAsync(Select)).Bind(42));

        Assert.Equal(version, session.ProtocolVersion);
        Assert.Equal(42, rows.FirstOrDefault()!.GetValue<int>("b"));
        Assert.All(server.Received, r => Assert.Equal(version, r.Version));
    }

    [Fact]
    public async Task Connect_Version5IsABetaThere_Version4IsUsed()
    {
        await using var server = new FaultServer { Version5IsBeta = true };
        var (cluster, session) = await ConnectAsync(Options(server));
        await using var c = cluster;

        Assert.Equal(4, session.ProtocolVersion);
    }

    [Fact]
    public async Task Connect_OneHostIsOlder_Version4IsUsed()
    {
        await using var older = new FaultServer { MaxVersion = 4, ReleaseVersion = "3.11.14" };
        await using var server = NewServer();
        Introduce(server, older);
        var (cluster, session) = await ConnectAsync(Options(server));
        await using var c = cluster;

        Assert.Equal(4, session.ProtocolVersion);
        await UntilAsync(() => older.Connections > 0);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public async Task Connect_RightPassword_Works(byte version)
    {
        await using var server = new FaultServer { MaxVersion = version, Credentials = ("anna", "sésame") };
        var (cluster, session) = await ConnectAsync(Options(server) with { Credentials = ("anna", "sésame") });
        await using var c = cluster;

        Assert.Empty(await session.ExecuteAsync(new SimpleStatement("TRUNCATE k.t")));
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public async Task Connect_WrongPassword_IsSaidInTheServersWords(byte version)
    {
        await using var server = new FaultServer { MaxVersion = version, Credentials = ("anna", "sésame") };

        var e = await Assert.ThrowsAsync<AuthenticationException>(() => ConnectAsync(Options(server) with { Credentials = ("anna", "wrong") }));

        Assert.Equal("Provided username and/or password are incorrect", e.Message);
        Assert.DoesNotContain("wrong", e.ToString());
    }

    [Fact]
    public async Task Connect_CredentialsMissing_IsSaid()
    {
        await using var server = new FaultServer { Credentials = ("anna", "sésame") };

        Assert.Contains("asks for credentials", (await Assert.ThrowsAsync<AuthenticationException>(() => ConnectAsync(Options(server)))).Message);
    }

    [Fact]
    public async Task Connect_UnknownDatacenter_NamesThoseThatAre()
    {
        await using var server = NewServer();

        var e = await Assert.ThrowsAsync<DriverException>(() => ConnectAsync(Options(server) with { LocalDatacenter = "elsewhere" }));

        Assert.Contains("'elsewhere'", e.Message);
        Assert.Contains("'dc1'", e.Message);
    }

    [Fact]
    public async Task Connect_NobodyListens_SaysSoForEachHost()
    {
        var server = NewServer();
        await server.StopAsync();

        var e = await Assert.ThrowsAsync<NoHostAvailableException>(() => ConnectAsync(Options(server)));

        Assert.IsType<ConnectionClosedException>(e.Errors[server.Endpoint]);
    }

    [Fact]
    public async Task Connect_ServerNeverAnswers_TimesOut()
    {
        await using var server = NewServer();
        server.Mute = true;

        var e = await Assert.ThrowsAsync<NoHostAvailableException>(() => ConnectAsync(Options(server) with { ConnectTimeout = TimeSpan.FromMilliseconds(300) }));

        Assert.IsType<OperationTimedOutException>(e.Errors[server.Endpoint]);
    }

    [Theory]
    [InlineData("host:port")]
    [InlineData(":9042")]
    [InlineData("host:70000")]
    public async Task Connect_MalformedContactPoint_IsRefused(string point) =>
        Assert.Contains("no contact point", (await Assert.ThrowsAsync<DriverException>(() => ConnectAsync(new ClusterOptions { ContactPoints = [point], LocalDatacenter = "dc1" }))).Message);
}
