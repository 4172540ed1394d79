using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

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
        await Poll.UntilAsync(() => older.Connections > 0);
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
    public async Task Reconnect_PasswordChanged_TheNewOneIsRead()
    {
        await using var server = new FaultServer { Credentials = ("anna", "first") };
        var password = "first";
        var (cluster, session) = await ConnectAsync(Options(server) with { Credentials = ("nobody", "never"), ReadCredentials = () => ("anna", Volatile.Read(ref password)) });
        await using var c = cluster;
        Assert.Empty(await session.ExecuteAsync(new SimpleStatement("TRUNCATE k.t")));

        await server.StopAsync();
        server.Credentials = ("anna", "second");
        Volatile.Write(ref password, "second");
        server.Start();

        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            try
            {
                Assert.Empty(await session.ExecuteAsync(new SimpleStatement("TRUNCATE k.t")));
                return;
            }
            catch (DriverException) when (!limit.IsCancellationRequested)
            {
                await Task.Delay(20); // not connected again yet
            }
        }
    }

    [Fact]
    public async Task Connect_CredentialsMissing_IsSaid()
    {
        await using var server = new FaultServer { Credentials = ("anna", "sésame") };

        Assert.Contains("asks for credentials", (await Assert.ThrowsAsync<AuthenticationException>(() => ConnectAsync(Options(server)))).Message);
    }

    [Fact]
    public async Task Connect_Tls_ServersCertificateIsChecked()
    {
        using var certificate = NewCertificate();
        await using var server = new FaultServer { Certificate = certificate };
        server.OnStatement = Echo;
        server.Statements[Select] = new Prepared([A], [0], [B]);

        // Its own signature is nobody's by default.
        var options = Options(server) with { Tls = _ => new SslClientAuthenticationOptions { TargetHost = "localhost" } };
        Assert.IsType<ConnectionClosedException>((await Assert.ThrowsAsync<NoHostAvailableException>(() => ConnectAsync(options))).Errors[server.Endpoint]);

        // Trusted when the application says so; many requests each way at once.
        var (cluster, session) = await ConnectAsync(options with
        {
            Tls = _ => new SslClientAuthenticationOptions
            {
                TargetHost = "localhost",
                RemoteCertificateValidationCallback = (_, shown, _, _) => shown is not null && shown.GetCertHashString() == certificate.GetCertHashString(),
            },
        });
        await using var c = cluster;
        var prepared = await session.PrepareAsync(Select);
        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => session.ExecuteAsync(prepared.Bind(i))));
        for (var i = 0; i < answers.Length; i++) Assert.Equal(i, answers[i][0].GetValue<int>("b"));
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

    private static X509Certificate2 NewCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using var made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pfx), null);
    }
}
