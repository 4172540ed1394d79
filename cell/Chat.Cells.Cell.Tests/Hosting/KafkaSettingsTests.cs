using Chat.Cells.Cell.Hosting;

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

        var kafka = KafkaSettings.From(Options());

        Assert.Equal(("kafka:9092", "eu-west-1.", (short)3, 2), (kafka.BootstrapServers, kafka.Prefix, kafka.ReplicationFactor, kafka.MinInSyncReplicas));
        Assert.Equal(new Dictionary<string, string> { ["security.protocol"] = "SASL_SSL", ["sasl.password"] = "a=b" }, kafka.Settings);
    }

    [Fact]
    public void From_NoSecretsFile_HasNoSettings() => Assert.Empty(KafkaSettings.From(Options()).Settings);

    [Fact]
    public void From_SessionTimeout_IsTheEngines()
    {
        Assert.Equal(TimeSpan.FromSeconds(10), KafkaSettings.From(Options()).SessionTimeout);
        File.WriteAllText(Path.Combine(folder, KafkaSettings.SecretsFile), "session.timeout.ms=6000");

        Assert.Equal(TimeSpan.FromSeconds(6), KafkaSettings.From(Options()).SessionTimeout);
    }

    [Theory]
    [InlineData("")]
    [InlineData("6 s")]
    [InlineData("-1")]
    [InlineData("999")]
    [InlineData("300001")]
    public void From_BadSessionTimeout_IsRefused(string value)
    {
        File.WriteAllText(Path.Combine(folder, KafkaSettings.SecretsFile), $"session.timeout.ms={value}");

        Assert.Throws<OptionsException>(() => KafkaSettings.From(Options()));
    }

    [Fact]
    public void From_NoBootstrap_IsRefused() => Assert.Throws<OptionsException>(() => KafkaSettings.From(Options() with { KafkaBootstrap = " " }));

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
