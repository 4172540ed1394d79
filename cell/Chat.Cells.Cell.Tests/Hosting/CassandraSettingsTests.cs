using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Tests.Engines;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Hosting;

public sealed class CassandraSettingsTests : IDisposable
{
    private readonly TempFolder secrets = new();

    public void Dispose() => secrets.Dispose();

    private CellOptions Read(params string[] more) => CellOptionsReader.Read(
        ["--cell", "eu-west-1", "--number", "1", "--region", "eu-west", "--data", "/d", "--secrets", secrets.Path,
            "--store", "cassandra", "--cassandra", "a:9042, b:9043", "--cassandra-datacenter", "EU West", .. more],
        _ => null);

    private void Secret(string name, string text) => File.WriteAllText(Path.Combine(secrets.Path, name), text);

    [Fact]
    public void From_OptionsWithoutSecrets_HasThemAndTheDefaults()
    {
        var settings = CassandraSettings.From(Read(), NullLogger.Instance);

        Assert.Equal(["a:9042", "b:9043"], settings.ContactPoints);
        Assert.Equal(("EU West", "chat_eu_west_1", 3), (settings.Datacenter, settings.Keyspace, settings.Replication));
        Assert.Empty(settings.Addresses);
        Assert.Null(settings.Credentials);
        Assert.Null(settings.CertificateAuthorities);
    }

    [Theory]
    [InlineData("embedded", 15)]
    [InlineData("kafka", 60)]
    public void From_Log_DecidesHowLongTheStartWaitsForTheRing(string log, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), CassandraSettings.From(Read("--log", log, "--kafka-bootstrap", "k:9092", "--state", "redis", "--redis", "r:6379"), NullLogger.Instance).StartTimeout);

    [Fact]
    public void From_SecretsChangedLater_AreReadAgainAndWhatCantBeUsedLeavesThemAsTheyWere()
    {
        Secret("cassandra-username", "cell\n");
        Secret("cassandra-password", "one\n");
        Secret("cassandra-ca.pem", NewAuthority("one"));
        var settings = CassandraSettings.From(Read(), NullLogger.Instance);

        Secret("cassandra-password", "two\n");
        Secret("cassandra-ca.pem", NewAuthority("two"));
        Assert.Equal(("cell", "two"), settings.ReadCredentials!());
        Assert.Equal("CN=two", Assert.Single(settings.ReadAuthorities!()).Subject);

        File.Delete(Path.Combine(secrets.Path, "cassandra-username"));
        Secret("cassandra-ca.pem", "no certificate");
        Assert.Equal(("cell", "two"), settings.ReadCredentials!());
        Assert.Equal("CN=two", Assert.Single(settings.ReadAuthorities!()).Subject);
    }

    private static string NewAuthority(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var authority = new CertificateRequest("CN=" + name, key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddDays(1));
        return authority.ExportCertificatePem();
    }

    [Fact]
    public void From_KeyspaceReplicationAndSecrets_HasThem()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var authority = new CertificateRequest("CN=ring", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddDays(1));
        Secret("cassandra-username", "cell\n");
        Secret("cassandra-password", "s e c r e t\n");
        Secret("cassandra-ca.pem", authority.ExportCertificatePem());

        var settings = CassandraSettings.From(Read("--cassandra-keyspace", "other_1", "--cassandra-replication", "5"), NullLogger.Instance);

        Assert.Equal(("other_1", 5), (settings.Keyspace, settings.Replication));
        Assert.Equal(("cell", "s e c r e t"), settings.Credentials);
        Assert.DoesNotContain("s e c r e t", $"{settings}", StringComparison.Ordinal);
        Assert.Equal(authority.Thumbprint, Assert.Single(settings.CertificateAuthorities!).Thumbprint);
    }

    [Fact]
    public void From_AddressesOfNodes_HasThem()
    {
        var settings = CassandraSettings.From(Read("--cassandra-addresses", "10.0.0.1:9042=127.0.0.1:7001, [fd00::2]:9042=[::1]:7002"), NullLogger.Instance);

        Assert.Equal(2, settings.Addresses.Count);
        Assert.Equal(IPEndPoint.Parse("127.0.0.1:7001"), settings.Addresses[IPEndPoint.Parse("10.0.0.1:9042")]);
        Assert.Equal(IPEndPoint.Parse("[::1]:7002"), settings.Addresses[IPEndPoint.Parse("[fd00::2]:9042")]);
    }

    [Theory]
    [InlineData("cassandra-username", "only-me", "cassandra-password")]
    [InlineData("cassandra-password", "only-me", "cassandra-username")]
    [InlineData("cassandra-username", " \n", "cassandra-username")]
    [InlineData("cassandra-ca.pem", "", "cassandra-ca.pem")]
    [InlineData("cassandra-ca.pem", "no certificate", "cassandra-ca.pem")]
    [InlineData("cassandra-ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cassandra-ca.pem")]
    public void From_ASecretThatCantBeUsed_SaysWhichAndShowsNothingOfIt(string file, string text, string named)
    {
        Secret(file, text);

        var error = Assert.Throws<OptionsException>(() => CassandraSettings.From(Read(), NullLogger.Instance));

        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("only-me", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_NoDatacenter_IsRefused() => Assert.Contains(
        "--cassandra-datacenter",
        Assert.Throws<OptionsException>(() => CellOptionsReader.Read(
            ["--cell", "a", "--number", "1", "--region", "r", "--data", "/d", "--secrets", "/s", "--store", "cassandra", "--cassandra", "a:9042"], _ => null)).Message,
        StringComparison.Ordinal);

    [Fact]
    public void KeyspaceOf_EveryCellName_IsAKeyspace()
    {
        Assert.Equal("chat_a_b", CassandraSettings.KeyspaceOf("a-b"));
        Assert.True(CassandraSettings.IsKeyspace(CassandraSettings.KeyspaceOf(new string('9', Topology.Names.MaxLength))));
    }
}
