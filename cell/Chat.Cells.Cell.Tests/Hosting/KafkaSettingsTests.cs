using Chat.Cells.Cell.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Hosting;

public sealed class KafkaSettingsTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("kafka-settings-").FullName;

    public void Dispose() => Directory.Delete(folder, true);

    private CellOptions Options() => new()
    {
        Cell = "eu-west-1",
        Number = 1,
        Region = "eu-west",
        DataDirectory = Path.Combine(folder, "data"),
        SecretsDirectory = folder,
        Log = "kafka",
        KafkaBootstrap = "kafka:9092",
    };

    [Fact]
    public void From_SecretsFile_TakesItsSettingsAndPrefixesWithTheCell()
    {
        File.WriteAllText(Path.Combine(folder, KafkaSettings.SecretsFile), "# ours\nsecurity.protocol = SASL_SSL\r\n\nsasl.password=a=b\n");

        var kafka = KafkaSettings.From(Options(), NullLogger.Instance);

        Assert.Equal(("kafka:9092", "eu-west-1.", (short)3, 2), (kafka.BootstrapServers, kafka.Prefix, kafka.ReplicationFactor, kafka.MinInSyncReplicas));
        Assert.Equal(new Dictionary<string, string> { ["security.protocol"] = "SASL_SSL", ["sasl.password"] = "a=b" }, kafka.Settings);
    }

    [Fact]
    public void From_NoSecretsFile_HasNoSettings() => Assert.Empty(KafkaSettings.From(Options(), NullLogger.Instance).Settings);

    [Fact]
    public void From_FileWithoutAFolder_IsInTheSecretsFolder()
    {
        File.WriteAllText(Path.Combine(folder, KafkaSettings.SecretsFile), "ssl.ca.location=ca.pem\nssl.certificate.location = me.pem\nssl.key.location=/keys/me.key\nsasl.password=ca.pem");

        var settings = KafkaSettings.From(Options(), NullLogger.Instance).Settings;

        Assert.Equal(
            (Path.Combine(folder, "ca.pem"), Path.Combine(folder, "me.pem"), "/keys/me.key", "ca.pem"),
            (settings["ssl.ca.location"], settings["ssl.certificate.location"], settings["ssl.key.location"], settings["sasl.password"]));
    }

    [Fact]
    public void From_AuthoritiesFile_IsTakenUnlessTheSettingsNameAnother()
    {
        File.WriteAllText(Path.Combine(folder, KafkaSettings.AuthoritiesFile), "certificates");
        Assert.Equal(Path.Combine(folder, KafkaSettings.AuthoritiesFile), KafkaSettings.From(Options(), NullLogger.Instance).Settings["ssl.ca.location"]);

        File.WriteAllText(Path.Combine(folder, KafkaSettings.SecretsFile), "ssl.ca.location=probe");
        Assert.Equal("probe", KafkaSettings.From(Options(), NullLogger.Instance).Settings["ssl.ca.location"]);
    }

    [Fact]
    public void From_SessionTimeout_IsTheEngines()
    {
        Assert.Equal(TimeSpan.FromSeconds(6), KafkaSettings.From(Options(), NullLogger.Instance).SessionTimeout);
        File.WriteAllText(Path.Combine(folder, KafkaSettings.SecretsFile), "session.timeout.ms=45000");

        Assert.Equal(TimeSpan.FromSeconds(45), KafkaSettings.From(Options(), NullLogger.Instance).SessionTimeout);
    }

    [Fact]
    public void From_FileChangedLater_IsReadAgainAndWhatCantBeUsedLeavesItAsItWas()
    {
        var file = Path.Combine(folder, KafkaSettings.SecretsFile);
        File.WriteAllText(file, "sasl.password=one");
        var live = KafkaSettings.From(Options(), NullLogger.Instance).Live!;
        Assert.Null(live.FindChanged());

        File.WriteAllText(file, "sasl.password=two");
        var changed = live.FindChanged();
        Assert.Equal(("one", "two"), (live.Current["sasl.password"], changed!["sasl.password"]));
        live.Take(changed);
        Assert.Null(live.FindChanged());

        File.WriteAllText(file, "no setting");
        Assert.Null(live.FindChanged());
        Assert.Equal("two", live.Current["sasl.password"]);
    }

    [Fact]
    public void From_ServerId_NamesTheGroupsMember() => Assert.Equal("gateway-7", KafkaSettings.From(Options() with { ServerId = "gateway-7" }, NullLogger.Instance).InstanceId);

    [Theory]
    [InlineData("")]
    [InlineData("6 s")]
    [InlineData("-1")]
    [InlineData("999")]
    [InlineData("300001")]
    public void From_BadSessionTimeout_IsRefused(string value)
    {
        File.WriteAllText(Path.Combine(folder, KafkaSettings.SecretsFile), $"session.timeout.ms={value}");

        Assert.Throws<OptionsException>(() => KafkaSettings.From(Options(), NullLogger.Instance));
    }

    [Fact]
    public void From_NoBootstrap_IsRefused() => Assert.Throws<OptionsException>(() => KafkaSettings.From(Options() with { KafkaBootstrap = " " }, NullLogger.Instance));

    [Theory]
    [InlineData("a=1\nsecret words")]
    [InlineData("a=1\n=secret words")]
    [InlineData("a=1\na=secret words")]
    public void Parse_BadLine_IsRefusedWithoutShowingIt(string text)
    {
        var error = Assert.Throws<OptionsException>(() => KafkaSettings.Parse(text));
        Assert.Contains("line 2", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret words", error.Message, StringComparison.Ordinal);
    }
}
